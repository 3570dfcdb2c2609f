//! `bind(2)`.

use super::common::with_socket;
use crate::{errno::Result, net::Address, syscall::Args};

/// Gives a socket its local address.
pub(super) fn bind(args: &Args) -> Result<usize> {
    with_socket(args.int(0), |socket, _| {
        let address = Address::read(args.0[1], args.size(2))?;
        socket.endpoint().bind(&address)?;
        Ok(0)
    })
}
