//! `recvmmsg(2)`.

use super::{
    common::with_socket,
    recv::receive_message,
    sendmmsg::{LENGTH, MESSAGES_MAX, STRIDE},
};
use crate::{
    errno::{Errno, Result},
    syscall::Args,
    time,
    user::UserPtr,
};
use core::time::Duration;
use linux_raw_sys::{general, net as raw};

/// Return after the first message (`recvmmsg(2)`); the same bit as in `recv(2)` headers of libc.
const MSG_WAITFORONE: u32 = 0x10000;

/// Receives several messages. The time limit is looked at after each message, as Linux does.
pub(super) fn recvmmsg(args: &Args) -> Result<usize> {
    let limit = match args.ptr::<general::__kernel_timespec>(4).non_null() {
        None => None,
        Some(at) => {
            let limit = at.read()?;
            let nanos = u32::try_from(limit.tv_nsec)
                .ok()
                .filter(|&nanos| nanos < 1_000_000_000);
            let seconds = u64::try_from(limit.tv_sec).map_err(|_| Errno::EINVAL)?;
            Some(time::now() + Duration::new(seconds, nanos.ok_or(Errno::EINVAL)?))
        }
    };
    with_socket(args.int(0), |socket, open| {
        let mut flags = args.uint(3);
        let mut done = 0;
        for index in 0..u64::from(args.uint(2)).min(MESSAGES_MAX) {
            let at = args.0[1].wrapping_add(index * STRIDE);
            let step = receive_message(socket, open, at, flags & !MSG_WAITFORONE)
                .and_then(|count| UserPtr::new(at + LENGTH).write(count as u32));
            match step {
                Ok(()) => done += 1,
                Err(errno) if done == 0 => return Err(errno),
                Err(_) => break,
            }
            if flags & MSG_WAITFORONE != 0 {
                flags |= raw::MSG_DONTWAIT;
            }
            if limit.is_some_and(|limit| limit <= time::now()) {
                break;
            }
        }
        Ok(done)
    })
}
