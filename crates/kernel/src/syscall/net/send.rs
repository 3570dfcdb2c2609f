//! `send(2)`: `sendto` and `sendmsg`.

use super::common::{MessageHeader, control, with_socket};
use crate::{
    errno::{Errno, Result},
    file::OpenFile,
    net::{Address, Socket},
    syscall::Args,
};

/// Sends from one buffer, perhaps to a given address.
pub(super) fn sendto(args: &Args) -> Result<usize> {
    with_socket(args.int(0), |socket, open| {
        let to = match args.0[4] {
            0 => None,
            at => Some(Address::read(at, args.size(5))?),
        };
        socket.send(open, &[args.slice(1)], to.as_ref(), &[], args.uint(3))
    })
}

/// Sends from several buffers.
pub(super) fn sendmsg(args: &Args) -> Result<usize> {
    let header = args.ptr::<MessageHeader>(1).read()?;
    with_socket(args.int(0), |socket, open| {
        send_message(socket, open, &header, args.uint(2))
    })
}

/// Sends one message.
pub(super) fn send_message(
    socket: &Socket,
    open: &OpenFile,
    header: &MessageHeader,
    flags: u32,
) -> Result<usize> {
    let to = match header.name {
        0 => None,
        _ if header.name_len == 0 => None,
        at => Some(Address::read(
            at,
            usize::try_from(header.name_len).map_err(|_| Errno::EINVAL)?,
        )?),
    };
    let control = control::read(header, socket.endpoint().identity().0)?;
    socket.send(open, &header.buffers()?, to.as_ref(), &control, flags)
}
