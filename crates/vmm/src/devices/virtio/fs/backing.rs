//! The folder behind a file system device, opened when the API names it.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use fuse_backend_rs::passthrough::{CachePolicy, Config, PassthroughFs};

use super::{TAG_MAX, confine::Folder, memory_file};

/// How long the guest may believe what it was told of names and attributes: others change the folder, too.
const BELIEF: Duration = Duration::from_millis(100);

/// Why a folder cannot be shared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It cannot be opened.
    #[error("cannot open {}: {error}; name a folder of this host", path.display())]
    Open {
        /// The folder.
        path: PathBuf,
        /// What `open(2)` said.
        error: io::Error,
    },
    /// The tag.
    #[error("the tag '{0}' does not have 1 to 36 bytes")]
    Tag(String),
    /// What serves it cannot be made.
    #[error("cannot share {}: {error}", path.display())]
    Share {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// A folder, and what serves it.
#[derive(Clone)]
pub(crate) struct Backing {
    pub(super) tag: String,
    pub(super) files: Arc<PassthroughFs>,
    pub(super) replies: Arc<File>,
    folder: Arc<Folder>,
}

impl Backing {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub(crate) fn open(tag: &str, path: &Path, is_read_only: bool) -> Result<Self, Error> {
        // The root is the folder by the time that the guest asks for it.
        Self::with_root(tag, path, is_read_only, "/")
    }

    /// For a thread that is not confined.
    #[cfg(test)]
    pub(super) fn open_at(tag: &str, path: &Path, root: &str) -> Result<Self, Error> {
        Self::with_root(tag, path, false, root)
    }

    fn with_root(tag: &str, path: &Path, is_read_only: bool, root: &str) -> Result<Self, Error> {
        if !(1..=TAG_MAX).contains(&tag.len()) {
            return Err(Error::Tag(tag.to_owned()));
        }
        raise_descriptor_limit();
        let folder = Folder::open(path, is_read_only).map_err(|error| Error::Open {
            path: path.to_owned(),
            error,
        })?;
        let failed = |error| Error::Share {
            path: path.to_owned(),
            error,
        };
        // Files are not opened for the guest: each request names an inode, which is opened and closed again, so a guest that ends leaves none open.
        let config = Config {
            root_dir: root.to_owned(),
            cache_policy: CachePolicy::Always,
            no_open: true,
            no_opendir: true,
            entry_timeout: BELIEF,
            attr_timeout: BELIEF,
            ..Config::default()
        };
        Ok(Self {
            tag: tag.to_owned(),
            files: Arc::new(PassthroughFs::new(config).map_err(failed)?),
            replies: Arc::new(memory_file().map_err(failed)?),
            folder: Arc::new(folder),
        })
    }

    /// What the thread that serves it has to enter first.
    pub(crate) fn folder(&self) -> Arc<Folder> {
        Arc::clone(&self.folder)
    }
}

/// Each inode that the guest knows is a descriptor of ours: as many as the process may have at all.
fn raise_descriptor_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both calls take a structure that is ours, and nothing else. Where they fail the limit stays.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}
