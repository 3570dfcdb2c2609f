//! The image store: disks by digest, names for them, and disks that were laid into the folder by hand.
//!
//! ```text
//! image/blobs/sha256/HEX       a disk, by its digest
//! image/verified/HEX.json      which file of it was compared with the digest
//! image/tags/NAME[:TAG].json   a name, and what is known of the image
//! image/NAME.raw               a disk laid by hand; it takes the place of the name of the store
//! image/incoming/              what is being sent
//! image/store.lock             held while names and disks change
//! ```
//!
//! A disk is visible when it has a name, and it gets that last, by rename: what is killed before leaves the store as it was. A disk goes when no name, no
//! instance and no launch under way holds it; what is open stays readable until it is closed.

mod blobs;
mod contents;
mod disk_copy;
mod holds;
mod import;
mod laid;
mod settings;
mod tags;
mod temporary;

use std::{
    collections::HashSet,
    fs::{self, File},
    io,
    path::PathBuf,
    sync::Arc,
};

use rustix::fs::{FlockOperation, flock};
use tokio::sync::Semaphore;
use uigniter_api::image::{DiskFormat, Image, ImageName, Pruned};
use uigniter_image::{Format, digest};

pub(crate) use contents::{Bytes, look_into};
pub(crate) use disk_copy::private_copy;
pub(crate) use import::Import;

use crate::{host::Host, refusal::Refusal};
use blobs::Blobs;
use holds::{Hold, Holds};
use laid::Laid;
use tags::Tags;
use temporary::Temporary;

/// Images of one daemon. Other processes may work on the same folder.
#[derive(Debug)]
pub(crate) struct Images {
    folder: PathBuf,
    blobs: Blobs,
    tags: Tags,
    laid: Laid,
    holds: Holds,
    walks: Semaphore,
}

/// An image whose disk was found to be whole, and stays while this lives.
#[derive(Debug)]
pub(crate) struct Bootable {
    pub(crate) image: Image,
    pub(crate) path: PathBuf,
    _hold: Option<Hold>,
}

impl Bootable {
    /// The file system for the library OS, if there is one.
    pub(crate) fn format(&self) -> Option<Format> {
        self.image.format.map(|format| match format {
            DiskFormat::Erofs => Format::Erofs,
            DiskFormat::Rofs => Format::Rofs,
        })
    }
}

const fn api_format(format: Format) -> DiskFormat {
    match format {
        Format::Erofs => DiskFormat::Erofs,
        Format::Rofs => DiskFormat::Rofs,
    }
}

/// Does something with the store off the async threads: it may read a whole disk, or wait for another process.
pub(crate) async fn with<T: Send + 'static>(
    host: &Arc<Host>,
    work: impl FnOnce(&Host) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let host = Arc::clone(host);
    let done = tokio::task::spawn_blocking(move || work(&host)).await;
    done.unwrap_or_else(|error| Err(Refusal::io("work on the image store")(io::Error::other(error))))
}

