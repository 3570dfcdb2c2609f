//! Files and directories: the one name space, and what is in it.
//!
//! | module | is |
//! |---|---|
//! | `node`, `directory`, `data` | a node of the tree; a directory's names; a regular file's bytes |
//! | `filesystem` | what the nodes of one mounted file system share |
//! | `fuse` | folders of the host's |
//! | `mount` | putting a mounted file system into its place |
//! | `image` | the read-only root image on the disk (EROFS or ROFS) |
//! | `overlay` | files of the instance's own, from a RAM disk, over the image's |
//! | `volume` | ext4 file systems on disks, mounted below the root |
//! | `table` | static tables of what the kernel itself puts into the tree |
//! | `dev`, `proc`, `sys`, `etc` | those tables |
//! | `path`, `names`, `open`, `file`, `mapped` | resolving, making and removing, opening, the opened file, its mappings |
//! | `permission`, `xattr` | who may do what; extended attributes |
//! | `flock`, `locks`, `inotify` | whole-file locks, record locks, who watches what |
//! | `console` | what the program's first three descriptors are |
//!
//! The image is never written. Its directories become nodes at the first look, and from then on are changed in memory; its files are copied up page by
//! page as they are written. So there are no white-outs and no merging: the tree is the merged view.
//! No lock of this module is held while the disk works.

mod console;
mod data;
mod dev;
mod directory;
mod etc;
mod file;
mod filesystem;
mod flock;
mod fuse;
mod image;
mod inotify;
mod locks;
mod mapped;
mod mount;
mod names;
mod node;
mod open;
mod overlay;
mod path;
mod permission;
mod proc;
mod sys;
mod table;
mod volume;
pub(crate) mod xattr;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use image::MountError;
pub use volume::{MountError as VolumeError, finish};

pub(crate) use data::MAX_SIZE;
pub(crate) use directory::FIRST_COOKIE;
pub(crate) use file::{NodeFile, may_grow};
pub(crate) use flock::{acquire as lock_file, unlock as unlock_file};
pub(crate) use fuse::list as list_folder;
pub(crate) use inotify::{Inotify, MAX_EVENTS, MAX_WATCHES, happened};
pub(crate) use locks::{Owner, Record, blocker, give_up as give_up_lock, take as take_lock};
pub(crate) use mapped::{forbids_mapped_writes, shared_memory};
pub(crate) use mount::mounts;
pub(crate) use node::{Body, Node};
pub(crate) use path::{At, Found, Limits, absolute};
pub(crate) use permission::{Asker, READ, SEARCH, WRITE, without_set_ids};
pub(crate) use table::Target;
pub(crate) use volume::sync_all;
pub(crate) mod ops {
    //! What system calls do to the tree.
    pub(crate) use super::{
        names::{
            link, make_dead_socket, make_device, make_fifo, make_regular, make_socket, mkdir, rename, rmdir,
            symlink, unlink,
        },
        open::open,
    };
}

use crate::{
    drivers::{
        block::{BlockDevice, DiskMemory},
        folder::Folder,
    },
    errno::{Errno, Result},
    file::{Descriptor, File, OpenFile},
    process::process,
    sync::Lock,
};
use alloc::{string::String, sync::Arc, vec::Vec};
use core::any::Any;
use filesystem::{Filesystem, SYSFS_MAGIC};
use linux_raw_sys::general as raw;
use uigniter_abi::boot_args::{BootArgs, RootFs};

/// What the root file system is made from.
pub struct RootConfig<'a> {
    /// The disk with the image, if there is one.
    pub disk: Option<Arc<dyn BlockDevice>>,
    /// Folders of the host's that `--mount` may name.
    pub folders: &'a [&'static Folder],
    /// A RAM disk with files of the instance's own, which are put over the image's.
    pub files: Option<DiskMemory>,
    /// All disks, for `--mount`.
    pub disks: Vec<Arc<dyn BlockDevice>>,
    /// `--rootfs`, host name, addresses and name server.
    pub args: &'a BootArgs,
    /// The VM's memory in bytes: files in memory take at most half of it, the image's cache a sixty-fourth.
    pub memory_bytes: u64,
}

impl core::fmt::Debug for RootConfig<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RootConfig")
            .field("disk", &self.disk.is_some())
            .field("files", &self.files)
            .field("memory_bytes", &self.memory_bytes)
            .finish()
    }
}

/// Why the tree could not be made.
#[derive(Debug)]
pub enum InitError {
    /// The root file system.
    Root(MountError),
    /// A volume.
    Volume(volume::MountError),
    /// A folder of the host's; its target, and why.
    Folder(String, String),
}

impl core::fmt::Display for InitError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Root(error) => error.fmt(f),
            Self::Volume(error) => error.fmt(f),
            Self::Folder(target, why) => {
                write!(
                    f,
                    "{target}: the folder cannot be mounted: {why}; see what the monitor says about it"
                )
            }
        }
    }
}

