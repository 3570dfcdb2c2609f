//! The network: the TCP/IP stack, and sockets as files.
//!
//! ```text
//!   syscall::net     bind, send, ...        one file per system call
//!        |
//!   socket           Socket: a File; blocking, time-outs, generic options
//!        |  trait Endpoint
//!   tcp  udp  unix   what a program can do with each kind
//!        |
//!   stack            connections, listeners, datagrams; timers; demultiplexer    (one lock)
//!        |
//!   link             smoltcp's devices: loopback, the card
//! ```
//!
//! Nothing here polls. Packets come in by [`interrupt`]; what a system call makes ready to be sent leaves within that call; all deadlines of
//! the stack share one kernel timer, which is off while there are none.

mod address;
mod checksum;
mod control;
mod inet;
mod interface;
mod link;
mod netlink;
mod options;
mod packet;
mod ports;
pub mod report;
mod socket;
mod stack;
mod tcp;
mod udp;
mod unix;
mod watch;

pub use address::Address;
pub use control::{Ancillary, Credentials, FILES_MAX, SCM_CREDENTIALS, SCM_RIGHTS};
pub use socket::{Endpoint, Message, Outgoing, Socket, Timeout};

use crate::{
    arch::interrupt as line,
    drivers::net::NetDevice,
    errno::{Errno, Result},
    mm::{PAGE_SIZE, frames},
    sync::{Lock, rank},
    time::{self, Instant, TimerId},
    wait::Wake,
};
use alloc::{boxed::Box, sync::Arc};
use linux_raw_sys::net as raw;
use stack::{ETHERNET, Ethernet, Stack};
use uigniter_abi::boot_args::BootArgs;

/// Batches of received frames that one interrupt serves before programs get their turn.
const BATCHES: usize = 8;

static STACK: Lock<Option<Box<Stack>>, rank::Network> = Lock::new(None);
static TIMER: Lock<Timer, rank::Alarm> = Lock::new(Timer {
    tick: None,
    armed: None,
});

/// The stack's one kernel timer.
struct Timer {
    tick: Option<Arc<dyn Wake>>,
    armed: Option<(Instant, TimerId)>,
}

struct Tick;

impl Wake for Tick {
    fn wake(&self) {
        TIMER.lock().armed = None;
        poll();
    }
}

/// Brings the network up: loopback always, and the card with the first address of the boot line. `seed` makes sequence and port numbers
/// hard to guess; take it from the entropy source.
pub fn init(device: Option<Box<dyn NetDevice>>, args: &BootArgs, seed: u64) {
    let ethernet = args.interfaces.first().map(|interface| Ethernet {
        address: interface.address,
        prefix_len: interface.prefix_len,
        gateway: args.default_gateway,
    });
    let card = device.map(|mut device| {
        device.set_interrupt_handler(|| {
            watch::woken();
            interrupt();
        });
        line::before_halt(watch::before_halt);
        (device, ethernet)
    });
    let mut stack = Box::new(Stack::new(card, seed, time::now()));
    stack.set_memory(frames::counts().1 as usize * PAGE_SIZE);
    for interface in &args.interfaces_v6 {
        if !stack.add_ipv6(interface.address, interface.prefix_len) {
            crate::log!(
                "no room for the address {} on {}",
                interface.address,
                interface.name
            );
        }
    }
    if let Some(gateway) = args.default_gateway_v6 {
        stack.set_gateway_v6(gateway);
    }
    *STACK.lock() = Some(stack);
    // What has come since the card was started raised its interrupt before there was a handler.
    interrupt();
}

/// Serves the card: takes all that it received, and lets those who wait for it run.
pub fn interrupt() {
    for _ in 0..BATCHES {
        let more = with_stack(|stack| {
            stack.receive_interrupts(false);
            stack.receive() || stack.receive_interrupts(true)
        });
        if !more {
            return;
        }
    }
    // A flood: programs run for a moment, then the timer brings us back.
    with_stack(|stack| stack.receive_interrupts(true));
    arm(Some(time::now()));
}

/// Serves the stack's timers, and the card. The kernel timer calls it; nobody else has to.
pub fn poll() {
    with_stack(Stack::expire);
    interrupt();
}

