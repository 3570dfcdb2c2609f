//! `accept(2)`, with `accept4`.

use super::common::{check_flags, install, with_socket, write_address};
use crate::{errno::Result, process, syscall::Args};

/// Accepts a connection.
pub(super) fn accept(args: &Args) -> Result<usize> {
    accept_with(args, 0)
}

/// Accepts a connection, with flags for the new descriptor.
pub(super) fn accept4(args: &Args) -> Result<usize> {
    check_flags(args.uint(3))?;
    accept_with(args, args.uint(3))
}

fn accept_with(args: &Args, flags: u32) -> Result<usize> {
    with_socket(args.int(0), |socket, open| {
        let (accepted, from) = socket.accept(open)?;
        let fd = install(accepted, flags)?;
        if args.0[1] != 0
            && let Err(errno) = write_address(&from, args.0[1], args.0[2])
        {
            process::close(fd as i32)?;
            return Err(errno);
        }
        Ok(fd)
    })
}