/// The top of the tree, the root (the same until `chroot(2)`) and the working directory.
struct Tree {
    top: Arc<Node>,
    root: Arc<Node>,
    cwd: Arc<Node>,
}

static TREE: Lock<Option<Tree>> = Lock::new(None);

/// Mounts the root, `/dev`, `/proc` and `/sys`, adds what an image lacks (`/tmp`, `/etc/hosts`, ...) and opens descriptors 0, 1 and 2.
///
/// # Errors
///
/// The disk is no image of ours, or what `--mount` names cannot be mounted.
pub fn init(config: &RootConfig<'_>) -> Result<(), InitError> {
    let root = build(config).map_err(InitError::Root)?;
    for wanted in &config.args.mounts {
        mount::mount(&root, wanted, config)?;
    }
    *TREE.lock() = Some(Tree {
        top: root.clone(),
        root: root.clone(),
        cwd: root,
    });
    if let Some(cwd) = &config.args.cwd
        && set_cwd(cwd).is_err()
    {
        crate::log!("--cwd={cwd} is no directory of the image; starting in /");
    }
    let streams = console::standard_streams(config.args.interactive);
    let mut files = process().files.lock();
    for (fd, open) in streams.into_iter().enumerate() {
        // Cannot fail: the numbers are in range. The table is new, so nothing is replaced.
        let _ = files.replace(fd as i32, Descriptor { open, cloexec: false });
    }
    Ok(())
}

/// The whole tree.
fn build(config: &RootConfig<'_>) -> Result<Arc<Node>, MountError> {
    let limit_pages = config.memory_bytes / 2 / 4096;
    let cache = usize::try_from(config.memory_bytes / 64)
        .unwrap_or(usize::MAX)
        .clamp(256 << 10, 64 << 20);
    let image = match (&config.disk, config.args.rootfs) {
        (_, Some(RootFs::RamFs)) | (None, None) => None,
        (None, Some(RootFs::Erofs | RootFs::Rofs)) => return Err(MountError::NoDisk),
        (Some(disk), _) => Some(Arc::new(image::mount(disk.clone(), cache)?)),
    };
    let root_fs = match image {
        Some(_) => Filesystem::new("overlay", raw::OVERLAYFS_SUPER_MAGIC, limit_pages),
        None => Filesystem::new("tmpfs", raw::TMPFS_MAGIC, limit_pages),
    };
    let root = Node::root(&root_fs, image.as_ref());
    let dev_fs = Filesystem::new("devtmpfs", raw::TMPFS_MAGIC, limit_pages);
    let proc_fs = Filesystem::fixed("proc", raw::PROC_SUPER_MAGIC, Errno::ENOENT);
    let sys_fs = Filesystem::fixed("sysfs", SYSFS_MAGIC, Errno::EPERM);
    for (name, fs, entries) in [
        ("dev", dev_fs, dev::ENTRIES),
        ("proc", proc_fs, proc::ENTRIES),
        ("sys", sys_fs, sys::ENTRIES),
    ] {
        let row = table::directory(name, entries);
        let mounted = Node::of_entry(&fs, Arc::downgrade(&root), &row, 0);
        mounted.meta.lock().mode |= 0o755;
        names::replace(&root, name, mounted);
    }
    for (name, permissions) in [("tmp", 0o1777), ("run", 0o755), ("etc", 0o755), ("root", 0o700)] {
        if root.child(name).is_err() {
            names::replace(
                &root,
                name,
                Node::directory(&root_fs, permissions, Arc::downgrade(&root)),
            );
        }
    }
    etc::fill(&root, config.args);
    if let Some(files) = config.files {
        overlay::lay(&root, &Arc::new(image::mount(Arc::new(files), cache)?));
    }
    Ok(root)
}

/// A path from the root.
///
/// # Errors
///
/// `ENOENT` before [`init`].
pub(crate) fn at_root(path: &str) -> Result<At<'_>> {
    let asker = Asker::current();
    let tree = TREE.lock();
    let root = tree.as_ref().ok_or(Errno::ENOENT)?.root.clone();
    Ok(At {
        start: root.clone(),
        root,
        path,
        limits: Limits::empty(),
        asker,
    })
}

/// A path from the working directory.
///
/// # Errors
///
/// `ENOENT` before [`init`].
pub(crate) fn at_cwd(path: &str) -> Result<At<'_>> {
    let asker = Asker::current();
    let tree = TREE.lock();
    let tree = tree.as_ref().ok_or(Errno::ENOENT)?;
    Ok(At {
        root: tree.root.clone(),
        start: tree.cwd.clone(),
        path,
        limits: Limits::empty(),
        asker,
    })
}

/// The root; `None` before [`init`].
fn root() -> Option<Arc<Node>> {
    Some(TREE.lock().as_ref()?.root.clone())
}

