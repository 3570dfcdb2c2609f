//! What the thread of a shared folder gives up: every file of the host's but the folder's (`mount_namespaces(7)`, `pivot_root(2)`), and most system calls.
//!
//! The folder becomes the thread's root, so that neither `..` nor a link leads out of it, whoever sets it: guest or host. Device nodes
//! in it open nothing, programs in it are nobody's, and with a read-only share the host's kernel refuses to write.

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd},
    path::Path,
};

use crate::sandbox;

/// Why the thread could not be confined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A step on the way to a root of its own.
    #[error("cannot {0} for a shared folder: {1}; the VMM must be root, on Linux 5.12 or later")]
    Root(&'static str, io::Error),
    /// The filter of system calls.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
}

/// An open folder, and how it is shared.
#[derive(Debug)]
pub(crate) struct Folder {
    folder: File,
    is_read_only: bool,
}

impl Folder {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    ///
    /// What `open(2)` says; `ENOTDIR` for what is no folder.
    pub(super) fn open(path: &Path, is_read_only: bool) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let folder = File::options()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
            .open(path)?;
        Ok(Self { folder, is_read_only })
    }

    /// Makes the folder all that the calling thread sees, and takes system calls from it. Nothing of it can be taken back.
    ///
    /// # Errors
    ///
    /// See [`Error`]; the thread must not serve the guest then.
    pub(crate) fn enter(&self) -> Result<(), Error> {
        let step = |name| move |error| Error::Root(name, error);
        // Before the namespace is left in which the folder was opened.
        let tree = self.clone_mount().map_err(step("clone the mount"))?;
        // SAFETY: none of these calls has memory arguments but strings with their zero, and null where that is allowed.
        unsafe {
            checked(libc::unshare(libc::CLONE_FS | libc::CLONE_NEWNS))
                .map_err(step("leave the mount namespace"))?;
            let old = File::options()
                .read(true)
                .open("/")
                .map_err(step("open the old root"))?;
            let private = libc::MS_REC | libc::MS_PRIVATE;
            checked(libc::mount(
                std::ptr::null(),
                c"/".as_ptr(),
                std::ptr::null(),
                private,
                std::ptr::null(),
            ))
            .map_err(step("make mounts private"))?;
            checked_long(libc::syscall(
                libc::SYS_move_mount,
                tree.as_raw_fd(),
                c"".as_ptr(),
                libc::AT_FDCWD,
                c"/".as_ptr(),
                libc::MOVE_MOUNT_F_EMPTY_PATH,
            ))
            .map_err(step("mount it"))?;
            checked(libc::fchdir(tree.as_raw_fd())).map_err(step("enter it"))?;
            checked_long(libc::syscall(libc::SYS_pivot_root, c".".as_ptr(), c".".as_ptr()))
                .map_err(step("change the root"))?;
            checked(libc::fchdir(old.as_raw_fd())).map_err(step("find the old root"))?;
            checked(libc::umount2(c".".as_ptr(), libc::MNT_DETACH)).map_err(step("leave the old root"))?;
            checked(libc::chdir(c"/".as_ptr())).map_err(step("enter the new root"))?;
        }
        sandbox::enter_folder()?;
        Ok(())
    }

    /// The folder's mounts once more, nowhere mounted yet, with the rights of the share.
    fn clone_mount(&self) -> io::Result<OwnedFd> {
        let everything = libc::AT_EMPTY_PATH | libc::AT_RECURSIVE;
        let flags = libc::OPEN_TREE_CLONE | libc::OPEN_TREE_CLOEXEC | everything as libc::c_uint;
        let read_only = if self.is_read_only {
            libc::MOUNT_ATTR_RDONLY
        } else {
            0
        };
        let attributes = libc::mount_attr {
            attr_set: read_only | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV,
            attr_clr: 0,
            propagation: libc::MS_PRIVATE,
            userns_fd: 0,
        };
        // SAFETY: the path is a string with its zero; the descriptor is this value's.
        let tree =
            unsafe { libc::syscall(libc::SYS_open_tree, self.folder.as_raw_fd(), c"".as_ptr(), flags) };
        checked_long(tree)?;
        // SAFETY: the descriptor is new, and nobody else's.
        let tree = unsafe { OwnedFd::from_raw_fd(tree as i32) };
        // SAFETY: the structure is read only, and has the length that is told.
        let set = unsafe {
            libc::syscall(
                libc::SYS_mount_setattr,
                tree.as_raw_fd(),
                c"".as_ptr(),
                everything,
                &raw const attributes,
                size_of::<libc::mount_attr>(),
            )
        };
        checked_long(set)?;
        Ok(tree)
    }
}

fn checked(result: libc::c_int) -> io::Result<()> {
    checked_long(result.into())
}

fn checked_long(result: libc::c_long) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