/// A new socket (`socket(2)`); `kind` is without `SOCK_NONBLOCK` and `SOCK_CLOEXEC`.
///
/// # Errors
///
/// `EAFNOSUPPORT`, `ESOCKTNOSUPPORT`, `EPROTONOSUPPORT`, `EPERM` for raw sockets, `EINVAL`.
pub fn socket(family: u32, kind: u32, protocol: u32) -> Result<Arc<Socket>> {
    match (family, kind) {
        (raw::AF_INET | raw::AF_INET6, raw::SOCK_STREAM) => match protocol {
            0 | options::IPPROTO_TCP => Ok(Socket::new(Box::new(tcp::TcpSocket::new(family)))),
            _ => Err(Errno::EPROTONOSUPPORT),
        },
        (raw::AF_INET | raw::AF_INET6, raw::SOCK_DGRAM) => match protocol {
            0 | options::IPPROTO_UDP => Ok(Socket::new(Box::new(udp::UdpSocket::new(family)))),
            _ => Err(Errno::EPROTONOSUPPORT),
        },
        (raw::AF_INET | raw::AF_INET6, raw::SOCK_RAW) => Err(match protocol {
            0 => Errno::EPROTONOSUPPORT,
            _ => Errno::EPERM,
        }),
        (raw::AF_INET | raw::AF_INET6, _) => Err(if kind > 10 {
            Errno::EINVAL
        } else {
            Errno::ESOCKTNOSUPPORT
        }),
        (raw::AF_UNIX, raw::SOCK_STREAM | raw::SOCK_DGRAM | raw::SOCK_SEQPACKET | raw::SOCK_RAW)
            if protocol > 1 =>
        {
            Err(Errno::EPROTONOSUPPORT)
        }
        (raw::AF_UNIX, raw::SOCK_STREAM | raw::SOCK_DGRAM | raw::SOCK_SEQPACKET) => {
            Ok(Socket::new(Box::new(unix::UnixSocket::new(kind))))
        }
        (raw::AF_UNIX, _) => Err(if kind > 10 {
            Errno::EINVAL
        } else {
            Errno::ESOCKTNOSUPPORT
        }),
        (raw::AF_NETLINK, raw::SOCK_RAW | raw::SOCK_DGRAM) => match protocol {
            netlink::NETLINK_ROUTE => Ok(Socket::new(Box::new(netlink::NetlinkSocket::new(kind)))),
            _ => Err(Errno::EPROTONOSUPPORT),
        },
        (raw::AF_NETLINK, _) => Err(Errno::ESOCKTNOSUPPORT),
        _ => Err(Errno::EAFNOSUPPORT),
    }
}

/// Two connected sockets (`socketpair(2)`).
///
/// # Errors
///
/// As [`socket`]; `EOPNOTSUPP` for families other than `AF_UNIX`.
pub fn socket_pair(family: u32, kind: u32, protocol: u32) -> Result<(Arc<Socket>, Arc<Socket>)> {
    // For its checks.
    socket(family, kind, protocol)?;
    if family != raw::AF_UNIX {
        return Err(Errno::EOPNOTSUPP);
    }
    let (one, other) = unix::UnixSocket::pair(kind);
    Ok((Socket::new(Box::new(one)), Socket::new(Box::new(other))))
}

/// The stack of tests, and of a boot that never called [`init`]. Not inlined: interfaces are large, and kernel stacks are not.
#[cold]
#[inline(never)]
fn only_loopback() -> Box<Stack> {
    let now = time::now();
    Box::new(Stack::new(None, time::realtime() ^ now.0, now))
}

/// Runs `f` on the stack; afterwards wakes whom it concerns, and arms the timer. The caller may hold no lock that a waker could take.
fn with_stack<R>(f: impl FnOnce(&mut Stack) -> R) -> R {
    let now = time::now();
    let (result, mut woken, deadline) = {
        let mut guard = STACK.lock();
        let stack = guard.get_or_insert_with(only_loopback);
        stack.now = stack.now.max(now);
        let result = f(stack);
        (result, core::mem::take(&mut stack.woken), stack.next_deadline())
    };
    arm(deadline);
    if woken.capacity() > 0 {
        for queue in woken.drain(..) {
            queue.wake_all();
        }
        // The list's memory is for the next time.
        if let Some(stack) = STACK.lock().as_mut()
            && stack.woken.capacity() == 0
        {
            stack.woken = woken;
        }
    }
    result
}

/// Asks the card, if there is one.
fn with_device(f: impl FnOnce(&mut dyn NetDevice) -> bool) -> bool {
    let mut stack = STACK.lock();
    let link = stack.as_mut().and_then(|stack| stack.links[ETHERNET].as_mut());
    link.and_then(|link| link.port.device()).is_some_and(f)
}

/// Sees to it that [`poll`] is called at that time or before.
fn arm(deadline: Option<Instant>) {
    let Some(deadline) = deadline else { return };
    let mut timer = TIMER.lock();
    match timer.armed {
        // An early call too many costs less than arming anew with each packet.
        Some((at, _)) if at <= deadline => return,
        Some((_, id)) => time::cancel(id),
        None => {}
    }
    let tick = timer.tick.get_or_insert_with(|| Arc::new(Tick)).clone();
    timer.armed = Some((deadline, time::arm(deadline, &tick)));
}

#[cfg(test)]
mod tests;