impl Images {
    /// The store in `folder`; what imports that were killed left there is removed.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        let images = Self {
            blobs: Blobs::open(&folder)?,
            tags: Tags::open(&folder)?,
            laid: Laid::open(&folder),
            holds: Holds::default(),
            walks: Semaphore::new(contents::WALKS),
            folder,
        };
        fs::create_dir_all(images.incoming())?;
        let _lock = images.flock()?;
        temporary::sweep(&images.incoming())?;
        Ok(images)
    }

    fn incoming(&self) -> PathBuf {
        self.folder.join("incoming")
    }

    /// Waits until nobody else changes the store; dropped, the lock is released. Never held while bytes are sent or hashed.
    fn flock(&self) -> io::Result<File> {
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        let file = options.open(self.folder.join("store.lock"))?;
        flock(&file, FlockOperation::LockExclusive)?;
        Ok(file)
    }

    fn lock(&self) -> Result<File, Refusal> {
        self.flock().map_err(Refusal::io("lock the image store"))
    }

    fn temporary(&self) -> Result<Temporary, Refusal> {
        let _lock = self.lock()?;
        Temporary::create(&self.incoming())
    }

    /// All images that can be read, by name.
    pub(crate) fn list(&self) -> Result<Vec<Image>, Refusal> {
        let names: HashSet<_> = self.tags.names()?.into_iter().chain(self.laid.names()?).collect();
        let mut images = Vec::new();
        for name in names {
            match self.named(&name) {
                Ok(found) => images.extend(found),
                Err(refusal) => tracing::debug!(%name, %refusal, "left out of the list of images"),
            }
        }
        images.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(images)
    }

    fn named(&self, name: &ImageName) -> Result<Option<Image>, Refusal> {
        match self.laid.get(name)? {
            Some(laid) => Ok(Some(laid.image)),
            None => self.tags.get(name),
        }
    }

    /// What is known of an image, by name or digest. Its disk is not looked at.
    pub(crate) fn look(&self, reference: &str) -> Result<Image, Refusal> {
        let found = if digest::is_digest(reference) {
            let images = self.tags.all()?;
            // Its own digest before that of what it was made from.
            let own = |image: &&Image| image.digest.as_deref() == Some(reference);
            let own = images.iter().find(own);
            own.or_else(|| images.iter().find(|image| image.was_sent_as(reference)))
                .cloned()
        } else {
            self.named(&parse(reference)?)?
        };
        found.ok_or_else(|| Refusal::NoImage(reference.to_owned()))
    }

    /// An image to boot or read from, by name or digest. Takes as long as reading its disk: not for an async thread.
    pub(crate) fn get(&self, reference: &str) -> Result<Bootable, Refusal> {
        let image = self.look(reference)?;
        let Some(digest) = image.digest.clone() else {
            let laid = self.laid.get(&parse(reference)?)?;
            return laid.ok_or_else(|| Refusal::NoImage(reference.to_owned()));
        };
        let hold = self.holds.take(&digest);
        Ok(Bootable {
            path: self.blobs.verify(&image.name, &digest)?,
            image,
            _hold: Some(hold),
        })
    }

    /// Gives an image a further name; another image of that name loses it. `in_use` tells the digests that instances have.
    pub(crate) fn tag(
        &self,
        reference: &str,
        name: &str,
        in_use: impl Fn() -> HashSet<String>,
    ) -> Result<Image, Refusal> {
        let name = parse(name)?;
        let _lock = self.lock()?;
        let mut image = self.look(reference)?;
        if image.digest.is_none() {
            return Err(Refusal::Invalid(format!(
                "image '{}' is a disk that was laid into the folder by hand, and such a disk has one name; import it to give it others",
                image.name
            )));
        }
        image.name = name.to_string();
        self.set(&name, &image, in_use)?;
        Ok(image)
    }

    /// Lets a name stand for an image; the disk that it stood for goes, if nothing else holds it. Under the lock.
    fn set(
        &self,
        name: &ImageName,
        image: &Image,
        in_use: impl Fn() -> HashSet<String>,
    ) -> Result<(), Refusal> {
        // What cannot be read holds nothing that could be named here; `prune` says so.
        let before = self.tags.get(name).ok().flatten();
        self.tags.set(name, image)?;
        self.laid.remove(name)?;
        self.collect(before.and_then(|image| image.digest), &in_use)?;
        Ok(())
    }

    /// Takes an image's name away, by name or by the digest of an image with one name. Whether somebody uses it is the caller's question.
    pub(crate) fn delete(
        &self,
        reference: &str,
        in_use: impl Fn() -> HashSet<String>,
    ) -> Result<(), Refusal> {
        let _lock = self.lock()?;
        let name = if digest::is_digest(reference) {
            let images = self.tags.all()?;
            let with_it = |image: &&Image| image.digest.as_deref() == Some(reference);
            let named: Vec<_> = images.iter().filter(with_it).map(|image| &*image.name).collect();
            match named[..] {
                [] => return Err(Refusal::NoImage(reference.to_owned())),
                [name] => parse(name)?,
                _ => {
                    return Err(Refusal::Invalid(format!(
                        "image {reference} has several names; delete each: {}",
                        named.join(", ")
                    )));
                }
            }
        } else {
            parse(reference)?
        };
        // A name whose record cannot be read can be deleted, too.
        let tagged = self.tags.get(&name);
        let was_laid = self.laid.remove(&name)?;
        if !was_laid && matches!(tagged, Ok(None)) {
            return Err(Refusal::NoImage(reference.to_owned()));
        }
        self.tags.remove(&name)?;
        self.collect(tagged.ok().flatten().and_then(|image| image.digest), &in_use)?;
        Ok(())
    }

    /// Removes disks that nothing holds; with `all`, first the names of images that no instance has.
    pub(crate) fn prune(&self, all: bool, in_use: impl Fn() -> HashSet<String>) -> Result<Pruned, Refusal> {
        let _lock = self.lock()?;
        let mut names = Vec::new();
        if all {
            let used = in_use();
            for image in self.tags.all()? {
                let digest = image.digest.as_deref().unwrap_or_default();
                if !used.contains(digest) && !self.holds.lock().contains_key(digest) {
                    self.tags.remove(&parse(&image.name)?)?;
                    names.push(image.name);
                }
            }
        }
        let (digests, freed_bytes) = self.collect(self.blobs.all()?, &in_use)?;
        Ok(Pruned {
            names,
            digests,
            freed_bytes,
        })
    }

    /// Removes those of these disks that nothing holds; says which, and how many bytes they had. Under the lock.
    fn collect(
        &self,
        digests: impl IntoIterator<Item = String>,
        in_use: &impl Fn() -> HashSet<String>,
    ) -> Result<(Vec<String>, u64), Refusal> {
        let mut digests = digests.into_iter().peekable();
        let (mut removed, mut bytes) = (Vec::new(), 0);
        if digests.peek().is_none() {
            return Ok((removed, bytes));
        }
        let named: HashSet<_> = self
            .tags
            .all()?
            .into_iter()
            .filter_map(|image| image.digest)
            .collect();
        // In this order: who ceases to hold a disk is an instance by then.
        let held = self.holds.lock();
        let used = in_use();
        for digest in digests {
            if named.contains(&digest) || held.contains_key(&digest) || used.contains(&digest) {
                continue;
            }
            bytes += self.blobs.remove(&digest)?;
            removed.push(digest);
        }
        Ok((removed, bytes))
    }
}

fn parse(name: &str) -> Result<ImageName, Refusal> {
    name.parse()
        .map_err(|error: uigniter_api::image::NameError| Refusal::Invalid(error.to_string()))
}
