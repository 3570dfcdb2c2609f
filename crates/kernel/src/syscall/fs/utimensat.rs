//! `utimensat(2)`, and the older calls that it replaces: `utime`, `utimes`, `futimesat`.

use super::common::{CWD, Reached, find_node, node_of, path_or_empty};
use crate::{
    errno::{Errno, Result},
    fs::{Asker, WRITE},
    syscall::Args,
    time,
    user::UserPtr,
};
use linux_raw_sys::general as raw;

/// Access and modification time to set, in ns since the epoch; `None` leaves one as it is.
type Times = [Option<u64>; 2];

/// Any writer may say that it is now; the owner may say anything.
fn may_set(reached: &Reached, now: bool) -> Result<()> {
    let (asker, meta) = (Asker::current(), *reached.node.meta.lock());
    if asker.owns(&meta) {
        Ok(())
    } else if now {
        asker.may(&reached.node, WRITE)
    } else {
        Err(Errno::EPERM)
    }
}

fn set(reached: &Reached, (times, now): (Times, bool)) -> Result<usize> {
    // Both omitted: success without effect, not even on the change time.
    if times == [None, None] {
        return Ok(0);
    }
    may_set(reached, now)?;
    reached.node.set(|meta| {
        meta.atime = times[0].unwrap_or(meta.atime);
        meta.mtime = times[1].unwrap_or(meta.mtime);
    })?;
    reached.happened(match times {
        [Some(_), None] => raw::IN_ACCESS,
        [None, _] => raw::IN_MODIFY,
        [Some(_), Some(_)] => raw::IN_ATTRIB,
    });
    Ok(0)
}

/// Times before the epoch become the epoch, as on file systems that cannot hold them.
fn nanoseconds(seconds: i64, rest: u64) -> u64 {
    u64::try_from(seconds)
        .unwrap_or(0)
        .saturating_mul(1_000_000_000)
        .saturating_add(rest)
}

/// The times at an address, and if both are now.
fn from_timespecs(address: UserPtr<raw::__kernel_timespec>) -> Result<(Times, bool)> {
    let now = time::realtime();
    if address.is_null() {
        return Ok(([Some(now); 2], true));
    }
    let mut times = [None; 2];
    let mut all_now = true;
    for (index, slot) in times.iter_mut().enumerate() {
        let time = address.at(index).read()?;
        all_now &= time.tv_nsec == i64::from(raw::UTIME_NOW);
        *slot = match u32::try_from(time.tv_nsec) {
            Ok(raw::UTIME_OMIT) => None,
            Ok(raw::UTIME_NOW) => Some(now),
            Ok(rest @ 0..=999_999_999) => Some(nanoseconds(time.tv_sec, u64::from(rest))),
            _ => return Err(Errno::EINVAL),
        };
    }
    Ok((times, all_now))
}

fn from_timevals(address: UserPtr<raw::__kernel_old_timeval>) -> Result<(Times, bool)> {
    if address.is_null() {
        return Ok(([Some(time::realtime()); 2], true));
    }
    let mut times = [None; 2];
    for (index, slot) in times.iter_mut().enumerate() {
        let time = address.at(index).read()?;
        if !(0..1_000_000).contains(&time.tv_usec) {
            return Err(Errno::EINVAL);
        }
        *slot = Some(nanoseconds(time.tv_sec, time.tv_usec as u64 * 1000));
    }
    Ok((times, false))
}

/// `utimensat(int dirfd, const char *path, const struct timespec times[2], int flags)`
pub(super) fn utimensat(args: &Args) -> Result<usize> {
    let flags = args.uint(3);
    let times = from_timespecs(args.ptr(2))?;
    // A null path means the descriptor itself: that is how futimens(3) is made.
    if args.0[1] == 0 && args.int(0) != CWD {
        return if flags != 0 {
            Err(Errno::EINVAL)
        } else {
            set(&node_of(args.int(0), Errno::EINVAL)?, times)
        };
    }
    if flags & !(raw::AT_SYMLINK_NOFOLLOW | raw::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = path_or_empty(args.0[1], flags)?;
    set(&find_node(args.int(0), &path, flags)?, times)
}

/// `futimesat(int dirfd, const char *path, const struct timeval times[2])`
pub(super) fn futimesat(args: &Args) -> Result<usize> {
    let times = from_timevals(args.ptr(2))?;
    if args.0[1] == 0 && args.int(0) != CWD {
        return set(&node_of(args.int(0), Errno::EINVAL)?, times);
    }
    let path = path_or_empty(args.0[1], 0)?;
    set(&find_node(args.int(0), &path, 0)?, times)
}

/// `utimes(const char *path, const struct timeval times[2])`
pub(super) fn utimes(args: &Args) -> Result<usize> {
    let times = from_timevals(args.ptr(1))?;
    let path = path_or_empty(args.0[0], 0)?;
    set(&find_node(CWD, &path, 0)?, times)
}

/// `utime(const char *path, const struct utimbuf *times)`: two times in seconds.
pub(super) fn utime(args: &Args) -> Result<usize> {
    let address: UserPtr<i64> = args.ptr(1);
    let times = match address.non_null() {
        None => ([Some(time::realtime()); 2], true),
        Some(address) => (
            [
                Some(nanoseconds(address.read()?, 0)),
                Some(nanoseconds(address.at(1).read()?, 0)),
            ],
            false,
        ),
    };
    let path = path_or_empty(args.0[0], 0)?;
    set(&find_node(CWD, &path, 0)?, times)
}
