//! What the calls of this family share: paths in arguments, attributes for the program, byte copying between files.

use crate::{
    errno::{Errno, Result},
    event::pipe::PipeEnd,
    file::{OpenFile, Poll, Stat},
    fs::{self, Asker, At, Found, Node, NodeFile},
    process::{open_file, process},
    sync::Lock,
    user::{self, UserSlice},
};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use linux_raw_sys::general as raw;

/// The most bytes that one call moves (`MAX_RW_COUNT`; read(2), NOTES).
pub(super) const MAX_COUNT: usize = 0x7fff_f000;

/// Size of the buffer through which bytes go from file to file, and in which vectors for streams are put together.
pub(super) const SCRATCH: usize = 64 << 10;

/// `AT_FDCWD` as the argument comes.
pub(super) const CWD: i32 = raw::AT_FDCWD;

/// A path argument, resolved from the descriptor of a directory (`path_resolution(7)`, `openat(2)`).
///
/// # Errors
///
/// `EBADF`, `ENOTDIR`.
pub(super) fn at(dirfd: i32, path: &str) -> Result<At<'_>> {
    if path.starts_with('/') {
        return fs::at_root(path);
    }
    let mut at = fs::at_cwd(path)?;
    if dirfd != CWD {
        let open = open_file(dirfd)?;
        // An empty path is ENOENT whatever the descriptor is.
        match NodeFile::of(&open) {
            Some(file) if file.node.is_directory() => at.start = file.node.clone(),
            _ if path.is_empty() => {}
            _ => return Err(Errno::ENOTDIR),
        }
    }
    Ok(at)
}

/// A path argument that may be empty with `AT_EMPTY_PATH`; null counts as empty then.
///
/// # Errors
///
/// `EFAULT`, `ENAMETOOLONG`.
pub(super) fn path_or_empty(address: u64, flags: u32) -> Result<String> {
    if address == 0 && flags & raw::AT_EMPTY_PATH != 0 {
        return Ok(String::new());
    }
    user::path(address)
}

/// What a path leads to, by the rules of the `*at` calls: `AT_EMPTY_PATH`, `AT_SYMLINK_NOFOLLOW`.
///
/// # Errors
///
/// Those of path resolution.
pub(super) fn find(dirfd: i32, path: &str, flags: u32) -> Result<Found> {
    find_as(Asker::current(), dirfd, path, flags)
}

/// As [`find`], for somebody else than the program is now.
///
/// # Errors
///
/// Those of path resolution.
pub(super) fn find_as(asker: Asker, dirfd: i32, path: &str, flags: u32) -> Result<Found> {
    if path.is_empty() && flags & raw::AT_EMPTY_PATH != 0 {
        if dirfd == CWD {
            return fs::at_cwd(".")?.find(true);
        }
        return Ok(Found::Open(open_file(dirfd)?));
    }
    let mut at = at(dirfd, path)?;
    at.asker = asker;
    at.find(flags & raw::AT_SYMLINK_NOFOLLOW == 0)
}

/// A node, and the directory and name by which it was reached.
pub(super) struct Reached {
    /// The node.
    pub(super) node: Arc<Node>,
    place: Option<(Arc<Node>, Box<str>)>,
}

impl Reached {
    /// Tells those who watch (`inotify(7)`).
    pub(super) fn happened(&self, mask: u32) {
        let place = self.place.as_ref().map(|(dir, name)| (dir, &**name));
        fs::happened(&self.node, place, mask);
    }

    fn of(file: &NodeFile) -> Self {
        Self {
            node: file.node.clone(),
            place: file.place(),
        }
    }
}

/// As [`find`], for calls that change a node: its node.
///
/// # Errors
///
/// As [`find`]; `EINVAL` for open files that have no node.
pub(super) fn find_node(dirfd: i32, path: &str, flags: u32) -> Result<Reached> {
    match find(dirfd, path, flags)? {
        Found::Node(node, last) => Ok(Reached {
            node,
            place: (!last.is_special()).then(|| (last.dir, last.name.into_boxed_str())),
        }),
        Found::Open(open) => NodeFile::of(&open).map(Reached::of).ok_or(Errno::EINVAL),
    }
}

/// The node behind a descriptor that is not `O_PATH`.
///
/// # Errors
///
/// `EBADF`, or `otherwise` where the file has none.
pub(super) fn node_of(fd: i32, otherwise: Errno) -> Result<Reached> {
    let open = open_file(fd)?;
    match NodeFile::of(&open) {
        Some(file) if file.is_place() => Err(Errno::EBADF),
        Some(file) => Ok(Reached::of(file)),
        None => Err(otherwise),
    }
}

/// The name of an extended attribute in an argument (`xattr(7)`).
///
/// # Errors
///
/// `EFAULT`, `ERANGE`.
pub(super) fn attribute_name(address: u64) -> Result<Vec<u8>> {
    match user::c_string(address, fs::xattr::MAX_NAME + 1) {
        Ok(name) if name.is_empty() => Err(Errno::ERANGE),
        Err(Errno::ENAMETOOLONG) => Err(Errno::ERANGE),
        other => other,
    }
}

/// The node behind a descriptor for calls on its extended attribute `name`.
///
/// # Errors
///
/// `EBADF`; what is not in the tree has no attributes: `EOPNOTSUPP`, and of `user.` what other special files say.
pub(super) fn attributes_of(fd: i32, name: u64, writes: bool) -> Result<Reached> {
    match node_of(fd, Errno::EOPNOTSUPP) {
        Err(Errno::EOPNOTSUPP) if attribute_name(name)?.starts_with(b"user.") => {
            Err(if writes { Errno::EPERM } else { Errno::ENODATA })
        }
        other => other,
    }
}

