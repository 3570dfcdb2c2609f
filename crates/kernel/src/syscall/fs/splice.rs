//! `splice(2)`. Bytes are copied: there are no pages that a pipe could hold instead.

use super::common::{pipe, with_scratch, write_kernel};
use crate::{
    errno::{Errno, Result},
    event::pipe::PipeEnd,
    file::{OpenFile, Poll},
    fs::{Body, NodeFile},
    process::open_file,
    syscall::Args,
    user::UserPtr,
};
use linux_raw_sys::general as raw;

/// What all calls of the family know.
pub(super) const FLAGS: u32 =
    raw::SPLICE_F_MOVE | raw::SPLICE_F_NONBLOCK | raw::SPLICE_F_MORE | raw::SPLICE_F_GIFT;

/// As [`OpenFile::blocking`], but the call may ask not to wait.
pub(super) fn wait_unless<T>(
    open: &OpenFile,
    events: Poll,
    flags: u32,
    mut operation: impl FnMut() -> Result<T>,
) -> Result<T> {
    if flags & raw::SPLICE_F_NONBLOCK != 0 {
        operation()
    } else {
        open.blocking(events, None, operation)
    }
}

/// Whether a file takes and gives bytes as streams and files do; what is only a descriptor (of events, of a process) has no type.
fn has_bytes(open: &OpenFile) -> bool {
    match NodeFile::of(open) {
        Some(file) => !matches!(
            file.node.body,
            Body::Text(..) | Body::Computed(..) | Body::Directory(_)
        ),
        None => open.file.stat().is_ok_and(|stat| stat.mode & raw::S_IFMT != 0),
    }
}

/// From a pipe: what it holds is taken only when it has arrived.
fn from_pipe(
    (input, source): (&OpenFile, &PipeEnd),
    output: &OpenFile,
    position: Option<u64>,
    count: usize,
    flags: u32,
) -> Result<usize> {
    with_scratch(|buffer| {
        let want = count.min(buffer.len());
        let held = wait_unless(input, Poll::IN, flags, || source.peek(&mut buffer[..want]))?;
        let moved = match pipe(output) {
            Some(target) if held > 0 => {
                let room = wait_unless(output, Poll::OUT, flags, || target.room())?;
                let moved = held.min(room);
                target.fill(&buffer[..moved]);
                moved
            }
            _ => write_kernel(output, position, &buffer[..held])?,
        };
        source.consume(moved);
        Ok(moved)
    })
}

/// To a pipe: no more is taken than it has room for.
fn to_pipe(
    input: &OpenFile,
    position: Option<u64>,
    (output, target): (&OpenFile, &PipeEnd),
    count: usize,
    flags: u32,
) -> Result<usize> {
    if NodeFile::of(input).is_some_and(|file| file.node.is_directory()) {
        return Err(Errno::EINVAL);
    }
    let room = wait_unless(output, Poll::OUT, flags, || target.room())?;
    let start = position.unwrap_or_else(|| *input.offset().lock());
    with_scratch(|buffer| {
        let want = count.min(room).min(buffer.len());
        let got = input.blocking(Poll::IN, None, || input.file.read(start, &mut buffer[..want]))?;
        target.fill(&buffer[..got]);
        if position.is_none() && input.file.seekable() {
            *input.offset().lock() = start + got as u64;
        }
        Ok(got)
    })
}

/// The position in a variable of the program's; a pipe has none.
fn position(open: &OpenFile, address: UserPtr<i64>) -> Result<Option<u64>> {
    let Some(address) = address.non_null() else {
        return Ok(None);
    };
    if pipe(open).is_some() || !open.file.seekable() {
        return Err(Errno::ESPIPE);
    }
    u64::try_from(address.read()?)
        .map(Some)
        .map_err(|_| Errno::EINVAL)
}

/// `splice(int fd_in, off_t *off_in, int fd_out, off_t *off_out, size_t size, unsigned int flags)`
pub(super) fn splice(args: &Args) -> Result<usize> {
    let (count, flags) = (args.size(4), args.uint(5));
    if count == 0 {
        return Ok(0);
    }
    if flags & !FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    let (input, output) = (open_file(args.int(0))?, open_file(args.int(2))?);
    let (off_in, off_out) = (args.ptr::<i64>(1), args.ptr::<i64>(3));
    let (from, to) = (position(&input, off_in)?, position(&output, off_out)?);
    if !input.readable() || !output.writable() {
        return Err(Errno::EBADF);
    }
    let moved = match (pipe(&input), pipe(&output)) {
        (Some(source), Some(target)) if source.is_same_pipe(target) => return Err(Errno::EINVAL),
        (None, _) if output.flags() & raw::O_APPEND != 0 && pipe(&output).is_none() => {
            return Err(Errno::EINVAL);
        }
        (Some(_), None) if output.flags() & raw::O_APPEND != 0 => return Err(Errno::EINVAL),
        (Some(_), None) if !has_bytes(&output) => return Err(Errno::EINVAL),
        (Some(source), _) => from_pipe((&input, source), &output, to, count, flags)?,
        (None, Some(_)) if NodeFile::of(&input).is_none() && !has_bytes(&input) => {
            return Err(Errno::EINVAL);
        }
        (None, Some(target)) => to_pipe(&input, from, (&output, target), count, flags)?,
        (None, None) => return Err(Errno::EINVAL),
    };
    for (address, start) in [(off_in, from), (off_out, to)] {
        if let Some(start) = start {
            address.write((start + moved as u64) as i64)?;
        }
    }
    Ok(moved)
}
