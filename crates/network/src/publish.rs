//! Ports of the host that lead to a guest.
//!
//! The listening socket is made in the caller's namespace and served by a thread that lives in the network's, so the
//! sockets that the proxy makes towards the guest are inside. All connections of one published port are tasks of one
//! thread: no thread per connection, and one buffer for all of them.

mod tcp;
mod udp;

use std::cell::RefCell;
use std::io;
use std::net::{SocketAddr, SocketAddrV4};

use socket2::{Domain, Socket, Type};

use crate::config::Limits;
use crate::error::Result;
use crate::worker::{AbortOnDrop, Worker};
use crate::{Error, PortMapping, Protocol, Publication};

/// Clients that wait for their connection to be taken, at most (the kernel cuts it to `net.core.somaxconn`).
const BACKLOG: i32 = 4096;
/// What one read may bring; a datagram has at most 65,507 bytes.
const BUFFER_BYTES: usize = 128 << 10;

thread_local! {
    /// Bytes pass through here between two system calls, never across an await: an idle connection has no buffer.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; BUFFER_BYTES].into_boxed_slice());
}

/// A port that is served.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) publication: Publication,
    task: AbortOnDrop<io::Result<()>>,
}

impl Published {
    /// Listens on the host, here and now, and serves the port on `worker`.
    pub(crate) fn open(
        owner: &str,
        mapping: PortMapping,
        guest: SocketAddrV4,
        worker: &Worker,
        limits: &Limits,
    ) -> Result<Self> {
        let PortMapping {
            host_ip,
            host_port,
            protocol,
            ..
        } = mapping;
        let wish = SocketAddr::from((host_ip, host_port));
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => Error::PortTaken {
                protocol,
                address: wish,
            },
            _ => Error::Listen {
                protocol,
                address: wish,
                source,
            },
        };
        let (socket, host) = listen(wish, protocol).map_err(failed)?;
        let limits = limits.clone();
        let task = match protocol {
            Protocol::Tcp => worker.spawn(tcp::serve(socket.into(), guest, limits)),
            Protocol::Udp => worker.spawn(udp::serve(socket.into(), guest, limits)),
        };
        Ok(Self {
            publication: Publication {
                owner: owner.to_owned(),
                host,
                guest,
                protocol,
            },
            task,
        })
    }

    /// Closes the port and every connection through it, and waits for that.
    pub(crate) async fn close(self) {
        self.task.abort().await;
    }
}

/// A non-blocking socket of the calling thread's namespace, and the address that it got.
fn listen(address: SocketAddr, protocol: Protocol) -> io::Result<(Socket, SocketAddr)> {
    let kind = match protocol {
        Protocol::Tcp => Type::STREAM,
        Protocol::Udp => Type::DGRAM,
    };
    let socket = Socket::new(Domain::for_address(address), kind.nonblocking().cloexec(), None)?;
    if protocol == Protocol::Tcp {
        // A port whose last connections are in TIME_WAIT is free.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    if protocol == Protocol::Tcp {
        socket.listen(BACKLOG)?;
    }
    let host = socket
        .local_addr()?
        .as_socket()
        .ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok((socket, host))
}
