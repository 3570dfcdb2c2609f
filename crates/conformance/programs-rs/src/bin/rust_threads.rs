//! Threads, scoped threads, mutexes, condition variables, barriers, thread locals, parking, panics.

use std::{
    cell::Cell,
    sync::{
        Arc, Barrier, Condvar, Mutex, OnceLock, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

thread_local! {
    static OWN: Cell<u64> = const { Cell::new(7) };
}

fn main() {
    let total = Arc::new(AtomicU64::new(0));
    let handles: Vec<_> = (0..16u64)
        .map(|n| {
            let total = Arc::clone(&total);
            thread::Builder::new()
                .name(format!("worker-{n}"))
                .stack_size(256 << 10)
                .spawn(move || {
                    OWN.set(n);
                    for _ in 0..1000 {
                        total.fetch_add(n, Ordering::Relaxed);
                    }
                    thread::yield_now();
                    (thread::current().name().map(str::to_owned), OWN.get())
                })
        })
        .collect();
    for handle in handles {
        println!("{:?}", handle.unwrap().join().unwrap());
    }
    println!("total {}, own {}", total.load(Ordering::Relaxed), OWN.get());

    let mut numbers = vec![1, 2, 3, 4];
    thread::scope(|scope| {
        for number in &mut numbers {
            scope.spawn(move || *number *= 10);
        }
    });
    println!("{numbers:?}");

    let pair = (Mutex::new(0), Condvar::new());
    thread::scope(|scope| {
        for me in 0..4 {
            let pair = &pair;
            scope.spawn(move || {
                let mut turn = pair
                    .1
                    .wait_while(pair.0.lock().unwrap(), |turn| *turn != me)
                    .unwrap();
                println!("turn of {me}");
                *turn += 1;
                pair.1.notify_all();
            });
        }
    });
    let (_guard, result) = pair
        .1
        .wait_timeout(pair.0.lock().unwrap(), Duration::from_millis(20))
        .unwrap();
    println!("timed out: {}", result.timed_out());

    let barrier = Barrier::new(5);
    let leaders = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| leaders.fetch_add(barrier.wait().is_leader().into(), Ordering::Relaxed));
        }
    });
    println!("leaders {}", leaders.load(Ordering::Relaxed));

    let lock = RwLock::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|_| *lock.write().unwrap() += 1));
            scope.spawn(|| (0..1000).for_each(|_| assert!(*lock.read().unwrap() <= 4000)));
        }
    });
    println!("written {}", lock.into_inner().unwrap());

    static ONCE: OnceLock<u32> = OnceLock::new();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| ONCE.get_or_init(|| 5));
        }
    });
    println!("once {:?}", ONCE.get());

    let begin = Instant::now();
    thread::park_timeout(Duration::from_millis(20));
    println!("parked: {}", begin.elapsed() < Duration::from_secs(5));
    let parked = thread::spawn(|| {
        thread::park();
        "unparked"
    });
    parked.thread().unpark();
    println!("{}", parked.join().unwrap());

    std::panic::set_hook(Box::new(|_| {}));
    let result = thread::spawn(|| panic!("on purpose")).join();
    println!("panicked: {:?}", result.unwrap_err().downcast_ref::<&str>());
    println!("parallelism known: {}", thread::available_parallelism().is_ok());
}
