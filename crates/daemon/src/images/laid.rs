//! Disks that were laid into the folder by hand, as with the first Uigniter: `NAME.raw`. They are looked at before their first use.

use std::{
    collections::HashMap,
    fs::{self, File, Metadata},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::UNIX_EPOCH,
};

use uigniter_api::image::{Image, ImageKind, ImageName};
use uigniter_image::Disk;

use super::{Bootable, api_format, blobs::FileId, settings::Settings};
use crate::{refusal::Refusal, state_dir::ignore_absent};

/// Disks under `image/`.
#[derive(Debug)]
pub(super) struct Laid {
    folder: PathBuf,
    /// What was found out about each, by name; good while the file is the same.
    known: Mutex<HashMap<String, (FileId, Image)>>,
}

impl Laid {
    pub(super) fn open(images: &Path) -> Self {
        Self {
            folder: images.to_owned(),
            known: Mutex::default(),
        }
    }

    fn path(&self, name: &ImageName) -> PathBuf {
        self.folder.join(format!("{}.raw", name.name()))
    }

    /// Names of all that are there.
    pub(super) fn names(&self) -> Result<Vec<ImageName>, Refusal> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(Refusal::io("list the image folder"))? {
            let file = entry.map_err(Refusal::io("list the image folder"))?.file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".raw"));
            let name = name.and_then(|name| name.parse::<ImageName>().ok());
            names.extend(name.filter(ImageName::is_latest));
        }
        Ok(names)
    }

    /// The disk of this name, if there is one.
    pub(super) fn get(&self, name: &ImageName) -> Result<Option<Bootable>, Refusal> {
        if !name.is_latest() {
            return Ok(None);
        }
        let path = self.path(name);
        let opened = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
        let (metadata, file) = match opened {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Refusal::io(format!("open image '{name}'"))(error)),
        };
        let id = FileId::from(&metadata);
        let image = match self.lookup(name, id) {
            Some(image) => image,
            None => self.look(name, &metadata, &file)?,
        };
        Ok(Some(Bootable {
            image,
            path,
            _hold: None,
        }))
    }

    fn lookup(&self, name: &ImageName, id: FileId) -> Option<Image> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(name.name())
            .filter(|(of, _)| *of == id)
            .map(|(_, image)| image.clone())
    }

    fn look(&self, name: &ImageName, metadata: &Metadata, file: &File) -> Result<Image, Refusal> {
        let disk = Disk::inspect(file)
            .map_err(|error| Refusal::InvalidImage(format!("image '{name}' cannot be used: {error}")))?;
        let modified = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let image = Settings::of_disk(name.name(), &disk, file, None).apply(Image {
            size_bytes: metadata.len(),
            format: disk.format.map(api_format),
            created_at_ms: modified.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
            ..Image::new(name.to_string(), ImageKind::Disk)
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.name().to_owned(), (FileId::from(metadata), image.clone()));
        Ok(image)
    }

    /// Removes the disk of this name; says whether there was one.
    pub(super) fn remove(&self, name: &ImageName) -> Result<bool, Refusal> {
        if !name.is_latest() {
            return Ok(false);
        }
        let path = self.path(name);
        let was_there = path.exists();
        ignore_absent(fs::remove_file(path)).map_err(Refusal::io(format!("delete image '{name}'")))?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(name.name());
        Ok(was_there)
    }
}