/// Makes a directory the root (`chroot(2)`).
pub(crate) fn set_root(node: Arc<Node>) {
    let old = TREE
        .lock()
        .as_mut()
        .map(|tree| core::mem::replace(&mut tree.root, node));
    drop(old);
}

/// The working directory.
///
/// # Errors
///
/// `ENOENT` before [`init`].
pub(crate) fn cwd() -> Result<Arc<Node>> {
    Ok(TREE.lock().as_ref().ok_or(Errno::ENOENT)?.cwd.clone())
}

/// Makes a directory the working directory.
///
/// # Errors
///
/// `ENOTDIR`.
pub(crate) fn set_cwd_node(node: Arc<Node>) -> Result<()> {
    if !node.is_directory() {
        return Err(Errno::ENOTDIR);
    }
    if let Ok(path) = absolute(&node) {
        *process().cwd.lock() = path;
    }
    let old = TREE
        .lock()
        .as_mut()
        .map(|tree| core::mem::replace(&mut tree.cwd, node));
    drop(old);
    Ok(())
}

/// Makes the directory at a path the working directory.
///
/// # Errors
///
/// As `chdir(2)`.
pub fn set_cwd(path: &str) -> Result<()> {
    set_cwd_node(at_cwd(path)?.directory()?)
}

/// Opens a file to read, for the kernel itself (the program loader). Runs of whole pages are read straight into the caller's buffer.
///
/// # Errors
///
/// As `open(2)`.
pub fn open_kernel(path: &str) -> Result<Arc<OpenFile>> {
    ops::open(&at_cwd(path)?, raw::O_RDONLY, 0)
}

/// The program that runs from its file, page by page as it is needed: nobody may write to it (`ETXTBSY` in `open(2)`).
static RUNNING: Lock<Option<Arc<Node>>> = Lock::new(None);

/// Says which file the program runs from.
pub fn set_running(open: &OpenFile) {
    *RUNNING.lock() = NodeFile::of(open).map(|file| file.node.clone());
}

fn is_running(node: &Arc<Node>) -> bool {
    RUNNING
        .lock()
        .as_ref()
        .is_some_and(|running| Arc::ptr_eq(running, node))
}

/// The path of an open file, as `/proc/self/fd` shows it; `None` for what has no place in the tree.
#[must_use]
pub fn path_of(open: &OpenFile) -> Option<String> {
    NodeFile::of(open).map(NodeFile::place_path)
}

/// Makes a name for a bound socket (`bind(2)` in `unix(7)`); `permissions` before the umask.
///
/// # Errors
///
/// `EADDRINUSE` if the name is taken, and those of path resolution.
pub fn bind_socket(path: &str, permissions: u32, socket: Arc<dyn Any + Send + Sync>) -> Result<()> {
    let permissions = permissions & !*process().umask.lock();
    match ops::make_socket(&at_cwd(path)?, permissions, socket) {
        Ok(_) => Ok(()),
        Err(Errno::EEXIST) => Err(Errno::EADDRINUSE),
        Err(errno) => Err(errno),
    }
}

/// What is bound to a socket's name (`connect(2)` in `unix(7)`).
///
/// # Errors
///
/// `ECONNREFUSED` if the name is not a socket's, `EACCES` if it may not be written to, and those of path resolution.
pub fn socket_at(path: &str) -> Result<Arc<dyn Any + Send + Sync>> {
    let at = at_cwd(path)?;
    let node = at.find(true)?.node()?;
    at.asker.may(&node, WRITE)?;
    match &node.body {
        Body::Socket(socket) => Ok(socket.clone()),
        _ => Err(Errno::ECONNREFUSED),
    }
}

/// Makes what was written to a file of a volume durable; others are in memory.
///
/// # Errors
///
/// As `fsync(2)`.
pub(crate) fn sync_file(file: &dyn File) -> Result<()> {
    match file.as_any().downcast_ref::<NodeFile>() {
        Some(file) => file.node.fs.sync(),
        None => Ok(()),
    }
}

/// A nameless file in memory (`memfd_create(2)`).
///
/// # Errors
///
/// `ENOENT` before [`init`].
pub(crate) fn memory_file(label: &str, sealable: bool, flags: u32) -> Result<Arc<NodeFile>> {
    let top = TREE.lock().as_ref().ok_or(Errno::ENOENT)?.top.clone();
    let node = names::make_nameless(&top, 0o777)?;
    // It belongs to who made it, and has no directory that could hand a group down.
    Asker::current().own(&node, &node);
    if let Some(data) = node.data()
        && sealable
    {
        data.allow_sealing();
    }
    Ok(NodeFile::nameless(node, label, flags))
}

/// The auxiliary vector that the program was started with, for `/proc/self/auxv`.
pub fn set_auxv(auxv: &[u8]) {
    *proc::AUXV.lock() = auxv.to_vec();
}
