//! `getpeername(2)`.

use super::common::{with_socket, write_address};
use crate::{errno::Result, syscall::Args};

/// Tells the address of a socket's peer.
pub(super) fn getpeername(args: &Args) -> Result<usize> {
    with_socket(args.int(0), |socket, _| {
        write_address(&socket.endpoint().peer()?, args.0[1], args.0[2])?;
        Ok(0)
    })
}
