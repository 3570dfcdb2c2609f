//! The image store: `image/NAME.raw` and what is known about it in `image/NAME.json`.
//!
//! A disk may also be laid into the folder by hand, as with the first Uigniter; it is looked at before its first use.
//! An import replaces an image by rename, so instances that run from the old file keep it.

mod disk_copy;
mod import;
mod settings;

use std::{
    collections::HashMap,
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};
use uigniter_api::image::{Image, ImageKind};
use uigniter_image::{Disk, Format, digest};

pub(crate) use disk_copy::private_copy;
pub(crate) use import::Import;
use settings::Settings;

use crate::{names, refusal::Refusal, state_dir::ignore_absent};

/// Images of one daemon.
#[derive(Debug)]
pub(crate) struct Images {
    folder: PathBuf,
    /// What was found out about each disk, by name; good while the file is the same.
    known: Mutex<HashMap<String, (FileId, Known)>>,
    /// Held while a disk and its description are put into their places: two imports of one name must not mix.
    placing: Mutex<()>,
}

/// An image that can be booted.
#[derive(Clone, Debug)]
pub(crate) struct Bootable {
    pub(crate) image: Image,
    pub(crate) path: PathBuf,
    pub(crate) format: Option<Format>,
}

/// Tells a file from another one under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileId {
    inode: u64,
    length: u64,
    modified_ns: i128,
}

#[derive(Clone, Debug)]
struct Known {
    image: Image,
    format: Option<Format>,
}

/// `image/NAME.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Sidecar {
    image: Image,
    file: FileId,
}

impl From<&Metadata> for FileId {
    fn from(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            length: metadata.len(),
            modified_ns: i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec()),
        }
    }
}

impl Images {
    /// The store in `folder`; what an import that was killed left there is removed.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with(import::TEMPORARY_PREFIX))
            {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self {
            folder,
            known: Mutex::default(),
            placing: Mutex::default(),
        })
    }

    fn disk(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.raw"))
    }

    fn sidecar(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// All images that are whole, by name.
    pub(crate) fn list(&self) -> Result<Vec<Image>, Refusal> {
        let mut images = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(Refusal::io("list the image folder"))? {
            let name = entry.map_err(Refusal::io("list the image folder"))?.file_name();
            let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".raw")) else {
                continue;
            };
            match self.by_name(name) {
                Ok(found) => images.push(found.image),
                Err(refusal) => tracing::debug!(name, %refusal, "left out of the list of images"),
            }
        }
        images.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(images)
    }

    /// One image, by name or digest.
    pub(crate) fn get(&self, reference: &str) -> Result<Bootable, Refusal> {
        if digest::is_digest(reference) {
            let has_digest = |image: &Image| image.digest.as_deref() == Some(reference);
            let image = self.list()?.into_iter().find(has_digest);
            return self.by_name(&image.ok_or_else(|| Refusal::NoImage(reference.to_owned()))?.name);
        }
        names::check("an image's name", reference)?;
        self.by_name(reference)
    }

    fn by_name(&self, name: &str) -> Result<Bootable, Refusal> {
        let path = self.disk(name);
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = opened.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Refusal::NoImage(name.to_owned()),
            _ => Refusal::Io {
                action: format!("open image '{name}'"),
                source: error,
            },
        })?;
        let id = FileId::from(&metadata);
        if let Some(known) = self.lookup(name, id) {
            return Ok(Bootable {
                image: known.image,
                path,
                format: known.format,
            });
        }
        let disk = Disk::inspect(&file)
            .map_err(|error| Refusal::InvalidImage(format!("image '{name}' cannot be used: {error}")))?;
        let sidecar = fs::read(self.sidecar(name))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let image = match sidecar {
            Some(Sidecar { image, file }) if file == id => image,
            _ => hand_laid(name, &metadata, &file, &disk),
        };
        let known = Known {
            image,
            format: disk.format,
        };
        self.remember(name, id, known.clone());
        Ok(Bootable {
            image: known.image,
            path,
            format: known.format,
        })
    }

    fn lookup(&self, name: &str, id: FileId) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(name)
            .filter(|(of, _)| *of == id)
            .map(|(_, known)| known.clone())
    }

    fn remember(&self, name: &str, id: FileId, known: Known) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.to_owned(), (id, known));
    }

    /// Deletes an image. Whether somebody uses it is the caller's question.
    pub(crate) fn delete(&self, name: &str) -> Result<(), Refusal> {
        fs::remove_file(self.disk(name)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Refusal::NoImage(name.to_owned()),
            _ => Refusal::Io {
                action: format!("delete image '{name}'"),
                source: error,
            },
        })?;
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        ignore_absent(fs::remove_file(self.sidecar(name)))
            .map_err(Refusal::io(format!("delete image '{name}'")))
    }
}

/// What can be said about a disk that nobody imported.
fn hand_laid(name: &str, metadata: &Metadata, file: &File, disk: &Disk) -> Image {
    let modified = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    Settings::of_disk(name, disk, file, None).apply(Image {
        size_bytes: metadata.len(),
        created_at_ms: modified.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        ..Image::new(name, ImageKind::Disk)
    })
}
