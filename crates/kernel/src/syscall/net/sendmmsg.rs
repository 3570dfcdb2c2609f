//! `sendmmsg(2)`.

use super::{
    common::{MessageHeader, with_socket},
    send::send_message,
};
use crate::{errno::Result, syscall::Args, user::UserPtr};

/// Most messages of one call (`sendmmsg(2)`).
pub(super) const MESSAGES_MAX: u64 = 1024;
/// Length of a `struct mmsghdr`: a `struct msghdr` and a count.
pub(super) const STRIDE: u64 = size_of::<linux_raw_sys::net::mmsghdr>() as u64;
/// Offset of `msg_len` in it.
pub(super) const LENGTH: u64 = size_of::<MessageHeader>() as u64;

/// Sends several messages.
pub(super) fn sendmmsg(args: &Args) -> Result<usize> {
    with_socket(args.int(0), |socket, open| {
        let mut done = 0;
        for index in 0..u64::from(args.uint(2)).min(MESSAGES_MAX) {
            let at = args.0[1].wrapping_add(index * STRIDE);
            let step = UserPtr::<MessageHeader>::new(at)
                .read()
                .and_then(|header| send_message(socket, open, &header, args.uint(3)))
                .and_then(|count| UserPtr::new(at + LENGTH).write(count as u32));
            match step {
                Ok(()) => done += 1,
                Err(errno) if done == 0 => return Err(errno),
                Err(_) => break,
            }
        }
        Ok(done)
    })
}
