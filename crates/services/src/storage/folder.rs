//! Pictures in a folder.
//!
//! A picture is written beside its place, flushed, and moved there, so that a crash leaves the old one or the new one. A trailer of
//! 16 bytes (magic, length, CRC-32) is compared when it is read; viewers of PNG and JPEG ignore what stands behind a picture's end, so
//! the files can still be looked at.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use super::blobs::{BlobError, Blobs, Name};

const MAGIC: &[u8; 4] = b"UIG1";
const TRAILER: usize = 16;
/// What is being written; a crash may leave some, which the next start removes.
const UNFINISHED: &str = ".unfinished-";

/// A folder of pictures.
#[derive(Clone, Debug)]
pub struct FolderBlobs {
    folder: PathBuf,
}

impl FolderBlobs {
    /// Makes the folder where there is none, and removes what a crash left half written.
    ///
    /// # Errors
    ///
    /// It cannot be made or read.
    pub fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Removes pictures that were written longer than `age` ago; says how many.
    ///
    /// # Errors
    ///
    /// The folder cannot be read, or a file not removed.
    pub fn sweep(&self, age: Duration) -> io::Result<usize> {
        let Some(before) = SystemTime::now().checked_sub(age) else {
            return Ok(0);
        };
        let mut gone = 0;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                // It was replaced meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if meta.is_file() && meta.modified()? < before {
                fs::remove_file(entry.path())?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    fn path(&self, name: &Name) -> PathBuf {
        self.folder.join(name.to_string())
    }

    fn write(&self, name: &Name, bytes: &[u8], only_new: bool) -> io::Result<bool> {
        let path = self.path(name);
        if only_new && path.exists() {
            return Ok(false);
        }
        let unfinished = self
            .folder
            .join(format!("{UNFINISHED}{}", Uuid::new_v4().simple()));
        let placed = write_new(&unfinished, bytes).and_then(|()| {
            if only_new {
                // Unlike a move, a link fails where somebody was quicker.
                fs::hard_link(&unfinished, &path)
            } else {
                fs::rename(&unfinished, &path)
            }
        });
        if only_new || placed.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        match placed {
            Err(error) if only_new && error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            placed => placed?,
        }
        // The name, too, has to outlive a crash.
        File::open(&self.folder)?.sync_all()?;
        Ok(true)
    }

    fn read(&self, name: &Name) -> io::Result<Option<Vec<u8>>> {
        let mut file = match File::open(self.path(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.write_all(&trailer(bytes))?;
    file.sync_all()
}

fn trailer(bytes: &[u8]) -> [u8; TRAILER] {
    let mut trailer = [0; TRAILER];
    trailer[..4].copy_from_slice(MAGIC);
    trailer[4..12].copy_from_slice(&(bytes.len() as u64).to_le_bytes());
    trailer[12..].copy_from_slice(&crc32fast::hash(bytes).to_le_bytes());
    trailer
}

/// The picture without its trailer, if that is right.
fn checked(mut bytes: Vec<u8>) -> Option<Bytes> {
    let (picture, end) = bytes.split_last_chunk::<TRAILER>()?;
    if *end != trailer(picture) {
        return None;
    }
    bytes.truncate(bytes.len() - TRAILER);
    Some(bytes.into())
}

fn failed(name: &Name, error: &io::Error) -> BlobError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => BlobError::Full(name.to_string()),
        _ => BlobError::Engine {
            name: name.to_string(),
            reason: error.to_string(),
        },
    }
}

/// Does `work` where it may wait for the disk.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

#[async_trait]
impl Blobs for FolderBlobs {
    async fn put(&self, name: &Name, bytes: Bytes, only_new: bool) -> Result<bool, BlobError> {
        let (folder, place) = (self.clone(), name.clone());
        let written = blocking(move || folder.write(&place, &bytes, only_new)).await;
        written.map_err(|error| failed(name, &error))
    }

    async fn get(&self, name: &Name) -> Result<Option<Bytes>, BlobError> {
        let (folder, place) = (self.clone(), name.clone());
        let read = blocking(move || folder.read(&place)).await;
        match read.map_err(|error| failed(name, &error))? {
            None => Ok(None),
            Some(bytes) => checked(bytes)
                .map(Some)
                .ok_or_else(|| BlobError::Damaged(name.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Version;

    fn name() -> Name {
        Name::new("a", Version::Original).unwrap()
    }

    #[tokio::test]
    async fn what_was_put_is_got() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = FolderBlobs::open(dir.path()).unwrap();
        assert_eq!(blobs.get(&name()).await.unwrap(), None);
        assert!(
            blobs
                .put(&name(), Bytes::from_static(b"one"), true)
                .await
                .unwrap()
        );
        assert!(
            !blobs
                .put(&name(), Bytes::from_static(b"two"), true)
                .await
                .unwrap()
        );
        assert_eq!(blobs.get(&name()).await.unwrap().unwrap(), "one");
        assert!(
            blobs
                .put(&name(), Bytes::from_static(b"two"), false)
                .await
                .unwrap()
        );
        assert_eq!(blobs.get(&name()).await.unwrap().unwrap(), "two");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn damage_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = FolderBlobs::open(dir.path()).unwrap();
        blobs
            .put(&name(), Bytes::from_static(b"picture"), false)
            .await
            .unwrap();
        let path = dir.path().join(name().to_string());
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(
                matches!(blobs.get(&name()).await, Err(BlobError::Damaged(_))),
                "{at}"
            );
            fs::write(&path, &whole[..at]).unwrap();
            assert!(
                matches!(blobs.get(&name()).await, Err(BlobError::Damaged(_))),
                "{at}"
            );
        }
    }

    #[tokio::test]
    async fn what_a_crash_left_goes_and_the_old_goes() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(format!("{UNFINISHED}x")), b"half").unwrap();
        let blobs = FolderBlobs::open(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        blobs
            .put(&name(), Bytes::from_static(b"picture"), false)
            .await
            .unwrap();
        assert_eq!(blobs.sweep(Duration::from_secs(60)).unwrap(), 0);
        assert_eq!(blobs.sweep(Duration::ZERO).unwrap(), 1);
    }
}
