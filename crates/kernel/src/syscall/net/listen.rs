//! `listen(2)`.

use super::common::with_socket;
use crate::{errno::Result, syscall::Args};

/// Lets a socket accept connections.
pub(super) fn listen(args: &Args) -> Result<usize> {
    // A negative backlog is the largest, as Linux has it.
    let backlog = args.uint(1) as usize;
    with_socket(args.int(0), |socket, _| socket.endpoint().listen(backlog))?;
    Ok(0)
}
