//! FUSE messages as bytes (`linux/fuse.h`, protocol 7.31). What comes back is a stranger's: every number is looked at before it is believed.

use crate::errno::{Errno, Result};
use alloc::vec::Vec;
use linux_raw_sys::general as raw;

/// Version of the protocol.
pub(super) const MAJOR: u32 = 7;
pub(super) const MINOR: u32 = 31;

/// Operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Operation {
    Lookup = 1,
    Getattr = 3,
    Setattr = 4,
    Readlink = 5,
    Symlink = 6,
    Mknod = 8,
    Mkdir = 9,
    Unlink = 10,
    Rmdir = 11,
    Link = 13,
    Read = 15,
    Write = 16,
    Statfs = 17,
    Fsync = 20,
    Init = 26,
    Readdir = 28,
    Fsyncdir = 30,
    BatchForget = 42,
    Rename2 = 45,
}

/// Flags of `FUSE_INIT`: large writes; files and directories need not be opened first.
pub(super) const BIG_WRITES: u32 = 1 << 5;
pub(super) const NO_OPEN: u32 = 1 << 17;
pub(super) const NO_OPENDIR: u32 = 1 << 24;

/// `FATTR_*`: what a change of attributes sets.
pub(super) const SET_MODE: u32 = 1;
pub(super) const SET_UID: u32 = 1 << 1;
pub(super) const SET_GID: u32 = 1 << 2;
pub(super) const SET_SIZE: u32 = 1 << 3;
pub(super) const SET_ATIME: u32 = 1 << 4;
pub(super) const SET_MTIME: u32 = 1 << 5;

/// Bytes of `struct fuse_entry_out`, `fuse_attr_out`, `fuse_attr`, `fuse_kstatfs` and of a directory entry without its name.
pub(super) const ENTRY: usize = 128;
pub(super) const ATTR_OUT: usize = 104;
const ATTR: usize = 88;
pub(super) const STATFS: usize = 80;
const DIRENT: usize = 24;

const NS_PER_S: u64 = 1_000_000_000;

/// Header and fixed arguments of a message; the length of all of it is filled in by [`finish`](Self::finish).
pub(super) struct Head(Vec<u8>);

impl Head {
    pub(super) fn new(operation: Operation, unique: u64, node: u64, (uid, gid): (u32, u32)) -> Self {
        let mut head = Self(Vec::with_capacity(128));
        head.word(0)
            .word(operation as u32)
            .long(unique)
            .long(node)
            .word(uid)
            .word(gid)
            .word(1)
            .word(0);
        head
    }

    pub(super) fn word(&mut self, value: u32) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(super) fn long(&mut self, value: u64) -> &mut Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    /// The head of a message with so many bytes of data behind it.
    pub(super) fn finish(&mut self, data: usize) -> &[u8] {
        let length = (self.0.len() + data) as u32;
        self.0[..4].copy_from_slice(&length.to_le_bytes());
        &self.0
    }
}

pub(super) fn word(bytes: &[u8], at: usize) -> Result<u32> {
    let word = bytes.get(at..).and_then(<[u8]>::first_chunk);
    word.map(|bytes| u32::from_le_bytes(*bytes)).ok_or(Errno::EIO)
}

pub(super) fn long(bytes: &[u8], at: usize) -> Result<u64> {
    let long = bytes.get(at..).and_then(<[u8]>::first_chunk);
    long.map(|bytes| u64::from_le_bytes(*bytes)).ok_or(Errno::EIO)
}

/// The result of a reply to the message `unique`, from its header and what came behind it.
pub(super) fn outcome(header: &[u8], unique: u64, body: usize) -> Result<()> {
    let (length, error) = (word(header, 0)? as usize, word(header, 4)? as i32);
    if long(header, 8)? != unique {
        return Err(Errno::EIO);
    }
    match error {
        0 if length == 16 + body => Ok(()),
        // The kernel's own answers, from 512 on, are not the host's to give.
        -511..=-1 => Err(Errno(error.unsigned_abs() as u16)),
        _ => Err(Errno::EIO),
    }
}

