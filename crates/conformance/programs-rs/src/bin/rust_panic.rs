//! A panic of the main thread: its message on standard error, and status 101.

fn main() {
    // The default hook says the thread's number.
    std::panic::set_hook(Box::new(|info| {
        eprintln!(
            "{:?} at line {:?}",
            info.payload().downcast_ref::<&str>(),
            info.location().map(|at| at.line())
        )
    }));
    println!("before");
    let numbers: Vec<u32> = std::env::args().skip(5).map(|_| 0).collect();
    let index = numbers.len() + 3;
    if std::panic::catch_unwind(|| numbers[index]).is_err() {
        println!("caught");
    }
    panic!("on purpose");
}
