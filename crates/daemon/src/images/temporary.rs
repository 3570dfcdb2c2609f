//! Files in the making: nobody sees them before they are renamed into their place, and nothing stays of those whose maker is gone.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use crate::{names, refusal::Refusal, state_dir::ignore_absent};

/// A file that is removed when it is dropped, unless it was renamed. Its maker has a lock on it.
#[derive(Debug)]
pub(super) struct Temporary {
    pub(super) path: PathBuf,
    pub(super) file: File,
}

impl Temporary {
    /// A file in `folder`, under the store's lock: between making and locking it, [`sweep`] would take it for a dead one's.
    pub(super) fn create(folder: &Path) -> Result<Self, Refusal> {
        let path = folder.join(names::fresh_id()?);
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|file| {
                flock(&file, FlockOperation::NonBlockingLockExclusive)?;
                Ok(file)
            });
        Ok(Self {
            file: file.map_err(Refusal::io("make a file for the image"))?,
            path,
        })
    }

    /// Gives it its name.
    pub(super) fn rename(self, to: &Path) -> Result<(), Refusal> {
        fs::rename(&self.path, to).map_err(Refusal::io("put the image into its place"))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = ignore_absent(fs::remove_file(&self.path)) {
            tracing::warn!(path = %self.path.display(), %error, "a temporary file stays");
        }
    }
}

/// Removes what makers that were killed left in `folder`.
pub(super) fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            ignore_absent(fs::remove_file(&path))?;
        }
    }
    Ok(())
}
