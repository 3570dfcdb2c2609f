//! `readv(2)`: `readv`, `writev`, `preadv`, `pwritev`, `preadv2`, `pwritev2`.
//!
//! A file takes the parts one after another. A stream must see them as one: a datagram is one read, and a response of several parts
//! should be one packet. So for streams the parts are put together in a kernel buffer.

use super::{
    common::{MAX_COUNT, SCRATCH, with_scratch, write_kernel},
    pread::seekable_at,
};
use crate::{
    errno::{Errno, Result},
    file::{OpenFile, Poll},
    fs::NodeFile,
    process::{has_read, has_written, open_file},
    syscall::Args,
    user::{UserPtr, UserSlice},
};
use linux_raw_sys::general as raw;

/// `IOV_MAX` (`limits.h`).
const MAX_PARTS: usize = 1024;

/// The parts of a vector, checked once and read from the program's memory as they are needed.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    at: UserPtr<raw::iovec>,
    count: usize,
    total: usize,
}

impl Parts {
    /// The vector at argument 1, with as many parts as argument 2 says.
    ///
    /// # Errors
    ///
    /// `EINVAL` for too many parts or bytes, `EFAULT`.
    pub(super) fn new(args: &Args) -> Result<Self> {
        let (at, count) = (args.ptr(1), args.size(2));
        if count > MAX_PARTS {
            return Err(Errno::EINVAL);
        }
        let mut this = Self { at, count, total: 0 };
        for index in 0..count {
            let len = this.part(index)?.len();
            if isize::try_from(len).is_err() {
                return Err(Errno::EINVAL);
            }
            this.total = this.total.saturating_add(len).min(MAX_COUNT);
        }
        Ok(this)
    }

    /// True if there is not one byte in it.
    pub(super) const fn is_empty(&self) -> bool {
        self.total == 0
    }

    fn part(&self, index: usize) -> Result<UserSlice> {
        let part = self.at.at(index).read()?;
        Ok(UserSlice::new(part.iov_base as u64, part.iov_len as usize))
    }

    /// Calls `f` with each part that has bytes, until it gives less than the part's length; how many bytes it gave in all.
    ///
    /// # Errors
    ///
    /// Those of `f`, if nothing was done before; `EFAULT`.
    pub(super) fn each_byte_run(&self, mut f: impl FnMut(UserSlice) -> Result<usize>) -> Result<usize> {
        self.each(0, self.total, |part, _| f(part))
    }

    /// Calls `f` with each part from byte `skip` on, up to `limit` bytes in all, until it gives less than the part's length.
    fn each(
        &self,
        mut skip: usize,
        limit: usize,
        mut f: impl FnMut(UserSlice, usize) -> Result<usize>,
    ) -> Result<usize> {
        let mut done = 0;
        for index in 0..self.count {
            let part = self.part(index)?;
            let rest = part.skip(skip).take(limit - done);
            skip = skip.saturating_sub(part.len());
            if rest.is_empty() {
                continue;
            }
            match f(rest, done) {
                Ok(count) => {
                    done += count;
                    if count < rest.len() {
                        break;
                    }
                }
                Err(_) if done > 0 => break,
                Err(errno) => return Err(errno),
            }
        }
        Ok(done)
    }
}

/// The parts, once it is clear that the file may be read (or written).
fn parts_for(open: &OpenFile, allowed: bool, args: &Args) -> Result<Parts> {
    if !allowed || NodeFile::of(open).is_some_and(NodeFile::is_place) {
        return Err(Errno::EBADF);
    }
    Parts::new(args)
}

/// Reads at `position`, or where the file stands, into the parts.
///
/// # Errors
///
/// As `readv(2)`.
pub(super) fn read_parts(open: &OpenFile, parts: Parts, position: Option<u64>) -> Result<usize> {
    if open.file.seekable() {
        let _place = position.is_none().then(|| open.at_position());
        let start = position.unwrap_or_else(|| *open.offset().lock());
        let read = |part: UserSlice, done: usize| open.file.read(start + done as u64, part.bytes_mut()?);
        let done = parts.each(0, parts.total, read)?;
        if position.is_none() {
            *open.offset().lock() = start + done as u64;
        }
        return Ok(done);
    }
    if parts.count == 1 {
        return open.read(parts.part(0)?.take(MAX_COUNT));
    }
    with_scratch(|buffer| {
        let want = parts.total.min(buffer.len());
        let count = open.blocking(Poll::IN, None, || open.file.read(0, &mut buffer[..want]))?;
        parts.each(0, count, |part, done| {
            part.bytes_mut()?
                .copy_from_slice(&buffer[done..done + part.len()]);
            Ok(part.len())
        })
    })
}

