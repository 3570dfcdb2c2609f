//! Tokio's multi-thread runtime: tasks, timers, channels, blocking work, signals, TCP, UDP, Unix sockets, files.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket, UnixStream},
    sync::{Notify, Semaphore, broadcast, mpsc},
    task::JoinSet,
    time::{Instant, interval, sleep, timeout},
};

#[tokio::main(flavor = "multi_thread", worker_threads = 4)]
async fn main() -> std::io::Result<()> {
    tasks().await;
    timers().await;
    network().await?;
    let text =
        tokio::task::spawn_blocking(|| std::fs::write("file", "blocking").map(|()| "written")).await??;
    println!("{text} {:?}", tokio::fs::read_to_string("file").await?);
    let mut usr1 = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::user_defined1())?;
    signal_self();
    println!(
        "signal: {:?}",
        timeout(Duration::from_secs(10), usr1.recv()).await.is_ok()
    );
    Ok(())
}

/// `SIGUSR1` to this process, through the C library that `std` links anyway.
fn signal_self() {
    unsafe extern "C" {
        fn raise(signal: i32) -> i32;
    }
    // SAFETY: `raise(3)` takes any number.
    unsafe { raise(10) };
}

async fn tasks() {
    let mut set = JoinSet::new();
    for n in 0..1000u64 {
        set.spawn(async move {
            tokio::task::yield_now().await;
            n
        });
    }
    let mut sum = 0;
    while let Some(result) = set.join_next().await {
        sum += result.unwrap();
    }
    println!("sum {sum}");
    let (sender, mut receiver) = mpsc::channel(4);
    let producer = tokio::spawn(async move {
        for n in 0..1000 {
            sender.send(n).await.unwrap();
        }
    });
    let mut in_order = 0;
    while let Some(n) = receiver.recv().await {
        in_order += i32::from(n == in_order);
    }
    producer.await.unwrap();
    println!("in order {in_order}");
    let (sender, mut one) = broadcast::channel(16);
    let mut two = sender.subscribe();
    sender.send("all").unwrap();
    println!("{:?} {:?}", one.recv().await, two.recv().await);
    let semaphore = Semaphore::new(2);
    let _both = semaphore.acquire_many(2).await.unwrap();
    println!("{}", semaphore.try_acquire().is_err());
    let notify = Notify::new();
    notify.notify_one();
    notify.notified().await;
    let aborted = tokio::spawn(sleep(Duration::from_secs(1000)));
    aborted.abort();
    println!("cancelled: {}", aborted.await.unwrap_err().is_cancelled());
}

async fn timers() {
    let begin = Instant::now();
    let mut set = JoinSet::new();
    for n in [80u64, 10, 45] {
        set.spawn(async move {
            sleep(Duration::from_millis(n)).await;
            n
        });
    }
    while let Some(result) = set.join_next().await {
        println!("slept {}", result.unwrap());
    }
    println!("long enough: {}", begin.elapsed() >= Duration::from_millis(80));
    let mut ticks = interval(Duration::from_millis(5));
    for _ in 0..5 {
        ticks.tick().await;
    }
    println!(
        "timeout: {}",
        timeout(Duration::from_millis(10), std::future::pending::<()>())
            .await
            .is_err()
    );
}

async fn network() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        for _ in 0..50 {
            let (mut stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                tokio::io::copy(&mut reader, &mut writer).await
            });
        }
        std::io::Result::Ok(())
    });
    let mut clients = JoinSet::new();
    for n in 0..50usize {
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            let message = vec![n as u8; 20_000];
            let (mut reader, mut writer) = stream.split();
            let send = async {
                writer.write_all(&message).await?;
                writer.shutdown().await
            };
            let mut back = Vec::new();
            let (sent, got) = tokio::join!(send, reader.read_to_end(&mut back));
            sent.and(got)?;
            std::io::Result::Ok(back == message)
        });
    }
    let mut right = 0;
    while let Some(result) = clients.join_next().await {
        right += i32::from(result.unwrap()?);
    }
    server.await.unwrap()?;
    println!("right answers {right}");
    let (one, two) = (
        UdpSocket::bind("127.0.0.1:0").await?,
        UdpSocket::bind("127.0.0.1:0").await?,
    );
    one.send_to(b"hello", two.local_addr()?).await?;
    let mut buffer = [0; 16];
    println!("datagram of {}", two.recv(&mut buffer).await?);
    let (mut a, mut b) = UnixStream::pair()?;
    a.write_all(b"pair").await?;
    drop(a);
    let mut text = String::new();
    b.read_to_string(&mut text).await?;
    println!("{text}");
    Ok(())
}
