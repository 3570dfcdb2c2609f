//! The state folder: where everything lies, the lock that keeps a second daemon out, and files that are whole or absent.
//!
//! ```text
//! daemon.lock                  held by the daemon; its pid inside
//! image/                       the image store ([`crate::images`])
//! kernel/kernel.elf            takes the built-in kernel's place, if there
//! kernel/builtin-DIGEST.elf    the built-in kernel
//! instances/ID/                one microVM, of an instance or of the pool
//!     state.json               the instance; absent for the pool's, and for what is being deleted
//!     api.sock                 the VMM's API
//!     in.sock                  where the VMM takes console input
//!     console.log, vmm.log     the guest's words, the VMM's words
//!     exit.json                how it ended, by the VMM
//!     disk.raw                 its private disk, if it has one
//! volumes/NAME/                a volume: disk.img, volume.json
//! network/                     leases (crate `uigniter-network`)
//! ```
//!
//! Files are replaced by rename, so a daemon that is killed leaves the old one or the new one. But for volumes they are not
//! synced: a crash of the whole host takes the microVMs with it, and there is nothing to find again.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};
use serde::Serialize;

use crate::Error;

/// Paths under the state folder.
#[derive(Clone, Debug)]
pub(crate) struct StateDir {
    root: PathBuf,
}

/// The lock; dropped, it is released (also when the process is killed).
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

/// Longest path of a Unix socket in bytes, `unix(7)`.
const SOCKET_PATH_LIMIT: usize = 107;

impl StateDir {
    /// Makes the folders and takes the lock.
    pub(crate) fn open(root: &Path) -> Result<(Self, Lock), Error> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::State { path, source }
        };
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(root)
            .map_err(failed(root))?;
        let root = root.canonicalize().map_err(failed(root))?;
        let state = Self { root };
        if state.instance("0123456789ab").socket().as_os_str().len() > SOCKET_PATH_LIMIT {
            return Err(Error::PathTooLong(state.root));
        }
        let lock = state.lock()?;
        for folder in [
            state.images(),
            state.volumes(),
            state.kernels(),
            state.instances(),
            state.network(),
        ] {
            builder.create(&folder).map_err(failed(&folder))?;
        }
        Ok((state, lock))
    }

    fn lock(&self) -> Result<Lock, Error> {
        let path = self.root.join("daemon.lock");
        let failed = |source| Error::State {
            path: path.clone(),
            source,
        };
        let mut options = File::options();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let mut file = options.open(&path).map_err(failed)?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(failed)?;
            return Err(Error::AlreadyRunning {
                state_dir: self.root.clone(),
                pid: pid.trim().to_owned(),
            });
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(failed)?;
        Ok(Lock(file))
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.root.join("image")
    }

    pub(crate) fn volumes(&self) -> PathBuf {
        self.root.join("volumes")
    }

    pub(crate) fn kernels(&self) -> PathBuf {
        self.root.join("kernel")
    }

    pub(crate) fn instances(&self) -> PathBuf {
        self.root.join("instances")
    }

    pub(crate) fn network(&self) -> PathBuf {
        self.root.join("network")
    }

    pub(crate) fn instance(&self, id: &str) -> InstanceDir {
        InstanceDir {
            path: self.instances().join(id),
        }
    }
}

/// Paths of one microVM.
#[derive(Clone, Debug)]
pub(crate) struct InstanceDir {
    path: PathBuf,
}

impl InstanceDir {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn create(&self) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(&self.path)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path.join("state.json")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path.join("api.sock")
    }

    /// No longer than the name of the other socket: paths of sockets are short.
    pub(crate) fn input(&self) -> PathBuf {
        self.path.join("in.sock")
    }

    pub(crate) fn console(&self) -> PathBuf {
        self.path.join("console.log")
    }

    pub(crate) fn vmm_log(&self) -> PathBuf {
        self.path.join("vmm.log")
    }

    pub(crate) fn exit(&self) -> PathBuf {
        self.path.join("exit.json")
    }

    pub(crate) fn disk(&self) -> PathBuf {
        self.path.join("disk.raw")
    }

    /// Removes everything; the state first, so that a daemon that is killed meanwhile goes on with the rest.
    pub(crate) fn remove(&self) -> io::Result<()> {
        ignore_absent(fs::remove_file(self.state()))?;
        ignore_absent(fs::remove_dir_all(&self.path))
    }
}

pub(crate) fn ignore_absent(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Replaces a file by one with this value as JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    write_file(path, &serde_json::to_vec(value)?)
}

/// Replaces a file by one with these bytes. Each path has one writer at a time.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes)?;
    fs::rename(&temporary, path)
}
