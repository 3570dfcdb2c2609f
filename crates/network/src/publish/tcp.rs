//! TCP: one connection of the host, one towards the guest, bytes both ways.
//!
//! - Half-close passes through: the end of one direction is told to the other side, which may go on sending.
//! - Backpressure passes through: nothing more is read from one side until the other has taken what was read.
//! - An end that is not clean (reset, refused, no answer) resets the other side at once.

use std::future::poll_fn;
use std::io;
use std::net::{Shutdown, SocketAddrV4};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::BUFFER;
use crate::config::Limits;

/// A side that is silent that long is asked whether it still lives, and is given up 3 questions of 10 s later.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);
const KEEPALIVE_TRIES: u32 = 3;
/// How long a host without free descriptors is given, if no connection of ours can end meanwhile.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);
/// Memory for bytes that wait for a slow side is given back above that.
const KEPT_BYTES: usize = 16 << 10;

/// Serves a published port until it is dropped, with all its connections.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    guest: SocketAddrV4,
    limits: Limits,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let permits = Arc::new(Semaphore::new(limits.connections_per_port));
    let mut connections = JoinSet::new();
    loop {
        let permit = Arc::clone(&permits)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let client = loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((client, _)) => break client,
                    Err(error) => after_failed_accept(&error, &mut connections).await,
                },
                Some(_) = connections.join_next() => {}
            }
        };
        connections.spawn(async move {
            // Both sides have been told already how it ended.
            drop(proxy(client, guest, limits.connect_timeout).await);
            drop(permit);
        });
    }
}

/// accept(2) also reports errors of the connection that it would have returned: those pass. Out of descriptors or
/// memory it would fail again at once, so first something has to be given back.
async fn after_failed_accept(error: &io::Error, connections: &mut JoinSet<()>) {
    if matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    ) {
        tracing::warn!(%error, "a published port cannot take a client now");
        tokio::select! {
            Some(_) = connections.join_next() => {}
            () = tokio::time::sleep(EXHAUSTED_PAUSE) => {}
        }
    }
}

async fn proxy(mut client: TcpStream, guest: SocketAddrV4, connect_timeout: Duration) -> io::Result<()> {
    let result = match tokio::time::timeout(connect_timeout, TcpStream::connect(guest)).await {
        Ok(Ok(guest)) => relay(&mut client, guest).await,
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    };
    if result.is_err() {
        client.set_zero_linger()?;
    }
    result
}

async fn relay(client: &mut TcpStream, mut guest: TcpStream) -> io::Result<()> {
    prepare(client)?;
    prepare(&guest)?;
    let (from_client, to_client) = client.split();
    let (from_guest, to_guest) = guest.split();
    let result = tokio::try_join!(pump(from_client, to_guest), pump(from_guest, to_client));
    if result.is_err() {
        guest.set_zero_linger()?;
    }
    result.map(drop)
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_AFTER)
        .with_interval(KEEPALIVE_EVERY)
        .with_retries(KEEPALIVE_TRIES);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// What one turn brought.
enum Turn {
    End,
    Bytes,
}

/// Moves bytes one way until that way ends.
async fn pump(mut from: ReadHalf<'_>, to: WriteHalf<'_>) -> io::Result<()> {
    let mut waiting = Vec::new();
    loop {
        match poll_fn(|context| turn(context, &mut from, &to, &mut waiting)).await? {
            Turn::End => return SockRef::from(to.as_ref()).shutdown(Shutdown::Write),
            Turn::Bytes => {
                write_all(&to, &waiting).await?;
                waiting.clear();
                waiting.shrink_to(KEPT_BYTES);
            }
        }
    }
}

/// Reads once and writes what the other side takes at once; the rest is left in `waiting`.
///
/// It reads by `poll_read`, which knows that a short read has emptied the socket, and so saves the read(2) that would say
/// so. It also makes a fast pair yield to the other connections of its thread.
fn turn(
    context: &mut Context<'_>,
    from: &mut ReadHalf<'_>,
    to: &WriteHalf<'_>,
    waiting: &mut Vec<u8>,
) -> Poll<io::Result<Turn>> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut read = ReadBuf::new(buffer);
        ready!(Pin::new(from).poll_read(context, &mut read))?;
        let bytes = read.filled();
        if bytes.is_empty() {
            return Poll::Ready(Ok(Turn::End));
        }
        let taken = match to.try_write(bytes) {
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Poll::Ready(Err(error)),
        };
        waiting.extend_from_slice(&bytes[taken..]);
        Poll::Ready(Ok(Turn::Bytes))
    })
}

async fn write_all(to: &WriteHalf<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        to.writable().await?;
        match to.try_write(bytes) {
            Ok(taken) => bytes = &bytes[taken..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
