//! An opened node.

use super::{
    flock, fuse, inotify,
    locks::{self, Owner},
    node::{Body, Node},
    path,
};
use crate::{
    errno::{Errno, Result},
    event::pipe::PipeEnd,
    file::{File, OpenFile, Poll, Stat},
    mm::vma::Pages,
    process::process,
    signal,
    sync::Lock,
    wait::{Turn, WaitQueue},
};
use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};
use core::{any::Any, sync::atomic::Ordering};
use linux_raw_sys::general as raw;

/// What is particular to an opening.
enum Opened {
    /// Nothing: the node has it all.
    Plain,
    /// The text of a kernel's file, made when it was read from its start.
    Text(Lock<Vec<u8>>),
    /// The device, or the end of a named pipe.
    Device(Arc<dyn File>),
    /// `O_PATH`: the node is only a place.
    Place,
}

/// An opened node of the tree.
pub(crate) struct NodeFile {
    /// The node.
    pub(crate) node: Arc<Node>,
    /// The directory and name by which it was opened; none for nameless files (`memfd_create(2)`, `O_TMPFILE`).
    place: Option<(Arc<Node>, Box<str>)>,
    /// What a file without a name calls itself (`memfd_create(2)`).
    label: Option<Box<str>>,
    opened: Opened,
    /// True if the access mode lets it be written.
    writes: bool,
    /// True if each write is to be on the disk when it returns (`O_SYNC`, `O_DSYNC`).
    syncs: bool,
}

