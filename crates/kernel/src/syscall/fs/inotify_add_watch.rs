//! `inotify_add_watch(2)`.

use super::common::{CWD, find_node};
use crate::{
    errno::{Errno, Result},
    fs::{Asker, Inotify, READ},
    process::with_file,
    syscall::Args,
    user,
};
use linux_raw_sys::general as raw;

/// `inotify_add_watch(int fd, const char *pathname, uint32_t mask)`
pub(super) fn inotify_add_watch(args: &Args) -> Result<usize> {
    let mask = args.uint(2);
    let both = raw::IN_MASK_ADD | raw::IN_MASK_CREATE;
    let known = raw::IN_ALL_EVENTS
        | raw::IN_ONLYDIR
        | raw::IN_DONT_FOLLOW
        | raw::IN_EXCL_UNLINK
        | both
        | raw::IN_ISDIR
        | raw::IN_ONESHOT
        | raw::IN_UNMOUNT
        | raw::IN_Q_OVERFLOW
        | raw::IN_IGNORED;
    if mask & known == 0 {
        return Err(Errno::EINVAL);
    }
    with_file::<Inotify, _>(args.int(0), Errno::EINVAL, |instance, _| {
        if mask & both == both {
            return Err(Errno::EINVAL);
        }
        let path = user::path(args.0[1])?;
        let flags = match mask & raw::IN_DONT_FOLLOW {
            0 => 0,
            _ => raw::AT_SYMLINK_NOFOLLOW,
        };
        let node = find_node(CWD, &path, flags)?.node;
        Asker::current().may(&node, READ)?;
        if mask & raw::IN_ONLYDIR != 0 && !node.is_directory() {
            return Err(Errno::ENOTDIR);
        }
        instance.watch(&node, mask).map(|id| id as usize)
    })
}