/// Writes bytes to a buffer of the program's that they must fit; without a buffer only their number is told (`getxattr(2)`).
///
/// # Errors
///
/// `ERANGE`, `EFAULT`.
pub(super) fn give(bytes: &[u8], buffer: UserSlice) -> Result<usize> {
    if buffer.is_empty() {
        return Ok(bytes.len());
    }
    if bytes.len() > buffer.len() {
        return Err(Errno::ERANGE);
    }
    buffer.take(bytes.len()).bytes_mut()?.copy_from_slice(bytes);
    Ok(bytes.len())
}

/// Attributes of what a path leads to.
///
/// # Errors
///
/// Those of path resolution.
pub(super) fn stat_at(dirfd: i32, path: &str, flags: u32) -> Result<Stat> {
    match find(dirfd, path, flags)? {
        Found::Node(node, _) => Ok(node.stat()),
        Found::Open(open) => open.file.stat(),
    }
}

/// The pipe's end behind an open file description, if it is one.
pub(super) fn pipe(open: &OpenFile) -> Option<&PipeEnd> {
    let file = open.file.as_any();
    file.downcast_ref()
        .or_else(|| file.downcast_ref::<NodeFile>()?.pipe())
}

/// Permission bits of a new file, the umask taken off.
pub(super) fn masked(mode: u32) -> u32 {
    mode & 0o7777 & !*process().umask.lock()
}

/// Seconds and nanoseconds.
pub(super) const fn split(ns: u64) -> (u64, u64) {
    (ns / 1_000_000_000, ns % 1_000_000_000)
}

/// `struct stat` (`stat(3type)`).
pub(super) fn to_stat(stat: &Stat) -> raw::stat {
    let (atime, mtime, ctime) = (split(stat.atime), split(stat.mtime), split(stat.ctime));
    raw::stat {
        st_dev: stat.dev,
        st_ino: stat.ino,
        st_nlink: u64::from(stat.nlink),
        st_mode: stat.mode,
        st_uid: stat.uid,
        st_gid: stat.gid,
        __pad0: 0,
        st_rdev: stat.rdev,
        st_size: stat.size as i64,
        st_blksize: 4096,
        st_blocks: stat.blocks as i64,
        st_atime: atime.0,
        st_atime_nsec: atime.1,
        st_mtime: mtime.0,
        st_mtime_nsec: mtime.1,
        st_ctime: ctime.0,
        st_ctime_nsec: ctime.1,
        __unused: [0; 3],
    }
}

static SPARE: Lock<Vec<u8>> = Lock::new(Vec::new());

/// Runs `f` with a buffer of [`SCRATCH`] bytes that is kept for the next caller, so that hot paths do not allocate. The contents are whatever was left.
pub(super) fn with_scratch<T>(f: impl FnOnce(&mut [u8]) -> T) -> T {
    // Taken out, not locked: `f` may block, and whoever comes meanwhile makes a buffer of its own.
    let mut buffer = core::mem::take(&mut *SPARE.lock());
    if buffer.len() < SCRATCH {
        buffer = alloc::vec![0; SCRATCH];
    }
    let result = f(&mut buffer);
    *SPARE.lock() = buffer;
    result
}

/// Writes bytes of the kernel's to an open file as `write(2)` would: at `position`, or else where it stands; all of them where the file blocks.
///
/// # Errors
///
/// As `write(2)`.
pub(super) fn write_kernel(open: &OpenFile, position: Option<u64>, bytes: &[u8]) -> Result<usize> {
    let seekable = open.file.seekable();
    let start = match position {
        Some(position) => position,
        None if seekable && open.flags() & raw::O_APPEND != 0 => open.file.stat()?.size,
        None => *open.offset().lock(),
    };
    let mut done = 0;
    while done < bytes.len() {
        let step = open.blocking(Poll::OUT, None, || {
            open.file.write(start + done as u64, &bytes[done..])
        });
        match step {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(_) if done > 0 => break,
            Err(errno) => return Err(errno),
        }
    }
    if seekable && position.is_none() {
        *open.offset().lock() = start + done as u64;
    }
    Ok(done)
}

/// Copies up to `count` bytes from a file at `from` to another at `to` (or where that stands). Gives how many.
///
/// # Errors
///
/// As `sendfile(2)`; none once some bytes were copied.
pub(super) fn copy(
    input: &OpenFile,
    mut from: u64,
    output: &OpenFile,
    mut to: Option<u64>,
    count: usize,
) -> Result<usize> {
    with_scratch(|buffer| {
        let mut done = 0;
        while done < count {
            let want = buffer.len().min(count - done);
            let step = input.file.read(from, &mut buffer[..want]).and_then(|got| {
                if got == 0 {
                    Ok((0, 0))
                } else {
                    Ok((got, write_kernel(output, to, &buffer[..got])?))
                }
            });
            let (got, wrote) = match step {
                Err(errno) if done == 0 => return Err(errno),
                Err(_) => break,
                Ok(counts) => counts,
            };
            done += wrote;
            from += wrote as u64;
            to = to.map(|to| to + wrote as u64);
            if wrote == 0 || wrote < got {
                break;
            }
        }
        Ok(done)
    })
}
