//! `connect(2)`.

use super::common::with_socket;
use crate::{errno::Result, net::Address, syscall::Args};

/// Connects a socket.
pub(super) fn connect(args: &Args) -> Result<usize> {
    with_socket(args.int(0), |socket, open| {
        let address = Address::read(args.0[1], args.size(2))?;
        socket.connect(open, &address)?;
        Ok(0)
    })
}
