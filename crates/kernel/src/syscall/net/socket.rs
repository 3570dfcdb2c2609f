//! `socket(2)`.

use super::common;
use crate::{errno::Result, net, syscall::Args};

/// The bits of the type that are the type (`SOCK_TYPE_MASK`).
pub(super) const TYPE: u32 = 0xf;

/// Creates a socket.
pub(super) fn socket(args: &Args) -> Result<usize> {
    let kind = args.uint(1);
    common::check_flags(kind & !TYPE)?;
    let socket = net::socket(args.uint(0), kind & TYPE, args.uint(2))?;
    common::install(socket, kind)
}