impl NodeFile {
    /// Opens a node.
    ///
    /// # Errors
    ///
    /// `ENXIO` for sockets and for devices that are not there, `ELOOP` for links.
    pub(crate) fn new(
        node: Arc<Node>,
        place: Option<(Arc<Node>, Box<str>)>,
        flags: u32,
    ) -> Result<Arc<Self>> {
        let opened = match &node.body {
            _ if flags & raw::O_PATH != 0 => Opened::Place,
            Body::Regular(_) | Body::Directory(_) | Body::Computed(..) => Opened::Plain,
            Body::Text(text, argument, _) => Opened::Text(Lock::new(text(*argument))),
            Body::Device(_, open) => Opened::Device(open()?),
            Body::Fifo(fifo) => Opened::Device(fifo.open(flags)?),
            Body::Socket(_) => return Err(Errno::ENXIO),
            Body::Link(_) | Body::Magic(..) => return Err(Errno::ELOOP),
        };
        node.opens.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Self {
            node,
            place,
            label: None,
            opened,
            writes: flags & raw::O_ACCMODE != raw::O_RDONLY,
            syncs: flags & raw::O_DSYNC != 0,
        }))
    }

    /// Opens a node that has no name but what it calls itself.
    pub(crate) fn nameless(node: Arc<Node>, label: &str, flags: u32) -> Arc<Self> {
        node.opens.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self {
            node,
            place: None,
            label: Some(label.into()),
            opened: Opened::Plain,
            writes: flags & raw::O_ACCMODE != raw::O_RDONLY,
            syncs: false,
        })
    }

    /// The opened node behind an open file description, if it is one.
    pub(crate) fn of(open: &OpenFile) -> Option<&Self> {
        open.file.as_any().downcast_ref()
    }

    /// The directory and name by which it was opened.
    pub(crate) fn place(&self) -> Option<(Arc<Node>, Box<str>)> {
        self.place.clone()
    }

    /// The end of a named pipe that was opened.
    pub(crate) fn pipe(&self) -> Option<&PipeEnd> {
        match &self.opened {
            Opened::Device(device) => device.as_any().downcast_ref(),
            _ => None,
        }
    }

    /// True if it was opened with `O_PATH`.
    pub(crate) const fn is_place(&self) -> bool {
        matches!(self.opened, Opened::Place)
    }

    /// Where the node is now, as `/proc/self/fd` shows it.
    pub(crate) fn place_path(&self) -> String {
        let Some((dir, name)) = &self.place else {
            return match &self.label {
                Some(label) => format!("/memfd:{label} (deleted)"),
                None => format!("/#{} (deleted)", self.node.number()),
            };
        };
        if self.node.is_directory()
            && let Ok(path) = path::absolute(&self.node)
        {
            return path;
        }
        let (dir, name, _) = self.node.current_place(dir, name);
        let dir = path::absolute(&dir).unwrap_or_default();
        let deleted = if self.node.meta.lock().nlink == 0 {
            " (deleted)"
        } else {
            ""
        };
        format!("{}/{name}{deleted}", dir.trim_end_matches('/'))
    }

    /// Tells those who watch the node, or the directory by which it was opened, what happened (`inotify(7)`).
    pub(crate) fn happened(&self, mask: u32) {
        if !self.is_place() {
            let place = self.place.as_ref().map(|(dir, name)| (dir, &**name));
            inotify::happened(&self.node, place, mask);
        }
    }

    fn read_node(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        match (&self.opened, &self.node.body) {
            (Opened::Place, _) => Err(Errno::EBADF),
            (Opened::Device(device), _) => device.read(offset, buffer),
            (_, Body::Regular(data)) => {
                if let Some(inode) = &self.node.remote {
                    fuse::refresh(&self.node, inode);
                }
                data.read(offset, buffer)
            }
            (_, Body::Directory(_) | Body::Computed(..)) => Err(Errno::EISDIR),
            (Opened::Text(text), Body::Text(make, argument, _)) => {
                if offset == 0 {
                    let fresh = make(*argument);
                    *text.lock() = fresh;
                }
                Ok(copy_text(&text.lock(), offset, buffer))
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn write_node(&self, offset: u64, buffer: &[u8]) -> Result<usize> {
        match (&self.opened, &self.node.body) {
            (Opened::Place, _) => Err(Errno::EBADF),
            (Opened::Device(device), _) => device.write(offset, buffer),
            (_, Body::Regular(data)) => {
                let buffer = within_limit(offset, buffer)?;
                if let Some(inode) = &self.node.remote {
                    return fuse::write(inode, data, offset, buffer);
                }
                let count = data.write(offset, buffer)?;
                self.node.modified();
                if self.syncs {
                    self.node.fs.sync()?;
                }
                Ok(count)
            }
            (_, Body::Text(_, argument, Some(set))) => set(*argument, buffer).map(|()| buffer.len()),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Changes the size.
    ///
    /// # Errors
    ///
    /// As `ftruncate(2)`; `EINVAL` for what is not a regular file.
    pub(crate) fn truncate(&self, size: u64) -> Result<()> {
        if self.is_place() {
            return Err(Errno::EBADF);
        }
        let data = self.node.data().ok_or(Errno::EINVAL)?;
        may_grow(data.size(), size)?;
        self.node.truncate(size)?;
        self.node.modified();
        self.happened(raw::IN_MODIFY);
        Ok(())
    }
}

impl Drop for NodeFile {
    fn drop(&mut self) {
        let last = self.node.opens.fetch_sub(1, Ordering::Relaxed) == 1;
        if last && self.node.meta.lock().nlink == 0 {
            inotify::gone(&self.node);
        }
    }
}

/// What of a write fits below the largest size of a file (`RLIMIT_FSIZE` in `getrlimit(2)`).
fn within_limit(offset: u64, buffer: &[u8]) -> Result<&[u8]> {
    let limit = process().limits.lock()[raw::RLIMIT_FSIZE as usize].rlim_cur;
    let room = limit.saturating_sub(offset);
    if room == 0 && !buffer.is_empty() {
        return may_grow(0, u64::MAX).map(|()| buffer);
    }
    Ok(&buffer[..buffer.len().min(usize::try_from(room).unwrap_or(usize::MAX))])
}

/// Asks if a file may become larger (`RLIMIT_FSIZE`).
///
/// # Errors
///
/// `EFBIG`, with `SIGXFSZ`.
pub(crate) fn may_grow(old: u64, new: u64) -> Result<()> {
    let limit = process().limits.lock()[raw::RLIMIT_FSIZE as usize].rlim_cur;
    if new > old && new > limit {
        signal::raise(raw::SIGXFSZ);
        return Err(Errno::EFBIG);
    }
    Ok(())
}

/// Copies what of `text` lies at `offset`.
fn copy_text(text: &[u8], offset: u64, buffer: &mut [u8]) -> usize {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
    let count = buffer.len().min(text.len() - start);
    buffer[..count].copy_from_slice(&text[start..start + count]);
    count
}

impl File for NodeFile {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let count = self.read_node(offset, buffer)?;
        if count > 0 {
            self.happened(raw::IN_ACCESS);
        }
        Ok(count)
    }

    fn write(&self, offset: u64, buffer: &[u8]) -> Result<usize> {
        let count = self.write_node(offset, buffer)?;
        if count > 0 {
            self.happened(raw::IN_MODIFY);
        }
        Ok(count)
    }
    fn seekable(&self) -> bool {
        match &self.opened {
            Opened::Device(device) => device.seekable(),
            // A place answers EBADF to whatever asks for a position.
            Opened::Place | Opened::Plain | Opened::Text(_) => true,
        }
    }

    fn ignores_seeks(&self) -> bool {
        matches!(&self.opened, Opened::Device(device) if device.ignores_seeks())
    }

    fn poll(&self) -> Poll {
        match &self.opened {
            Opened::Device(device) => device.poll(),
            _ => Poll::IN | Poll::OUT,
        }
    }

    fn queue(&self) -> Option<&WaitQueue> {
        match &self.opened {
            Opened::Device(device) => device.queue(),
            _ => None,
        }
    }

    fn appends(&self) -> Option<&Turn> {
        match &self.node.body {
            Body::Regular(data) => Some(data.appends()),
            _ => None,
        }
    }

    fn stat(&self) -> Result<Stat> {
        Ok(self.node.stat())
    }

    fn ioctl(&self, request: u32, argument: u64) -> Result<usize> {
        match &self.opened {
            Opened::Device(device) => device.ioctl(request, argument),
            Opened::Place => Err(Errno::EBADF),
            _ => Err(Errno::ENOTTY),
        }
    }

    fn descriptor_closed(&self) {
        // Whichever descriptor of the file it is: the process gives up its record locks (fcntl(2)).
        locks::give_up(self, Owner::Process, &(0..u64::MAX));
    }

    fn path(&self) -> Option<String> {
        Some(self.place_path())
    }

    fn pages(&self) -> Option<&dyn Pages> {
        matches!((&self.opened, &self.node.body), (Opened::Plain, Body::Regular(_))).then_some(self)
    }

    fn maps_zeros(&self) -> bool {
        matches!(&self.opened, Opened::Device(device) if device.maps_zeros())
    }

    fn release(&self) {
        if let Opened::Device(device) = &self.opened {
            device.release();
        }
        flock::release(self);
        locks::give_up(
            self,
            Owner::Description(core::ptr::from_ref(self) as usize),
            &(0..u64::MAX),
        );
        self.happened(if self.writes {
            raw::IN_CLOSE_WRITE
        } else {
            raw::IN_CLOSE_NOWRITE
        });
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
