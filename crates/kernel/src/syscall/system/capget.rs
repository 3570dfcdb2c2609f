//! `capget`, `capset`.

use super::common::{credentials, thread};
use crate::{
    errno::{Errno, Result},
    syscall::Args,
    user::UserPtr,
};

/// Header versions (`capget(2)`) and how many sets of 32 each has.
const VERSIONS: [(u32, usize); 3] = [(0x1998_0330, 1), (0x2007_1026, 2), (0x2008_0522, 2)];

/// Checks the header; `None` if it only asks for the version.
fn sets(args: &Args) -> Result<Option<usize>> {
    let header = args.ptr::<[i32; 2]>(0);
    let [version, pid] = header.read()?;
    let Some(&(_, sets)) = VERSIONS.iter().find(|(known, _)| *known == version as u32) else {
        header.write([VERSIONS[2].0 as i32, pid])?;
        return if args.0[1] == 0 {
            Ok(None)
        } else {
            Err(Errno::EINVAL)
        };
    };
    thread(pid)?;
    Ok(Some(sets))
}

pub(super) fn capget(args: &Args) -> Result<usize> {
    let Some(sets) = sets(args)? else { return Ok(0) };
    let Some(target) = args.ptr::<[u32; 3]>(1).non_null() else {
        return Ok(0);
    };
    let (effective, permitted) = credentials().lock().capabilities();
    for index in 0..sets {
        let part = |set: u64| (set >> (32 * index)) as u32;
        // Effective, permitted, inheritable.
        target.at(index).write([part(effective), part(permitted), 0])?;
    }
    Ok(0)
}

pub(super) fn capset(args: &Args) -> Result<usize> {
    let Some(sets) = sets(args)? else { return Ok(0) };
    let (_, held) = credentials().lock().capabilities();
    let source: UserPtr<[u32; 3]> = args.ptr(1);
    for index in 0..sets {
        let [effective, permitted, _] = source.at(index).read()?;
        if u64::from(effective | permitted) & !(held >> (32 * index)) != 0 {
            return Err(Errno::EPERM);
        }
    }
    Ok(0)
}
