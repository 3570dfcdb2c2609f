//! `shutdown(2)`.

use super::common::with_socket;
use crate::{
    errno::{Errno, Result},
    syscall::Args,
};
use linux_raw_sys::net as raw;

/// Closes one or both directions of a connection.
pub(super) fn shutdown(args: &Args) -> Result<usize> {
    with_socket(args.int(0), |socket, _| {
        let (read, write) = match args.uint(1) {
            raw::SHUT_RD => (true, false),
            raw::SHUT_WR => (false, true),
            raw::SHUT_RDWR => (true, true),
            _ => return Err(Errno::EINVAL),
        };
        socket.endpoint().shutdown(read, write)?;
        Ok(0)
    })
}
