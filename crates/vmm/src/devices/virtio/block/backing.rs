//! The file behind a block device, opened and measured when the API names it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Seek, SeekFrom},
    os::fd::{AsRawFd, RawFd},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use super::SECTOR;
use crate::output::lock;

/// Why a drive's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It cannot be opened.
    #[error("cannot open {}: {error}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What `open(2)` said.
        error: io::Error,
    },
    /// It has no length.
    #[error("cannot tell the size of {}: {error}; a file or block device is needed", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// What `lseek(2)` said.
        error: io::Error,
    },
}

/// An open file with its length.
#[derive(Debug)]
pub(crate) struct DiskFile {
    file: File,
    sectors: u64,
}

impl DiskFile {
    /// Opens `path`, for writing too unless `is_read_only`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub(crate) fn open(path: &Path, is_read_only: bool) -> Result<Self, Error> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(!is_read_only)
            .open(path)
            .map_err(|error| Error::Open {
                path: path.to_owned(),
                error,
            })?;
        // Not the metadata: that has no length for block devices.
        let bytes = file.seek(SeekFrom::End(0)).map_err(|error| Error::Size {
            path: path.to_owned(),
            error,
        })?;
        let sectors = bytes / SECTOR;
        Ok(Self { file, sectors })
    }

    /// Whole sectors in the file.
    pub(super) fn sectors(&self) -> u64 {
        self.sectors
    }

    /// Makes writes durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl AsRawFd for DiskFile {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

/// The file, which the API may exchange under the running device.
pub(crate) type SharedFile = Arc<Mutex<DiskFile>>;

/// What does not change while the VM runs.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The drive's id, which the guest can read as serial number.
    pub(crate) id: String,
    /// Writes are refused.
    pub(crate) is_read_only: bool,
    /// Flush requests reach the disk (`cache_type` "Writeback").
    pub(crate) flushes: bool,
}

/// Everything that a block device needs.
#[derive(Clone, Debug)]
pub(crate) struct Backing {
    /// The file.
    pub(crate) file: SharedFile,
    /// Its use.
    pub(crate) options: Options,
}

impl Backing {
    /// Opens the file at `path`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub(crate) fn open(path: &Path, options: Options) -> Result<Self, Error> {
        let file = DiskFile::open(path, options.is_read_only)?;
        Ok(Self {
            file: Arc::new(Mutex::new(file)),
            options,
        })
    }

    /// Exchanges the file for the one at `path`, under the running device.
    ///
    /// # Errors
    ///
    /// See [`Error`]; the old file stays then.
    pub(crate) fn replace(&self, path: &Path) -> Result<(), Error> {
        let file = DiskFile::open(path, self.options.is_read_only)?;
        *lock(&self.file) = file;
        Ok(())
    }
}
