//! Files and directories.

use super::{
    Row,
    Support::{Full, Partial, Refused, Stub},
};
use linux_raw_sys::general as raw;

mod access;
mod chdir;
mod chmod;
mod chown;
mod chroot;
mod close;
mod close_range;
mod common;
mod copy_file_range;
mod dup;
mod fallocate;
mod fanotify_init;
mod fcntl;
mod flock;
mod fsync;
mod getcwd;
mod getdents;
mod getxattr;
mod inotify_add_watch;
mod inotify_init;
mod inotify_rm_watch;
mod ioctl;
mod link;
mod listxattr;
mod lseek;
mod memfd_create;
mod mkdir;
mod mknod;
mod mount;
mod open;
mod openat2;
mod pivot_root;
mod posix_fadvise;
mod pread;
mod read;
mod readahead;
mod readlink;
mod readv;
mod removexattr;
mod rename;
mod rmdir;
mod sendfile;
mod setxattr;
mod splice;
mod stat;
mod statfs;
mod statx;
mod symlink;
mod sync;
mod sync_file_range;
mod tee;
mod truncate;
mod umask;
mod umount;
mod unlink;
mod utimensat;
mod vmsplice;
mod write;

#[cfg(test)]
mod tests;

const ON_VOLUMES: &str =
    "on volumes; elsewhere what is written lives in memory, so there is nothing to write back";
const MOUNT: &str = "the tree is made at boot";
const VECTORS: &str = "more than 64 KiB of a stream at once, when in several parts";
const XATTR: &str = "user, trusted and security attributes; no access control lists";

