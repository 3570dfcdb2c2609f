//! Changes of names, on the disk before they are made in the tree.
//!
//! A [`Change`] is begun before the names are looked at, and kept until the tree has them: in between nobody else changes names of the volume, though the disk
//! may let others run. For file systems in memory it is nothing, and nothing blocks.

use super::{Mounted, Volume};
use crate::{
    errno::Result,
    fs::{
        filesystem::Filesystem,
        node::{Body, Node},
    },
    user::names,
    wait::TurnGuard,
};
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use linux_raw_sys::general as raw;
use rsext4::{
    DeviceNumber, Ext4Result, FileName, FilePermissions, InodeNumber, MutationContext, RenameOptions,
    SpecialInodeKind, UnlinkOutcome,
};

/// Blocks that a change of names may need: a directory's, and those of its index and of the mappings.
const NAME_BLOCKS: u64 = 8;

/// A change of names that has begun.
pub(crate) struct Change<'a>(Option<(&'a Volume, TurnGuard<'a>)>);

impl<'a> Change<'a> {
    /// Sleeps until names of the file system may be changed.
    pub(crate) fn begin(fs: &'a Filesystem) -> Self {
        Self(fs.volume().map(|volume| (&**volume, volume.turn.take())))
    }

    /// Has the volume do it, if it is one; with room for a name unless it only takes away.
    fn run<T>(&self, adds: bool, work: impl FnOnce(&mut Mounted) -> Ext4Result<T>) -> Result<Option<T>> {
        let Some((volume, _)) = &self.0 else {
            return Ok(None);
        };
        if adds {
            volume.make_room(NAME_BLOCKS)?;
        }
        volume.change(work).map(Some)
    }

    /// A new node gets a name, and with it an inode.
    ///
    /// # Errors
    ///
    /// `ENOSPC`, `EIO`, `ENAMETOOLONG`; `EOPNOTSUPP` for a device number that ext4 has no room for.
    pub(crate) fn make(&self, dir: &Node, name: &str, node: &Arc<Node>) -> Result<()> {
        let meta = *node.meta.lock();
        let made = self.run(true, |ext4| {
            let name = names::to_bytes(name);
            let (parent, name) = (number(dir)?, FileName::new(&name)?);
            let permissions = FilePermissions::new((meta.mode & 0o7777) as u16)?;
            let who = MutationContext::new(meta.uid, meta.gid, 0, 0);
            let special =
                |ext4: &mut Mounted, kind| ext4.create_special_inode(who, parent, name, permissions, kind);
            match &node.body {
                Body::Directory(_) => ext4.create_directory(who, parent, name, permissions),
                Body::Link(target) => ext4.create_symlink(who, parent, name, &names::to_bytes(target)),
                Body::Fifo(_) => special(ext4, SpecialInodeKind::Fifo),
                Body::Socket(_) => special(ext4, SpecialInodeKind::Socket),
                Body::Device(number, _) => {
                    let number = DeviceNumber::new((number >> 8) as u32, (number & 0xff) as u32)?;
                    special(
                        ext4,
                        match meta.mode & raw::S_IFMT {
                            raw::S_IFBLK => SpecialInodeKind::BlockDevice(number),
                            _ => SpecialInodeKind::CharacterDevice(number),
                        },
                    )
                }
                _ => ext4.create_regular_file(who, parent, name, permissions),
            }
        })?;
        if let (Some(info), Some((volume, _))) = (made, &self.0) {
            volume.knows(info.number.raw(), info.blocks, node);
        }
        Ok(())
    }

    /// A node gets one more name.
    ///
    /// # Errors
    ///
    /// `ENOSPC`, `EIO`, `EMLINK`; `EOPNOTSUPP` for a nameless file, which an ext4 of ours has no inode for.
    pub(crate) fn link(&self, dir: &Node, name: &str, node: &Node) -> Result<()> {
        self.run(true, |ext4| {
            let name = names::to_bytes(name);
            ext4.hard_link(number(node)?, number(dir)?, FileName::new(&name)?)
        })
        .map(drop)
    }

    /// A name goes.
    ///
    /// # Errors
    ///
    /// `EIO`.
    pub(crate) fn unlink(&self, dir: &Node, name: &str, directory: bool) -> Result<()> {
        let outcome = self.run(false, |ext4| {
            let name = names::to_bytes(name);
            let (parent, name) = (number(dir)?, FileName::new(&name)?);
            if directory {
                ext4.remove_empty_directory(parent, name)
            } else {
                ext4.unlink(parent, name)
            }
        })?;
        self.note(outcome);
        Ok(())
    }

    /// A name moves, or two change places. What had the new name loses it.
    ///
    /// # Errors
    ///
    /// `ENOSPC`, `EIO`, `ENOTEMPTY`.
    pub(crate) fn rename(&self, old: (&Node, &str), new: (&Node, &str), exchange: bool) -> Result<()> {
        let outcome = self.run(true, |ext4| {
            let options = if exchange {
                RenameOptions::EXCHANGE
            } else {
                RenameOptions::REPLACE
            };
            let (from, to) = (names::to_bytes(old.1), names::to_bytes(new.1));
            ext4.rename(
                number(old.0)?,
                FileName::new(&from)?,
                number(new.0)?,
                FileName::new(&to)?,
                options,
            )
        })?;
        self.note(outcome.and_then(|outcome| outcome.replaced));
        Ok(())
    }

    /// An inode without a name stays until nobody has it open.
    fn note(&self, outcome: Option<UnlinkOutcome>) {
        if let (Some(outcome), Some((volume, _))) = (outcome, &self.0)
            && outcome.requires_reap()
        {
            volume.nameless.lock().0.insert(outcome.inode.raw());
        }
    }
}

/// The inode of a node.
fn number(node: &Node) -> Ext4Result<InodeNumber> {
    InodeNumber::from_u64(node.ino.load(Ordering::Relaxed))
}
