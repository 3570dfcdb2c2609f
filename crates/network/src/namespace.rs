//! The named network namespace: made without the `ip` program, but where `ip netns` looks for it.
//!
//! A namespace lives as long as a process or a mount refers to it. Ours is bind-mounted on `/run/netns/NAME`
//! (namespaces(7)), so it outlives the daemon, and a restarted daemon finds bridges and taps as they were.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};

use crate::Error;
use crate::error::Result;

/// Where `ip netns` keeps its names.
const FOLDER: &str = "/run/netns";

/// An open network namespace.
#[derive(Debug)]
pub(crate) struct Namespace {
    path: PathBuf,
    file: OwnedFd,
}

impl Namespace {
    /// Opens the namespace of that name, or makes it. Tells whether it was made.
    pub(crate) fn open(name: &str) -> Result<(Self, bool)> {
        let path = Path::new(FOLDER).join(name);
        if let Some(file) = existing(&path)? {
            return Ok((Self { path, file }, false));
        }
        let failed =
            |error| Error::namespace(format!("make the network namespace {}", path.display()), error);
        share_folder().map_err(failed)?;
        // The mount point; one that a crash left behind serves as well.
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o444)
            .open(&path)
            .map_err(failed)?;
        // unshare(2) changes the calling thread, so a thread is spent on it.
        let target = path.clone();
        let made = std::thread::Builder::new()
            .name("netns-maker".into())
            .spawn(move || make(&target))
            .map_err(failed)?
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that makes it panicked")));
        match made.and_then(|()| File::open(&path)) {
            Ok(file) => {
                let file = file.into();
                Ok((Self { path, file }, true))
            }
            Err(error) => {
                // Mounted or not: what cannot be used must not stay.
                let _ = umount2(&path, MntFlags::MNT_DETACH);
                drop(fs::remove_file(&path));
                Err(failed(error))
            }
        }
    }

    /// `/run/netns/NAME`.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Another descriptor, close-on-exec.
    pub(crate) fn duplicate(&self) -> Result<OwnedFd> {
        self.file
            .try_clone()
            .map_err(|error| Error::namespace("duplicate the namespace's descriptor", error))
    }

    /// Moves the calling thread in.
    pub(crate) fn enter(file: BorrowedFd<'_>) -> io::Result<()> {
        Ok(setns(file, CloneFlags::CLONE_NEWNET)?)
    }

    /// Makes `command` start its process inside.
    pub(crate) fn start_inside(&self, command: &mut Command) -> Result<()> {
        let file = self.duplicate()?;
        let enter = move || Self::enter(file.as_fd());
        // SAFETY: between fork and exec only async-signal-safe work is done: setns(2) is one system call, and the
        // closure neither allocates nor locks (the error of a failed call is a bare errno).
        #[expect(unsafe_code, reason = "pre_exec is how a child enters a namespace")]
        unsafe {
            command.pre_exec(enter);
        }
        Ok(())
    }
}

/// Takes the name away; the kernel ends the namespace with the last process in it.
pub(crate) fn unmount(path: &Path) -> Result<()> {
    let failed = |error: io::Error| Error::namespace(format!("remove {}", path.display()), error);
    // Detached lazily, as `ip netns delete` does: another process may look at the file just now.
    umount2(path, MntFlags::MNT_DETACH).map_err(|errno| failed(errno.into()))?;
    fs::remove_file(path).map_err(failed)
}

/// The namespace that is mounted there, if one is.
fn existing(path: &Path) -> Result<Option<OwnedFd>> {
    let failed =
        |error: io::Error| Error::namespace(format!("open the network namespace {}", path.display()), error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let filesystem = fstatfs(&file)
        .map_err(|errno| failed(errno.into()))?
        .filesystem_type();
    Ok((filesystem == NSFS_MAGIC).then(|| file.into()))
}

/// Makes the folder a shared mount, as `ip netns add` does (`ip-netns(8)`), unless it is one already.
///
/// Left to `ip`, that would bind the folder over itself with our namespace in it: a second mount of it below the first, which nobody reaches and
/// which keeps the name busy when the daemon takes it away.
fn share_folder() -> io::Result<()> {
    fs::create_dir_all(FOLDER)?;
    // `ip` takes the same lock for the same steps.
    let folder = File::open(FOLDER)?;
    folder.lock()?;
    let change = |source, flags| mount(source, FOLDER, None::<&str>, flags, None::<&str>);
    let share = || change(None, MsFlags::MS_SHARED | MsFlags::MS_REC);
    match share() {
        // Not a mount point yet.
        Err(Errno::EINVAL) => {
            change(Some(FOLDER), MsFlags::MS_BIND | MsFlags::MS_REC)?;
            share()?;
        }
        other => other?,
    }
    Ok(())
}

/// Gives this thread a new namespace and mounts it on `path`.
fn make(path: &Path) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    // Not /proc/self, which is the main thread's.
    mount(
        Some("/proc/thread-self/ns/net"),
        path,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )?;
    Ok(())
}

/// A lock on the name, held until it is dropped or the process ends, however it ends.
///
/// It is an abstract Unix socket of the host's namespace (unix(7)): no file can be left over, and two daemons with
/// different state folders still meet at it.
pub(crate) fn lock(name: &str) -> Result<UnixListener> {
    let failed = |error: io::Error| {
        if error.kind() == io::ErrorKind::AddrInUse {
            Error::InUse {
                name: name.to_owned(),
            }
        } else {
            Error::namespace(format!("lock the network `{name}`"), error)
        }
    };
    let address = SocketAddr::from_abstract_name(format!("uigniter/network/{name}")).map_err(failed)?;
    UnixListener::bind_addr(&address).map_err(failed)
}

/// Settings of the namespace that the calling thread is in.
///
/// Without IPv6 no guest is woken by router solicitations and multicast reports. The proxy's side of a connection to a
/// guest uses many local ports, and one that the client closed first must not block its port for a minute.
pub(crate) fn configure() -> Result<()> {
    set("ipv4/ip_forward", "1")?;
    set("ipv4/ip_local_port_range", "1024 65535")?;
    set("ipv4/tcp_max_tw_buckets", "8192")?;
    if Path::new("/proc/sys/net/ipv6").exists() {
        set("ipv6/conf/all/disable_ipv6", "1")?;
        set("ipv6/conf/default/disable_ipv6", "1")?;
    }
    Ok(())
}

fn set(key: &str, value: &str) -> Result<()> {
    let path = format!("/proc/sys/net/{key}");
    fs::write(&path, value)
        .map_err(|error| Error::namespace(format!("write {value} to {path} in the namespace"), error))
}
