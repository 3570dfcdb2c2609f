//! `getgroups`, `setgroups`.

use super::common::credentials;
use crate::{
    errno::{Errno, Result},
    syscall::Args,
};
use linux_raw_sys::general::NGROUPS_MAX;

pub(super) fn getgroups(args: &Args) -> Result<usize> {
    let groups = credentials().lock().groups.clone();
    let room = usize::try_from(args.int(0)).map_err(|_| Errno::EINVAL)?;
    if room == 0 {
        return Ok(groups.len());
    }
    if room < groups.len() {
        return Err(Errno::EINVAL);
    }
    for (index, group) in groups.iter().enumerate() {
        args.ptr::<u32>(1).at(index).write(*group)?;
    }
    Ok(groups.len())
}

pub(super) fn setgroups(args: &Args) -> Result<usize> {
    if !credentials().lock().privileged() {
        return Err(Errno::EPERM);
    }
    let count = usize::try_from(args.int(0)).map_err(|_| Errno::EINVAL)?;
    if count > NGROUPS_MAX as usize {
        return Err(Errno::EINVAL);
    }
    let mut groups = args.ptr::<u32>(1).read_vec(count)?;
    // Linux keeps them in order, to find one quickly.
    groups.sort_unstable();
    credentials().lock().groups = groups;
    Ok(0)
}