fn write_parts(open: &OpenFile, parts: Parts, position: Option<u64>) -> Result<usize> {
    if open.file.seekable() {
        let (start, _place) = match position {
            Some(position) => (position, None),
            None => open.at_write().map(|(start, place)| (start, Some(place)))?,
        };
        let done = parts.each(0, parts.total, |part, done| {
            open.file.write(start + done as u64, part.bytes()?)
        })?;
        if position.is_none() {
            *open.offset().lock() = start + done as u64;
        }
        return Ok(done);
    }
    if parts.count == 1 {
        return open.write(parts.part(0)?.take(MAX_COUNT));
    }
    with_scratch(|buffer| write_gathered(open, parts, buffer))
}

/// Writes to a stream, gathering up to a buffer's length at a time.
fn write_gathered(open: &OpenFile, parts: Parts, buffer: &mut [u8]) -> Result<usize> {
    let mut done = 0;
    loop {
        let gathered = parts.each(done, SCRATCH.min(parts.total - done), |part, at| {
            buffer[at..at + part.len()].copy_from_slice(part.bytes()?);
            Ok(part.len())
        });
        let step = gathered.and_then(|count| Ok((count, write_kernel(open, None, &buffer[..count])?)));
        match step {
            Ok((count, wrote)) => {
                done += wrote;
                if wrote < count || done >= parts.total || count == 0 {
                    return Ok(done);
                }
            }
            Err(_) if done > 0 => return Ok(done),
            Err(errno) => return Err(errno),
        }
    }
}

/// `readv(int fd, const struct iovec *iov, int iovcnt)`
pub(super) fn readv(args: &Args) -> Result<usize> {
    let open = open_file(args.int(0))?;
    has_read(read_parts(&open, parts_for(&open, open.readable(), args)?, None))
}

/// `writev(int fd, const struct iovec *iov, int iovcnt)`
pub(super) fn writev(args: &Args) -> Result<usize> {
    let open = open_file(args.int(0))?;
    has_written(write_parts(&open, parts_for(&open, open.writable(), args)?, None))
}

/// `preadv(int fd, const struct iovec *iov, int iovcnt, off_t offset)`
pub(super) fn preadv(args: &Args) -> Result<usize> {
    let (open, offset) = seekable_at(args.int(0), args.0[3])?;
    has_read(read_parts(
        &open,
        parts_for(&open, open.readable(), args)?,
        Some(offset),
    ))
}

/// `pwritev(int fd, const struct iovec *iov, int iovcnt, off_t offset)`
pub(super) fn pwritev(args: &Args) -> Result<usize> {
    let (open, offset) = seekable_at(args.int(0), args.0[3])?;
    let offset = if open.flags() & raw::O_APPEND != 0 {
        open.file.stat()?.size
    } else {
        offset
    };
    has_written(write_parts(
        &open,
        parts_for(&open, open.writable(), args)?,
        Some(offset),
    ))
}

/// Checks `RWF_*`. `RWF_NOWAIT` needs nothing from files in memory; where a stream would have to wait, it is `EAGAIN`.
fn check_flags(open: &OpenFile, args: &Args, events: Poll) -> Result<()> {
    let flags = args.uint(5);
    let harmless = raw::RWF_HIPRI | raw::RWF_DSYNC | raw::RWF_SYNC | raw::RWF_NOWAIT;
    if flags & !(harmless | raw::RWF_APPEND) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let ready = || open.file.poll().intersects(events | Poll::HUP | Poll::ERR);
    if flags & raw::RWF_NOWAIT != 0 && !open.file.seekable() && !ready() {
        return Err(Errno::EAGAIN);
    }
    Ok(())
}

/// `preadv2(int fd, const struct iovec *iov, int iovcnt, off_t offset, int flags)`
pub(super) fn preadv2(args: &Args) -> Result<usize> {
    check_flags(&*open_file(args.int(0))?, args, Poll::IN)?;
    // An offset of -1 means the file's own position.
    if args.0[3] as i64 == -1 {
        readv(args)
    } else {
        preadv(args)
    }
}

/// `pwritev2(int fd, const struct iovec *iov, int iovcnt, off_t offset, int flags)`
pub(super) fn pwritev2(args: &Args) -> Result<usize> {
    let open = open_file(args.int(0))?;
    check_flags(&open, args, Poll::OUT)?;
    let own_position = args.0[3] as i64 == -1;
    if args.uint(5) & raw::RWF_APPEND != 0 && open.file.seekable() {
        let parts = parts_for(&open, open.writable(), args)?;
        let end = open.file.stat()?.size;
        let done = has_written(write_parts(&open, parts, Some(end)))?;
        if own_position {
            *open.offset().lock() = end + done as u64;
        }
        return Ok(done);
    }
    if own_position { writev(args) } else { pwritev(args) }
}
