//! Channels between threads.

use std::{
    sync::mpsc::{self, RecvTimeoutError, TryRecvError},
    thread,
    time::{Duration, Instant},
};

fn main() {
    let (sender, receiver) = mpsc::channel();
    let threads: Vec<_> = (0..4u64)
        .map(|n| {
            let sender = sender.clone();
            thread::spawn(move || (0..5000).for_each(|i| sender.send(n * 5000 + i).unwrap()))
        })
        .collect();
    drop(sender);
    let mut all: Vec<_> = receiver.iter().collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    all.sort_unstable();
    println!(
        "{} messages, each once: {}",
        all.len(),
        all.windows(2).all(|pair| pair[0] + 1 == pair[1])
    );

    let (sender, receiver) = mpsc::sync_channel(0);
    let ping = thread::spawn(move || (0..1000).for_each(|i| sender.send(i).unwrap()));
    println!("rendezvous sum {}", receiver.iter().sum::<i32>());
    ping.join().unwrap();

    let (sender, receiver) = mpsc::channel::<()>();
    println!("{:?}", receiver.try_recv() == Err(TryRecvError::Empty));
    let begin = Instant::now();
    println!(
        "{:?}",
        receiver.recv_timeout(Duration::from_millis(30)) == Err(RecvTimeoutError::Timeout)
    );
    println!("long enough: {}", begin.elapsed() >= Duration::from_millis(30));
    drop(sender);
    println!("{:?}", receiver.try_recv() == Err(TryRecvError::Disconnected));
}
