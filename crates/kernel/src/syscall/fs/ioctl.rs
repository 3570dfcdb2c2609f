//! `ioctl(2)`: what concerns every descriptor; the rest is the file's.

use crate::{
    errno::{Errno, Result},
    fs::NodeFile,
    process::{open_file, process},
    syscall::Args,
    user::UserPtr,
};
use linux_raw_sys::{
    general::O_NONBLOCK,
    ioctl::{FIOASYNC, FIOCLEX, FIONBIO, FIONCLEX, FIONREAD},
};

/// `ioctl(int fd, unsigned long op, ...)`
pub(super) fn ioctl(args: &Args) -> Result<usize> {
    let (fd, request, argument) = (args.int(0), args.uint(1), args.0[2]);
    let open = open_file(fd)?;
    if NodeFile::of(&open).is_some_and(NodeFile::is_place) {
        return Err(Errno::EBADF);
    }
    match request {
        FIOCLEX | FIONCLEX => {
            process().files.lock().get_mut(fd)?.cloexec = request == FIOCLEX;
            Ok(0)
        }
        FIONBIO => {
            let on = UserPtr::<i32>::new(argument).read()? != 0;
            let rest = open.flags() & !O_NONBLOCK;
            open.set_status_flags(rest | if on { O_NONBLOCK } else { 0 });
            Ok(0)
        }
        FIOASYNC => {
            open.tell_by_signal(UserPtr::<i32>::new(argument).read()? != 0, fd);
            Ok(0)
        }
        FIONREAD if NodeFile::of(&open).is_some_and(|file| file.node.data().is_some()) => {
            let left = open.file.stat()?.size.saturating_sub(*open.offset().lock());
            UserPtr::<i32>::new(argument)
                .write(i32::try_from(left).unwrap_or(i32::MAX))
                .map(|()| 0)
        }
        _ => open.file.ioctl(request, argument),
    }
}
