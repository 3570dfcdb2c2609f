//! Names: `tags/NAME.json` or `tags/NAME:TAG.json`, each with what is known of the image that it names.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use uigniter_api::image::{Image, ImageName};

use crate::{
    refusal::Refusal,
    state_dir::{ignore_absent, write_json},
};

/// The names of a store.
#[derive(Debug)]
pub(super) struct Tags {
    folder: PathBuf,
}

impl Tags {
    pub(super) fn open(images: &Path) -> io::Result<Self> {
        let folder = images.join("tags");
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    fn path(&self, name: &ImageName) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }

    /// What a name stands for.
    pub(super) fn get(&self, name: &ImageName) -> Result<Option<Image>, Refusal> {
        let bytes = match fs::read(self.path(name)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Refusal::io(format!("read what image '{name}' is"))(error)),
        };
        let image = serde_json::from_slice(&bytes).map_err(|error| {
            Refusal::InvalidImage(format!(
                "what is known of image '{name}' cannot be read ({error}); remove it and import it again"
            ))
        })?;
        Ok(Some(Image {
            name: name.to_string(),
            ..image
        }))
    }

    /// Lets a name stand for an image, whatever it stood for.
    pub(super) fn set(&self, name: &ImageName, image: &Image) -> Result<(), Refusal> {
        write_json(&self.path(name), image).map_err(Refusal::io(format!("name an image '{name}'")))
    }

    /// Forgets a name; nothing where it stands for nothing.
    pub(super) fn remove(&self, name: &ImageName) -> Result<(), Refusal> {
        ignore_absent(fs::remove_file(self.path(name))).map_err(Refusal::io(format!("remove image '{name}'")))
    }

    /// All names, in their order.
    pub(super) fn names(&self) -> Result<Vec<ImageName>, Refusal> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(Refusal::io("list the images"))? {
            let file = entry.map_err(Refusal::io("list the images"))?.file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".json"));
            names.extend(name.and_then(|name| name.parse::<ImageName>().ok()));
        }
        names.sort();
        Ok(names)
    }

    /// All images that have a name, in the names' order. One that cannot be read is an error: what it holds is not known.
    pub(super) fn all(&self) -> Result<Vec<Image>, Refusal> {
        let names = self.names()?;
        // A name that is removed meanwhile stands for nothing.
        names
            .iter()
            .filter_map(|name| self.get(name).transpose())
            .collect()
    }
}
