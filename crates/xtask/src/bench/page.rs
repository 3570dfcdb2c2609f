//! The client's side: connect as soon as it is possible, ask, take the first byte.

use std::{
    io::ErrorKind,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// What a start may take at the very most.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two attempts, so that the client does not take the one core that the guest needs.
const PAUSE: Duration = Duration::from_micros(200);

/// Asks `server` for a page until the first byte comes; `begin` is for the limit.
pub(super) async fn first_byte(server: SocketAddr, begin: Instant) -> Result<()> {
    timeout(PATIENCE, attempts(server))
        .await
        .with_context(|| format!("{server} gave no byte {:?} after the start", begin.elapsed()))?
}

async fn attempts(server: SocketAddr) -> Result<()> {
    loop {
        match ask(server).await {
            Ok(()) => return Ok(()),
            // Nobody listens yet, or the address is not known to anybody yet.
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::ConnectionReset
                ) =>
            {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// One request on one connection, until the first byte.
async fn ask(server: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")
        .await?;
    stream.read_u8().await.map(drop)
}

/// The whole page must come, and be a page.
pub(super) async fn whole_page(server: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(server).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    ensure!(
        answer.starts_with("HTTP/1.1 200"),
        "{server} gave no page: {answer:?}"
    );
    Ok(())
}
