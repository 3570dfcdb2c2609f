//! `setfsuid`, `setfsgid`. They give the identity before and never fail; what is not allowed changes nothing.

use super::common::{Ids, credentials};
use crate::{errno::Result, syscall::Args};

pub(super) fn setfsuid(args: &Args) -> Result<usize> {
    let mut credentials = credentials().lock();
    let privileged = credentials.privileged();
    Ok(set(&mut credentials.user, args.uint(0), privileged))
}

pub(super) fn setfsgid(args: &Args) -> Result<usize> {
    let mut credentials = credentials().lock();
    let privileged = credentials.privileged();
    Ok(set(&mut credentials.group, args.uint(0), privileged))
}

fn set(ids: &mut Ids, id: u32, privileged: bool) -> usize {
    let before = ids.fs;
    let known = [ids.real, ids.effective, ids.saved, ids.fs].contains(&id);
    if id != u32::MAX && (privileged || known) {
        ids.fs = id;
    }
    before as usize
}
