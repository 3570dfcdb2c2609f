//! `getdents(2)`: `getdents64`, and `getdents` with its older structure.

use crate::{
    errno::{Errno, Result},
    fs::{self, Body, FIRST_COOKIE, Node, NodeFile},
    process::with_file,
    syscall::Args,
    user::{UserSlice, names},
};
use alloc::sync::Arc;
use linux_raw_sys::general as raw;

/// The two layouts of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// `linux_dirent64`: type before the name.
    New,
    /// `linux_dirent`: type in the last byte.
    Old,
}

/// Fills the program's buffer entry by entry.
struct Sink<'a> {
    buffer: &'a mut [u8],
    used: usize,
    /// An entry had no room.
    full: bool,
    layout: Layout,
}

impl Sink<'_> {
    /// Adds an entry; false if there is no room for it. `next` is the position after it.
    fn push(&mut self, inode: u64, next: u64, kind: u8, name: &str) -> bool {
        let name = names::to_bytes(name);
        // New: 8 + 8 + 2 + 1 + name + NUL. Old: 8 + 8 + 2 + name + NUL + 1.
        let len = (20 + name.len()).next_multiple_of(8);
        let Some(entry) = self.buffer.get_mut(self.used..self.used + len) else {
            self.full = true;
            return false;
        };
        entry[..8].copy_from_slice(&inode.to_le_bytes());
        entry[8..16].copy_from_slice(&next.to_le_bytes());
        entry[16..18].copy_from_slice(&(len as u16).to_le_bytes());
        let start = if self.layout == Layout::New { 19 } else { 18 };
        entry[start..start + name.len()].copy_from_slice(&name);
        entry[start + name.len()..].fill(0);
        entry[if self.layout == Layout::New { 18 } else { len - 1 }] = kind;
        self.used += len;
        true
    }
}

/// Gives entries from position `from` on; the new position.
fn fill(directory: &Arc<Node>, from: u64, sink: &mut Sink<'_>) -> u64 {
    let mut position = from;
    if position == 0 {
        if !sink.push(directory.number(), 1, raw::DT_DIR as u8, ".") {
            return position;
        }
        position = 1;
    }
    if position == 1 {
        let parent = directory
            .parent()
            .map_or(directory.number(), |parent| parent.number());
        if !sink.push(parent, FIRST_COOKIE, raw::DT_DIR as u8, "..") {
            return position;
        }
        position = FIRST_COOKIE;
    }
    match &directory.body {
        Body::Directory(entries) => {
            while let Some(entry) = entries.next(directory, position) {
                if !sink.push(entry.ino, entry.cookie + 1, entry.kind, &entry.name) {
                    break;
                }
                position = entry.cookie + 1;
            }
        }
        Body::Computed(computed, _) => {
            let skip = usize::try_from(position - FIRST_COOKIE).unwrap_or(usize::MAX);
            for (name, kind) in computed.list().iter().skip(skip) {
                if !sink.push(position, position + 1, *kind, name) {
                    break;
                }
                position += 1;
            }
        }
        _ => {}
    }
    position
}

fn read(args: &Args, layout: Layout) -> Result<usize> {
    // The length is an unsigned int.
    let buffer = UserSlice::new(args.0[1], args.uint(2) as usize);
    with_file::<NodeFile, _>(args.int(0), Errno::ENOTDIR, |file, open| {
        if file.is_place() {
            return Err(Errno::EBADF);
        }
        match &file.node.body {
            Body::Directory(entries) if entries.is_removed() => return Err(Errno::ENOENT),
            Body::Directory(_) | Body::Computed(..) => {}
            _ => return Err(Errno::ENOTDIR),
        }
        let _place = open.at_position();
        let from = *open.offset().lock();
        // Takes its time, so the program's memory is looked at after it.
        if from == 0 && file.node.remote.is_some() {
            fs::list_folder(&file.node)?;
        }
        let mut sink = Sink {
            buffer: buffer.bytes_mut()?,
            used: 0,
            full: false,
            layout,
        };
        let position = fill(&file.node, from, &mut sink);
        *open.offset().lock() = position;
        file.happened(raw::IN_ACCESS);
        // Something is left, but not one entry has room.
        if sink.full && sink.used == 0 {
            Err(Errno::EINVAL)
        } else {
            Ok(sink.used)
        }
    })
}

/// `getdents64(int fd, void *dirp, size_t count)`
pub(super) fn getdents64(args: &Args) -> Result<usize> {
    read(args, Layout::New)
}

/// `getdents(unsigned int fd, struct linux_dirent *dirp, unsigned int count)`
pub(super) fn getdents(args: &Args) -> Result<usize> {
    read(args, Layout::Old)
}
