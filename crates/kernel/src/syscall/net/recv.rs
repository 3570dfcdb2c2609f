//! `recv(2)`: `recvfrom` and `recvmsg`.

use super::common::{self, MessageHeader, control, with_socket};
use crate::{
    errno::{Errno, Result},
    file::OpenFile,
    net::{Address, Socket},
    syscall::Args,
    user::UserPtr,
};
use linux_raw_sys::net as raw;

/// Receives into one buffer.
pub(super) fn recvfrom(args: &Args) -> Result<usize> {
    with_socket(args.int(0), |socket, open| {
        let flags = args.uint(3);
        let message = socket.receive(open, &[args.slice(1)], flags)?;
        if args.0[4] != 0 {
            match &message.from {
                Some(from) => from.write(args.0[4], UserPtr::new(args.0[5]))?,
                // Streams leave the address alone, and say so by its length.
                None => UserPtr::new(args.0[5]).write_if_some(0i32)?,
            }
        }
        Ok(if flags & raw::MSG_TRUNC != 0 {
            message.len
        } else {
            message.copied
        })
    })
}

/// Receives into several buffers.
pub(super) fn recvmsg(args: &Args) -> Result<usize> {
    with_socket(args.int(0), |socket, open| {
        receive_message(socket, open, args.0[1], args.uint(2))
    })
}

/// Receives one message into the `struct msghdr` at `at`.
pub(super) fn receive_message(socket: &Socket, open: &OpenFile, at: u64, flags: u32) -> Result<usize> {
    let header = UserPtr::<MessageHeader>::new(at).read()?;
    if header.name != 0 && header.name_len < 0 {
        return Err(Errno::EINVAL);
    }
    let message = socket.receive(open, &header.buffers()?, flags)?;
    if header.name != 0 {
        let length = UserPtr::new(at + common::NAME_LEN);
        match &message.from {
            Some(Address::Unix(name)) if name.is_empty() => length.write(0)?,
            Some(from) => from.write(header.name, length)?,
            None => length.write(0)?,
        }
    }
    let truncated = if message.len > message.copied {
        raw::MSG_TRUNC
    } else {
        0
    };
    let (len, copied) = (message.len, message.copied);
    let (control_len, control_flags) = control::write(&header, message.control, flags)?;
    let reported = truncated | control_flags | flags & raw::MSG_CMSG_CLOEXEC;
    UserPtr::new(at + common::FLAGS).write(reported)?;
    UserPtr::new(at + common::CONTROL_LEN).write(control_len as u64)?;
    Ok(if flags & raw::MSG_TRUNC != 0 { len } else { copied })
}
