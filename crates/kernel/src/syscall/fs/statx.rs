//! `statx(2)`.

use super::common::{path_or_empty, split, stat_at};
use crate::{
    errno::{Errno, Result},
    syscall::Args,
};
use linux_raw_sys::general as raw;

fn time(ns: u64) -> raw::statx_timestamp {
    let (seconds, rest) = split(ns);
    raw::statx_timestamp {
        tv_sec: seconds as i64,
        tv_nsec: rest as u32,
        __reserved: 0,
    }
}

/// `statx(int dirfd, const char *path, int flags, unsigned int mask, struct statx *statxbuf)`
pub(super) fn statx(args: &Args) -> Result<usize> {
    let (flags, mask) = (args.uint(2), args.uint(3));
    let known =
        raw::AT_SYMLINK_NOFOLLOW | raw::AT_EMPTY_PATH | raw::AT_NO_AUTOMOUNT | raw::AT_STATX_SYNC_TYPE;
    let both = flags & raw::AT_STATX_SYNC_TYPE == raw::AT_STATX_SYNC_TYPE;
    if flags & !known != 0 || both || mask & raw::STATX__RESERVED != 0 {
        return Err(Errno::EINVAL);
    }
    let path = path_or_empty(args.0[1], flags)?;
    let stat = stat_at(args.int(0), &path, flags)?;
    // SAFETY: integers in a C structure; zeros are a value of each.
    let mut out: raw::statx = unsafe { core::mem::zeroed() };
    out.stx_mask = raw::STATX_BASIC_STATS;
    out.stx_blksize = 4096;
    out.stx_nlink = stat.nlink;
    out.stx_uid = stat.uid;
    out.stx_gid = stat.gid;
    out.stx_mode = stat.mode as u16;
    out.stx_ino = stat.ino;
    out.stx_size = stat.size;
    out.stx_blocks = stat.blocks;
    out.stx_atime = time(stat.atime);
    out.stx_mtime = time(stat.mtime);
    out.stx_ctime = time(stat.ctime);
    if let Some(btime) = stat.btime.filter(|_| mask & raw::STATX_BTIME != 0) {
        out.stx_mask |= raw::STATX_BTIME;
        out.stx_btime = time(btime);
    }
    // Each file system is mounted once: its number is the mount's.
    out.stx_mask |= mask & raw::STATX_MNT_ID;
    out.stx_mnt_id = stat.dev;
    // Minor numbers of ours have eight bits at most (makedev(3)).
    out.stx_rdev_major = (stat.rdev >> 8) as u32;
    out.stx_rdev_minor = (stat.rdev & 0xff) as u32;
    out.stx_dev_major = (stat.dev >> 8) as u32;
    out.stx_dev_minor = (stat.dev & 0xff) as u32;
    args.ptr(4).write(out).map(|()| 0)
}
