//! Who may do what with a node (`path_resolution(7)`, `credentials(7)`, `capabilities(7)`).
//!
//! What is in an image without owners belongs to root. A program that stays root is refused next to nothing; one that becomes somebody
//! else is refused what Linux would refuse it.

use super::node::{Body, Meta, Node};
use crate::{
    errno::{Errno, Result},
    process::{credentials, process},
};
use linux_raw_sys::general as raw;

/// To read a file, to list a directory.
pub(crate) const READ: u32 = raw::R_OK;
/// To write a file, to make and remove names in a directory.
pub(crate) const WRITE: u32 = raw::W_OK;
/// To run a file, to look up names in a directory.
pub(crate) const SEARCH: u32 = raw::X_OK;

/// An identity that asks for access to files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker {
    uid: u32,
    gid: u32,
    capabilities: u64,
}

impl Asker {
    /// The program as it is: its file system identity (`setfsuid(2)`).
    pub(crate) fn current() -> Self {
        let credentials = credentials::get().lock();
        // The rights of root over files go with the file system identity.
        let (user, held) = (credentials.user, credentials.capabilities().0);
        Self {
            uid: user.fs,
            gid: credentials.group.fs,
            capabilities: if user.fs == user.effective { held } else { 0 },
        }
    }

    /// The program as who started it: its real identity (`access(2)`).
    pub(crate) fn real() -> Self {
        let credentials = credentials::get().lock();
        let permitted = credentials.capabilities().1;
        Self {
            uid: credentials.user.real,
            gid: credentials.group.real,
            capabilities: if credentials.user.real == 0 { permitted } else { 0 },
        }
    }

    /// The user.
    pub(crate) const fn uid(self) -> u32 {
        self.uid
    }

    /// True if it has a capability (`CAP_*` in `capabilities(7)`).
    pub(crate) const fn can(self, capability: u32) -> bool {
        self.capabilities >> capability & 1 != 0
    }

    /// True if it belongs to a group.
    pub(crate) fn in_group(self, gid: u32) -> bool {
        self.gid == gid || credentials::get().lock().groups.contains(&gid)
    }

    /// True if it owns a file, or may do what its owner may.
    pub(crate) const fn owns(self, meta: &Meta) -> bool {
        self.uid == meta.uid || self.can(raw::CAP_FOWNER)
    }

    /// Asks for some of [`READ`], [`WRITE`] and [`SEARCH`].
    ///
    /// # Errors
    ///
    /// `EACCES`.
    pub(crate) fn may(self, node: &Node, wanted: u32) -> Result<()> {
        let directory = node.is_directory();
        if directory && self.can(raw::CAP_DAC_OVERRIDE) {
            return Ok(());
        }
        // What the kernel computes in /proc/self is the process's own, whoever it is.
        if matches!(node.body, Body::Computed(..)) && wanted & WRITE == 0 {
            return Ok(());
        }
        let meta = *node.meta.lock();
        let class = if self.uid == meta.uid {
            meta.mode >> 6
        } else if self.in_group(meta.gid) {
            meta.mode >> 3
        } else {
            meta.mode
        };
        let executable = meta.mode & 0o111 != 0;
        let overridden = self.can(raw::CAP_DAC_OVERRIDE) && (wanted & SEARCH == 0 || executable)
            || self.can(raw::CAP_DAC_READ_SEARCH) && (wanted == READ || directory && wanted & WRITE == 0);
        if class & wanted == wanted || overridden {
            Ok(())
        } else {
            Err(Errno::EACCES)
        }
    }

    /// Asks to make a name in a directory.
    ///
    /// # Errors
    ///
    /// `EACCES`.
    pub(crate) fn may_add(self, dir: &Node) -> Result<()> {
        self.may(dir, WRITE | SEARCH)
    }

    /// Asks to take the name of `node` out of a directory; a sticky one is for the owners of either.
    ///
    /// # Errors
    ///
    /// `EACCES`, `EPERM`.
    pub(crate) fn may_take(self, dir: &Node, node: &Node) -> Result<()> {
        self.may(dir, WRITE | SEARCH)?;
        let dir = *dir.meta.lock();
        let node = *node.meta.lock();
        let sticky = dir.mode & raw::S_ISVTX != 0;
        if sticky && self.uid != dir.uid && !self.owns(&node) {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// Makes a new node in `dir` its own: user, group, and what a directory with the set-group-ID bit hands down (`inode(7)`). The bit stays off a file that
    /// would have run, had the umask not forbidden it.
    pub(crate) fn own(self, node: &Node, dir: &Node) {
        let from = *dir.meta.lock();
        let handed_down = from.mode & raw::S_ISGID != 0;
        let foreign = handed_down && !self.in_group(from.gid) && !self.can(raw::CAP_FSETID);
        let forbidden = *process().umask.lock();
        let mut meta = node.meta.lock();
        meta.uid = self.uid;
        meta.gid = if handed_down { from.gid } else { self.gid };
        if node.is_directory() && handed_down {
            meta.mode |= raw::S_ISGID;
        } else if foreign && (meta.mode | forbidden) & raw::S_IXGRP != 0 {
            meta.mode &= !raw::S_ISGID;
        }
    }

    /// What a mode becomes that is set by somebody who is not in the file's group: the set-group-ID bit goes (`chmod(2)`).
    pub(crate) fn allowed_mode(self, mode: u32, gid: u32) -> u32 {
        if self.can(raw::CAP_FSETID) || self.in_group(gid) {
            mode
        } else {
            mode & !raw::S_ISGID
        }
    }
}

/// The mode of a regular file after its contents or its owner changed: it does not run as somebody else any more. `S_ISGID` without `S_IXGRP` has nothing to do
/// with that.
pub(crate) const fn without_set_ids(mode: u32) -> u32 {
    let group_runs = mode & raw::S_IXGRP != 0;
    mode & !(raw::S_ISUID | if group_runs { raw::S_ISGID } else { 0 })
}
