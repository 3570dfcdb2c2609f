//! `getsockopt(2)`, with `setsockopt`.

use super::common::with_socket;
use crate::{
    errno::{Errno, Result},
    syscall::Args,
    user::{UserPtr, UserSlice},
};

/// Longest option value that is looked at.
const VALUE_MAX: usize = 256;

/// Tells an option's value.
pub(super) fn getsockopt(args: &Args) -> Result<usize> {
    with_socket(args.int(0), |socket, _| {
        let length = UserPtr::<i32>::new(args.0[4]);
        let room = usize::try_from(length.read()?).map_err(|_| Errno::EINVAL)?;
        let value = socket.get_option(args.uint(1), args.uint(2))?.into_bytes();
        let count = room.min(value.len());
        UserSlice::new(args.0[3], count)
            .bytes_mut()?
            .copy_from_slice(&value[..count]);
        length.write(count as i32)?;
        Ok(0)
    })
}

/// Sets an option.
pub(super) fn setsockopt(args: &Args) -> Result<usize> {
    with_socket(args.int(0), |socket, _| {
        let len = usize::try_from(args.int(4))
            .map_err(|_| Errno::EINVAL)?
            .min(VALUE_MAX);
        let value = UserSlice::new(args.0[3], len).bytes()?;
        socket.set_option(args.uint(1), args.uint(2), value)?;
        Ok(0)
    })
}
