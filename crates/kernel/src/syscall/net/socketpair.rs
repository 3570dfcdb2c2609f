//! `socketpair(2)`.

use super::{common, socket::TYPE};
use crate::{errno::Result, net, process, syscall::Args};

/// Creates two connected sockets.
pub(super) fn socketpair(args: &Args) -> Result<usize> {
    let kind = args.uint(1);
    common::check_flags(kind & !TYPE)?;
    let (one, other) = net::socket_pair(args.uint(0), kind & TYPE, args.uint(2))?;
    let out = args.ptr::<i32>(3);
    let first = common::install(one, kind)? as i32;
    let second = match common::install(other, kind) {
        Ok(second) => second as i32,
        Err(errno) => {
            process::close(first)?;
            return Err(errno);
        }
    };
    if let Err(errno) = out.write(first).and_then(|()| out.at(1).write(second)) {
        process::close(first)?;
        process::close(second)?;
        return Err(errno);
    }
    Ok(0)
}
