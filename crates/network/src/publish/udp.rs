//! UDP: every client address of the host has a flow, a socket of its own towards the guest, until it falls silent.
//!
//! Datagrams that a socket does not take at once are dropped, as a network may.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use super::BUFFER;
use crate::config::Limits;

/// One client.
struct Flow {
    socket: Arc<UdpSocket>,
    used: Arc<LastUse>,
    answers: AbortHandle,
}

/// When the last datagram passed, either way.
struct LastUse {
    start: Instant,
    nanos: AtomicU64,
}

/// A published port.
struct Port {
    host: Arc<UdpSocket>,
    guest: SocketAddrV4,
    limits: Limits,
    flows: HashMap<SocketAddr, Flow>,
    /// The tasks that bring back answers; each ends with its flow and names the client.
    answers: JoinSet<SocketAddr>,
}

/// Serves a published port until it is dropped, with all its flows.
pub(super) async fn serve(
    socket: std::net::UdpSocket,
    guest: SocketAddrV4,
    limits: Limits,
) -> io::Result<()> {
    let host = Arc::new(UdpSocket::from_std(socket)?);
    let mut port = Port {
        host: Arc::clone(&host),
        guest,
        limits,
        flows: HashMap::new(),
        answers: JoinSet::new(),
    };
    loop {
        tokio::select! {
            ready = host.readable() => {
                ready?;
                port.forward();
                tokio::task::coop::consume_budget().await;
            }
            Some(ended) = port.answers.join_next() => {
                // The task of a flow that gave way was aborted, and its flow is gone. A client that came back just now
                // has a new flow already, whose task runs.
                if let Ok(client) = ended
                    && port.flows.get(&client).is_some_and(|flow| flow.answers.is_finished())
                {
                    port.flows.remove(&client);
                }
            }
        }
    }
}

impl Port {
    /// Takes one datagram of a client to the guest.
    fn forward(&mut self) {
        BUFFER.with_borrow_mut(|buffer| {
            // An error is about an earlier answer to some client (ICMP), not about this socket.
            let Ok((length, client)) = self.host.try_recv_from(buffer) else {
                return;
            };
            let flow = match self.flows.get(&client) {
                // One whose task has just ended would lose the answer.
                Some(flow) if !flow.answers.is_finished() => flow,
                _ => match self.open(client) {
                    Ok(flow) => flow,
                    Err(error) => {
                        tracing::warn!(%error, "a published UDP port cannot take a client now");
                        return;
                    }
                },
            };
            flow.used.now();
            // Not by tokio's `try_send`: it knows of no readiness yet on the socket of a new flow.
            drop(SockRef::from(&*flow.socket).send(&buffer[..length]));
        });
    }

    /// Opens a flow; where there are too many, the one that was silent longest gives way.
    fn open(&mut self, client: SocketAddr) -> io::Result<&Flow> {
        if self.flows.len() >= self.limits.flows_per_port
            && let Some(oldest) = self
                .flows
                .iter()
                .min_by_key(|(_, flow)| flow.used.at())
                .map(|(client, _)| *client)
            && let Some(flow) = self.flows.remove(&oldest)
        {
            flow.answers.abort();
        }
        let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.set_nonblocking(true)?;
        socket.connect(self.guest)?;
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        let used = Arc::new(LastUse {
            start: Instant::now(),
            nanos: AtomicU64::new(0),
        });
        let (host, idle) = (Arc::clone(&self.host), self.limits.flow_idle);
        let answers = self.answers.spawn(bring_back(
            Arc::clone(&socket),
            host,
            client,
            Arc::clone(&used),
            idle,
        ));
        Ok(self
            .flows
            .entry(client)
            .insert_entry(Flow {
                socket,
                used,
                answers,
            })
            .into_mut())
    }
}

impl LastUse {
    fn now(&self) {
        let nanos = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanos.store(nanos, Ordering::Relaxed);
    }

    fn at(&self) -> Instant {
        self.start + Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }
}

/// Brings the guest's answers to the client until the flow has been idle for long enough.
async fn bring_back(
    socket: Arc<UdpSocket>,
    host: Arc<UdpSocket>,
    client: SocketAddr,
    used: Arc<LastUse>,
    idle: Duration,
) -> SocketAddr {
    loop {
        let until = used.at() + idle;
        match tokio::time::timeout_at(until, socket.readable()).await {
            Ok(_) => {
                BUFFER.with_borrow_mut(|buffer| {
                    // An error is the guest's ICMP answer to an earlier datagram: its port is closed just now.
                    if let Ok(length) = socket.try_recv(buffer) {
                        used.now();
                        drop(host.try_send_to(&buffer[..length], client));
                    }
                });
                tokio::task::coop::consume_budget().await;
            }
            Err(_) if used.at() + idle <= Instant::now() => return client,
            Err(_) => {}
        }
    }
}
