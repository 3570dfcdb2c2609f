//! Opened nodes as files that can be mapped.

use super::{
    Node, NodeFile, at_root,
    data::{Data, Origin},
    filesystem::Filesystem,
    node::Body,
};
use crate::{
    errno::{Errno, Result},
    file::OpenFile,
    mm::vma::{Access, FilePage, Pages, Prot},
    sync::Lock,
};
use alloc::sync::Arc;
use core::ops::Range;
use linux_raw_sys::general as raw;

impl NodeFile {
    fn contents(&self) -> Result<&Data> {
        self.node.data().ok_or(Errno::ENODEV)
    }
}

impl Pages for NodeFile {
    fn identity(&self) -> usize {
        self.node.data().map_or(0, Data::identity)
    }

    fn page(&self, index: u64, access: Access) -> Result<Option<FilePage>> {
        if access == Access::Write && self.node.remote.is_some() {
            return Err(Errno::EIO);
        }
        let page = self.contents()?.page(index, access)?;
        if access == Access::Write {
            // The first write through a mapping; those after it are not seen.
            self.node.modified();
        }
        Ok(page)
    }

    fn resident(&self, index: u64) -> bool {
        self.node.data().is_some_and(|data| data.resident(index))
    }

    fn punch(&self, range: Range<u64>) -> Result<()> {
        if self.node.remote.is_some() {
            return Err(Errno::EOPNOTSUPP);
        }
        self.contents()?.zero(range)?;
        self.node.modified();
        Ok(())
    }
}

/// True if a shared mapping of a file that is sealed, or the host's, can never write; refuses one that would write at once.
///
/// # Errors
///
/// `EPERM`; `ENODEV` for a file of the host's, to which pages are not written back.
pub(crate) fn forbids_mapped_writes(open: &OpenFile, prot: Prot) -> Result<bool> {
    if NodeFile::of(open).is_some_and(|file| file.node.remote.is_some()) {
        return if prot.contains(Prot::WRITE) {
            Err(Errno::ENODEV)
        } else {
            Ok(true)
        };
    }
    let seals = NodeFile::of(open)
        .and_then(|file| file.node.data())
        .map_or(0, Data::seals);
    let sealed = seals & (raw::F_SEAL_WRITE | raw::F_SEAL_FUTURE_WRITE) != 0;
    if sealed && prot.contains(Prot::WRITE) {
        return Err(Errno::EPERM);
    }
    Ok(sealed)
}

/// The file system of shared anonymous memory: nothing limits it but memory.
static SHARED: Lock<Option<Arc<Filesystem>>> = Lock::new(None);

/// A nameless file of zeros that is what a shared anonymous mapping maps.
///
/// # Errors
///
/// `ENOMEM` beyond the largest file.
pub(crate) fn shared_memory(len: u64) -> Result<Arc<NodeFile>> {
    if len > super::MAX_SIZE {
        return Err(Errno::ENOMEM);
    }
    let fs = SHARED
        .lock()
        .get_or_insert_with(|| Filesystem::new("tmpfs", raw::TMPFS_MAGIC, u64::MAX))
        .clone();
    let data = Data::new(fs.clone(), Origin::Empty, len);
    let node = Node::new(&fs, raw::S_IFREG | 0o777, Body::Regular(data));
    node.meta.lock().nlink = 0;
    // It has the name that Linux shows for it, below the root, where it is not.
    let place = at_root("/").ok().map(|at| (at.root, "dev/zero".into()));
    NodeFile::new(node, place, raw::O_RDWR)
}
