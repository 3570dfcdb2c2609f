//! Disks by digest: `blobs/sha256/HEX`, and `verified/HEX.json` for what was found to be whole.
//!
//! A disk is compared with its digest when it is first used, and again when the file is another one, was written to, or the host was booted: a stamp
//! (inode, length, times, boot) says which file the last look was at. Nothing is synced to the disk; what a crash of the host leaves half-written is found by
//! that look. `fs-verity` would have the kernel look at every page, but ext4 needs it switched on when it is made, and others do not have it: the look would be needed besides.

use std::{
    collections::HashMap,
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use uigniter_image::digest;

use super::temporary::Temporary;
use crate::{
    refusal::Refusal,
    state_dir::{ignore_absent, write_json},
};

/// Tells a file from another one under the same name, and from what it was before it was written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileId {
    inode: u64,
    length: u64,
    modified_ns: i128,
    changed_ns: i128,
}

impl From<&Metadata> for FileId {
    fn from(metadata: &Metadata) -> Self {
        let moment = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Self {
            inode: metadata.ino(),
            length: metadata.len(),
            modified_ns: moment(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: moment(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Which file was found to be whole, in which boot of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    file: FileId,
    boot: String,
}

/// Disks by digest. Digests that come in here have the form of one.
#[derive(Debug)]
pub(super) struct Blobs {
    folder: PathBuf,
    verified: PathBuf,
    boot: String,
    known: Mutex<HashMap<String, Stamp>>,
}

impl Blobs {
    pub(super) fn open(images: &Path) -> io::Result<Self> {
        let (folder, verified) = (images.join("blobs/sha256"), images.join("verified"));
        fs::create_dir_all(&folder)?;
        fs::create_dir_all(&verified)?;
        Ok(Self {
            folder,
            verified,
            boot: fs::read_to_string("/proc/sys/kernel/random/boot_id")?
                .trim()
                .to_owned(),
            known: Mutex::default(),
        })
    }

    pub(super) fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(hexadecimal(digest))
    }

    fn stamp_path(&self, digest: &str) -> PathBuf {
        self.verified.join(hexadecimal(digest)).with_extension("json")
    }

    /// Puts a file of this digest into its place, unless a whole one is there.
    pub(super) fn place(&self, file: Temporary, digest: &str) -> Result<(), Refusal> {
        let current = self.stamp_of_file(digest);
        if current.is_ok_and(|stamp| self.is_known(digest, &stamp)) {
            return Ok(());
        }
        file.rename(&self.path(digest))?;
        let stamp = self
            .stamp_of_file(digest)
            .map_err(Refusal::io("look at the image"))?;
        self.remember(digest, stamp);
        Ok(())
    }

    /// The disk's file, compared with its digest unless that was done. Takes as long as reading it: not for an async thread.
    pub(super) fn verify(&self, name: &str, digest: &str) -> Result<PathBuf, Refusal> {
        let damaged = |what: &'static str| Refusal::DamagedImage {
            name: name.to_owned(),
            digest: digest.to_owned(),
            what,
        };
        let path = self.path(digest);
        let stamp = match self.stamp_of_file(digest) {
            Ok(stamp) => stamp,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damaged("is gone")),
            Err(error) => return Err(Refusal::io(format!("look at image '{name}'"))(error)),
        };
        if self.is_known(digest, &stamp) {
            return Ok(path);
        }
        let found = File::open(&path).and_then(digest::of_reader);
        if found.map_err(Refusal::io(format!("read image '{name}'")))? != digest {
            return Err(damaged("was changed"));
        }
        // If it was written to meanwhile, the stamp is that of before and does not fit: the next use looks again.
        self.remember(digest, stamp);
        Ok(path)
    }

    /// Removes a disk and gives its length.
    pub(super) fn remove(&self, digest: &str) -> Result<u64, Refusal> {
        let failed = || format!("remove the disk {digest}");
        let length = match fs::metadata(self.path(digest)) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(Refusal::io(failed())(error)),
        };
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(digest);
        for path in [self.stamp_path(digest), self.path(digest)] {
            ignore_absent(fs::remove_file(path)).map_err(Refusal::io(failed()))?;
        }
        Ok(length)
    }

    /// Digests of all disks that are there.
    pub(super) fn all(&self) -> Result<Vec<String>, Refusal> {
        let entries = fs::read_dir(&self.folder).map_err(Refusal::io("list the disks of images"))?;
        let mut digests = Vec::new();
        for entry in entries {
            let name = entry
                .map_err(Refusal::io("list the disks of images"))?
                .file_name();
            let digest = format!("sha256:{}", name.to_str().unwrap_or_default());
            if digest::is_digest(&digest) {
                digests.push(digest);
            }
        }
        digests.sort();
        Ok(digests)
    }

    fn stamp_of_file(&self, digest: &str) -> io::Result<Stamp> {
        Ok(Stamp {
            file: FileId::from(&fs::metadata(self.path(digest))?),
            boot: self.boot.clone(),
        })
    }

    fn is_known(&self, digest: &str, stamp: &Stamp) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.get(digest) == Some(stamp) {
            return true;
        }
        let kept = fs::read(self.stamp_path(digest)).ok();
        let is_kept = kept
            .and_then(|bytes| serde_json::from_slice::<Stamp>(&bytes).ok())
            .is_some_and(|kept| kept == *stamp);
        if is_kept {
            known.insert(digest.to_owned(), stamp.clone());
        }
        is_kept
    }

    fn remember(&self, digest: &str, stamp: Stamp) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = write_json(&self.stamp_path(digest), &stamp) {
            // The next daemon reads the disk once more.
            tracing::warn!(digest, %error, "that an image is whole could not be noted");
        }
        known.insert(digest.to_owned(), stamp);
    }
}

fn hexadecimal(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}
