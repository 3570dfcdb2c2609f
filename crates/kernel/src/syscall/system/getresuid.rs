//! `getresuid`, `getresgid`.

use super::common::{Ids, credentials};
use crate::{errno::Result, syscall::Args};

pub(super) fn getresuid(args: &Args) -> Result<usize> {
    write(args, credentials().lock().user)
}

pub(super) fn getresgid(args: &Args) -> Result<usize> {
    write(args, credentials().lock().group)
}

fn write(args: &Args, ids: Ids) -> Result<usize> {
    for (index, id) in [ids.real, ids.effective, ids.saved].into_iter().enumerate() {
        args.ptr::<u32>(index).write(id)?;
    }
    Ok(0)
}