/// What the host says of an inode (`struct fuse_attr`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) ino: u64,
    pub(crate) size: u64,
    pub(crate) mode: u32,
    pub(crate) nlink: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Times in ns since the epoch.
    pub(crate) atime: u64,
    pub(crate) mtime: u64,
    pub(crate) ctime: u64,
    /// How long it may be believed, in ns.
    pub(crate) belief: u64,
}

fn time(seconds: u64, rest: u32) -> u64 {
    // Before the epoch is the epoch, as in utimensat(2).
    let seconds = if seconds > i64::MAX as u64 { 0 } else { seconds };
    seconds
        .saturating_mul(NS_PER_S)
        .saturating_add(u64::from(rest).min(NS_PER_S - 1))
}

fn attributes(bytes: &[u8], belief: u64) -> Result<Attributes> {
    let bytes = bytes.get(..ATTR).ok_or(Errno::EIO)?;
    let stamp = |seconds, rest| Ok(time(long(bytes, seconds)?, word(bytes, rest)?));
    let found = Attributes {
        ino: long(bytes, 0)?,
        size: long(bytes, 8)?,
        atime: stamp(24, 48)?,
        mtime: stamp(32, 52)?,
        ctime: stamp(40, 56)?,
        mode: word(bytes, 60)?,
        nlink: word(bytes, 64)?,
        uid: word(bytes, 68)?,
        gid: word(bytes, 72)?,
        belief,
    };
    let known = matches!(
        found.mode & raw::S_IFMT,
        raw::S_IFREG
            | raw::S_IFDIR
            | raw::S_IFLNK
            | raw::S_IFIFO
            | raw::S_IFSOCK
            | raw::S_IFCHR
            | raw::S_IFBLK
    );
    if found.size > i64::MAX as u64 || found.mode > 0o177_777 || !known {
        return Err(Errno::EIO);
    }
    Ok(found)
}

/// `struct fuse_attr_out`.
pub(super) fn attr_out(bytes: &[u8]) -> Result<Attributes> {
    attributes(
        bytes.get(16..).ok_or(Errno::EIO)?,
        time(long(bytes, 0)?, word(bytes, 8)?),
    )
}

/// `struct fuse_entry_out`: the node's number, and what it is. 0 is nothing, which the host may answer instead of `ENOENT`.
pub(super) fn entry_out(bytes: &[u8]) -> Result<(u64, Attributes)> {
    let belief = time(long(bytes, 16)?, word(bytes, 32)?).min(time(long(bytes, 24)?, word(bytes, 36)?));
    match long(bytes, 0)? {
        0 => Err(Errno::ENOENT),
        node => Ok((node, attributes(bytes.get(40..).ok_or(Errno::EIO)?, belief)?)),
    }
}

/// An entry of a directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) ino: u64,
    /// Where the next one is.
    pub(super) next: u64,
    /// Type as in `getdents(2)`.
    pub(super) kind: u8,
    pub(super) name: &'a [u8],
}

/// The first entry of a reply to `FUSE_READDIR`, and the rest of it; `None` at its end.
pub(super) fn dirent(bytes: &[u8]) -> Result<Option<(Entry<'_>, &[u8])>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let length = word(bytes, 16)? as usize;
    let end = DIRENT.checked_add(length).ok_or(Errno::EIO)?;
    let name = bytes.get(DIRENT..end).ok_or(Errno::EIO)?;
    if name.is_empty() || name.len() > 255 || name.iter().any(|byte| matches!(byte, 0 | b'/')) {
        return Err(Errno::EIO);
    }
    let entry = Entry {
        ino: long(bytes, 0)?,
        next: long(bytes, 8)?,
        kind: word(bytes, 20)?.min(u32::from(u8::MAX)) as u8,
        name,
    };
    // The padding of the last one may be missing.
    let rest = bytes.get(end.next_multiple_of(8)..).unwrap_or_default();
    Ok(Some((entry, rest)))
}