/// The family's rows.
pub const ROWS: &[Row] = &[
    Row::new(raw::__NR_access, "access", access::access, Full),
    Row::new(raw::__NR_faccessat, "access", access::faccessat, Full),
    Row::new(raw::__NR_faccessat2, "access", access::faccessat2, Full),
    Row::new(raw::__NR_chdir, "chdir", chdir::chdir, Full),
    Row::new(raw::__NR_fchdir, "chdir", chdir::fchdir, Full),
    Row::new(raw::__NR_chmod, "chmod", chmod::chmod, Full),
    Row::new(raw::__NR_fchmod, "chmod", chmod::fchmod, Full),
    Row::new(raw::__NR_fchmodat, "chmod", chmod::fchmodat, Full),
    Row::new(raw::__NR_fchmodat2, "chmod", chmod::fchmodat2, Full),
    Row::new(raw::__NR_chown, "chown", chown::chown, Full),
    Row::new(raw::__NR_lchown, "chown", chown::lchown, Full),
    Row::new(raw::__NR_fchown, "chown", chown::fchown, Full),
    Row::new(raw::__NR_fchownat, "chown", chown::fchownat, Full),
    Row::new(raw::__NR_chroot, "chroot", chroot::chroot, Full),
    Row::new(raw::__NR_close, "close", close::close, Full),
    Row::new(
        raw::__NR_close_range,
        "close_range",
        close_range::close_range,
        Full,
    ),
    Row::new(
        raw::__NR_copy_file_range,
        "copy_file_range",
        copy_file_range::copy_file_range,
        Full,
    ),
    Row::new(raw::__NR_dup, "dup", dup::dup, Full),
    Row::new(raw::__NR_dup2, "dup", dup::dup2, Full),
    Row::new(raw::__NR_dup3, "dup", dup::dup3, Full),
    Row::new(
        raw::__NR_fallocate,
        "fallocate",
        fallocate::fallocate,
        Partial("collapsing and inserting ranges; space is not set aside"),
    ),
    Row::new(
        raw::__NR_fanotify_init,
        "fanotify_init",
        fanotify_init::fanotify_init,
        Refused("no file notification"),
    ),
    Row::new(
        raw::__NR_fcntl,
        "fcntl",
        fcntl::fcntl,
        Partial("no leases and no F_NOTIFY"),
    ),
    Row::new(raw::__NR_flock, "flock", flock::flock, Full),
    Row::new(raw::__NR_fsync, "fsync", fsync::fsync, Partial(ON_VOLUMES)),
    Row::new(raw::__NR_fdatasync, "fsync", fsync::fsync, Partial(ON_VOLUMES)),
    Row::new(raw::__NR_getcwd, "getcwd", getcwd::getcwd, Full),
    Row::new(raw::__NR_getdents, "getdents", getdents::getdents, Full),
    Row::new(raw::__NR_getdents64, "getdents", getdents::getdents64, Full),
    Row::new(raw::__NR_getxattr, "getxattr", getxattr::getxattr, Partial(XATTR)),
    Row::new(
        raw::__NR_lgetxattr,
        "getxattr",
        getxattr::lgetxattr,
        Partial(XATTR),
    ),
    Row::new(
        raw::__NR_fgetxattr,
        "getxattr",
        getxattr::fgetxattr,
        Partial(XATTR),
    ),
    Row::new(
        raw::__NR_inotify_init,
        "inotify_init",
        inotify_init::inotify_init,
        Full,
    ),
    Row::new(
        raw::__NR_inotify_init1,
        "inotify_init",
        inotify_init::inotify_init1,
        Full,
    ),
    Row::new(
        raw::__NR_inotify_add_watch,
        "inotify_add_watch",
        inotify_add_watch::inotify_add_watch,
        Full,
    ),
    Row::new(
        raw::__NR_inotify_rm_watch,
        "inotify_rm_watch",
        inotify_rm_watch::inotify_rm_watch,
        Full,
    ),
    Row::new(raw::__NR_ioctl, "ioctl", ioctl::ioctl, Full),
    Row::new(raw::__NR_link, "link", link::link, Full),
    Row::new(raw::__NR_linkat, "link", link::linkat, Full),
    Row::new(
        raw::__NR_listxattr,
        "listxattr",
        listxattr::listxattr,
        Partial(XATTR),
    ),
    Row::new(
        raw::__NR_llistxattr,
        "listxattr",
        listxattr::llistxattr,
        Partial(XATTR),
    ),
    Row::new(
        raw::__NR_flistxattr,
        "listxattr",
        listxattr::flistxattr,
        Partial(XATTR),
    ),
    Row::new(raw::__NR_lseek, "lseek", lseek::lseek, Full),
    Row::new(
        raw::__NR_memfd_create,
        "memfd_create",
        memfd_create::memfd_create,
        Partial("huge pages"),
    ),
    Row::new(raw::__NR_mkdir, "mkdir", mkdir::mkdir, Full),
    Row::new(raw::__NR_mkdirat, "mkdir", mkdir::mkdirat, Full),
    Row::new(
        raw::__NR_mknod,
        "mknod",
        mknod::mknod,
        Partial("devices that are not in /dev can be made, and answer ENXIO when they are opened"),
    ),
    Row::new(
        raw::__NR_mknodat,
        "mknod",
        mknod::mknodat,
        Partial("devices that are not in /dev can be made, and answer ENXIO when they are opened"),
    ),
    Row::new(raw::__NR_mount, "mount", mount::mount, Refused(MOUNT)),
    Row::new(raw::__NR_open, "open", open::open, Full),
    Row::new(raw::__NR_openat, "open", open::openat, Full),
    Row::new(raw::__NR_creat, "open", open::creat, Full),
    Row::new(raw::__NR_openat2, "openat2", openat2::openat2, Full),
    Row::new(
        raw::__NR_pivot_root,
        "pivot_root",
        pivot_root::pivot_root,
        Refused(MOUNT),
    ),
    Row::new(
        raw::__NR_fadvise64,
        "posix_fadvise",
        posix_fadvise::posix_fadvise,
        Stub("advice"),
    ),
    Row::new(raw::__NR_pread64, "pread", pread::pread, Full),
    Row::new(raw::__NR_pwrite64, "pread", pread::pwrite, Full),
    Row::new(raw::__NR_read, "read", read::read, Full),
    Row::new(
        raw::__NR_readahead,
        "readahead",
        readahead::readahead,
        Stub("advice"),
    ),
    Row::new(raw::__NR_readlink, "readlink", readlink::readlink, Full),
    Row::new(raw::__NR_readlinkat, "readlink", readlink::readlinkat, Full),
    Row::new(raw::__NR_readv, "readv", readv::readv, Partial(VECTORS)),
    Row::new(raw::__NR_writev, "readv", readv::writev, Full),
    Row::new(raw::__NR_preadv, "readv", readv::preadv, Full),
    Row::new(raw::__NR_pwritev, "readv", readv::pwritev, Full),
    Row::new(raw::__NR_preadv2, "readv", readv::preadv2, Full),
    Row::new(raw::__NR_pwritev2, "readv", readv::pwritev2, Full),
    Row::new(
        raw::__NR_removexattr,
        "removexattr",
        removexattr::removexattr,
        Partial(XATTR),
    ),
    Row::new(
        raw::__NR_lremovexattr,
        "removexattr",
        removexattr::lremovexattr,
        Partial(XATTR),
    ),
    Row::new(
        raw::__NR_fremovexattr,
        "removexattr",
        removexattr::fremovexattr,
        Partial(XATTR),
    ),
    Row::new(raw::__NR_rename, "rename", rename::rename, Full),
    Row::new(raw::__NR_renameat, "rename", rename::renameat, Full),
    Row::new(
        raw::__NR_renameat2,
        "rename",
        rename::renameat2,
        Partial("RENAME_WHITEOUT"),
    ),
    Row::new(raw::__NR_rmdir, "rmdir", rmdir::rmdir, Full),
    Row::new(raw::__NR_sendfile, "sendfile", sendfile::sendfile, Full),
    Row::new(raw::__NR_setxattr, "setxattr", setxattr::setxattr, Partial(XATTR)),
    Row::new(
        raw::__NR_lsetxattr,
        "setxattr",
        setxattr::lsetxattr,
        Partial(XATTR),
    ),
    Row::new(
        raw::__NR_fsetxattr,
        "setxattr",
        setxattr::fsetxattr,
        Partial(XATTR),
    ),
    Row::new(raw::__NR_splice, "splice", splice::splice, Full),
    Row::new(raw::__NR_stat, "stat", stat::stat, Full),
    Row::new(raw::__NR_fstat, "stat", stat::fstat, Full),
    Row::new(raw::__NR_lstat, "stat", stat::lstat, Full),
    Row::new(raw::__NR_newfstatat, "stat", stat::newfstatat, Full),
    Row::new(raw::__NR_statfs, "statfs", statfs::statfs, Full),
    Row::new(raw::__NR_fstatfs, "statfs", statfs::fstatfs, Full),
    Row::new(raw::__NR_statx, "statx", statx::statx, Full),
    Row::new(raw::__NR_symlink, "symlink", symlink::symlink, Full),
    Row::new(raw::__NR_symlinkat, "symlink", symlink::symlinkat, Full),
    Row::new(raw::__NR_sync, "sync", sync::sync, Partial(ON_VOLUMES)),
    Row::new(raw::__NR_syncfs, "sync", sync::syncfs, Partial(ON_VOLUMES)),
    Row::new(
        raw::__NR_sync_file_range,
        "sync_file_range",
        sync_file_range::sync_file_range,
        Partial(ON_VOLUMES),
    ),
    Row::new(raw::__NR_tee, "tee", tee::tee, Full),
    Row::new(raw::__NR_truncate, "truncate", truncate::truncate, Full),
    Row::new(raw::__NR_ftruncate, "truncate", truncate::ftruncate, Full),
    Row::new(raw::__NR_umask, "umask", umask::umask, Full),
    Row::new(raw::__NR_umount2, "umount", umount::umount, Refused(MOUNT)),
    Row::new(raw::__NR_unlink, "unlink", unlink::unlink, Full),
    Row::new(raw::__NR_unlinkat, "unlink", unlink::unlinkat, Full),
    Row::new(raw::__NR_utimensat, "utimensat", utimensat::utimensat, Full),
    Row::new(raw::__NR_futimesat, "utimensat", utimensat::futimesat, Full),
    Row::new(raw::__NR_utimes, "utimensat", utimensat::utimes, Full),
    Row::new(raw::__NR_utime, "utimensat", utimensat::utime, Full),
    Row::new(raw::__NR_vmsplice, "vmsplice", vmsplice::vmsplice, Full),
    Row::new(raw::__NR_write, "write", write::write, Full),
];
