//! `pipe`, `pipe2`.

use crate::{
    errno::{Errno, Result},
    event::pipe,
    process,
    syscall::Args,
};
use linux_raw_sys::general::{O_CLOEXEC, O_DIRECT, O_NONBLOCK, O_RDONLY, O_WRONLY};

pub(super) fn pipe(args: &Args) -> Result<usize> {
    create(args, 0)
}

pub(super) fn pipe2(args: &Args) -> Result<usize> {
    create(args, args.uint(1))
}

fn create(args: &Args, flags: u32) -> Result<usize> {
    if flags & !(O_CLOEXEC | O_NONBLOCK | O_DIRECT) != 0 {
        return Err(Errno::EINVAL);
    }
    let (read_end, write_end) = pipe::new();
    write_end.set_packets(flags & O_DIRECT != 0);
    let reader = process::install(read_end, O_RDONLY | flags & !O_DIRECT)?;
    let result = process::install(write_end, O_WRONLY | flags).and_then(|writer| {
        args.ptr::<[i32; 2]>(0).write([reader, writer]).inspect_err(|_| {
            let _ = process::close(writer);
        })
    });
    if result.is_err() {
        let _ = process::close(reader);
    }
    result.map(|()| 0)
}
