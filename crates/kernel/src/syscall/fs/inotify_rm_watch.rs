//! `inotify_rm_watch(2)`.

use crate::{
    errno::{Errno, Result},
    fs::Inotify,
    process::with_file,
    syscall::Args,
};

/// `inotify_rm_watch(int fd, int wd)`
pub(super) fn inotify_rm_watch(args: &Args) -> Result<usize> {
    with_file::<Inotify, _>(args.int(0), Errno::EINVAL, |instance, _| {
        instance.unwatch(args.int(1)).map(|()| 0)
    })
}
