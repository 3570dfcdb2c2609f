//! Looking into images: lists of files, their bytes, differences, and whole disks. All of it off the async threads.

use std::{fs::File, io, sync::Arc};

use uigniter_api::image::{Change, Changes, FileEntry, FileKind, Listing, MAX_ENTRIES};
use uigniter_image::{
    Contents, Disk, Entry, EntryKind, ReadAt,
    lookup::{self, Index, LookupError},
};

use super::{Bootable, Images, with};
use crate::{host::Host, refusal::Refusal};

/// How many trees are walked at a time: one may have millions of entries.
pub(super) const WALKS: usize = 2;

/// Fills a buffer from a position on.
type ReadAtFn = dyn Fn(u64, &mut [u8]) -> io::Result<()> + Send + Sync;

/// Bytes that can be read piece by piece.
pub(crate) struct Bytes {
    pub(crate) length: u64,
    read: Box<ReadAtFn>,
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bytes")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Bytes {
    /// Fills the buffer from `offset` on.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        (self.read)(offset, buffer)
    }
}

/// Looks into images, after others who do.
pub(crate) async fn look_into<T: Send + 'static>(
    host: &Arc<Host>,
    work: impl FnOnce(&Images) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let _walk = host.images.walks.acquire().await;
    with(host, move |host| work(&host.images)).await
}

impl Images {
    /// What is at and below a path of an image.
    pub(crate) fn files(&self, reference: &str, path: &str) -> Result<Listing, Refusal> {
        let image = self.get(reference)?;
        let contents = open(&image)?;
        let found = lookup::below(contents.entries(), path.as_bytes()).map_err(refused(&image))?;
        Ok(Listing {
            truncated: found.len() > MAX_ENTRIES,
            entries: found.into_iter().take(MAX_ENTRIES).map(described).collect(),
        })
    }

    /// The bytes of a file in an image.
    pub(crate) fn file(&self, reference: &str, path: &str) -> Result<Bytes, Refusal> {
        let image = self.get(reference)?;
        let contents = open(&image)?;
        let found = Index::new(contents.entries())
            .resolve(path.as_bytes())
            .map_err(refused(&image))?;
        let EntryKind::File(length) = found.kind else {
            return Err(Refusal::Invalid(format!(
                "'{path}' in image '{}' is a folder; name a file",
                image.image.name
            )));
        };
        let path = found.path.clone();
        Ok(Bytes {
            length,
            read: Box::new(move |offset, buffer| {
                contents.read_at(&path, offset, buffer).map_err(io::Error::other)
            }),
        })
    }

    /// Where two images differ.
    pub(crate) fn diff(&self, reference: &str, other: &str) -> Result<Changes, Refusal> {
        let (one, other) = (self.get(reference)?, self.get(other)?);
        let (before, after) = (open(&one)?, open(&other)?);
        let bytes = one.image.size_bytes.max(other.image.size_bytes);
        let found = lookup::differences(&before, &after, bytes).map_err(refused(&one))?;
        let change = |difference: lookup::Difference<'_>| Change {
            before: difference.before.map(described),
            after: difference.after.map(described),
        };
        Ok(Changes {
            truncated: found.len() > MAX_ENTRIES,
            changes: found.into_iter().take(MAX_ENTRIES).map(change).collect(),
        })
    }

    /// The bytes of an image's disk.
    pub(crate) fn disk(&self, reference: &str) -> Result<Bytes, Refusal> {
        let image = self.get(reference)?;
        let name = &image.image.name;
        let file = File::open(&image.path).map_err(Refusal::io(format!("read image '{name}'")))?;
        let length = file
            .length()
            .map_err(Refusal::io(format!("read image '{name}'")))?;
        Ok(Bytes {
            length,
            read: Box::new(move |offset, buffer| ReadAt::read_exact_at(&file, buffer, offset)),
        })
    }
}

fn open(image: &Bootable) -> Result<Contents<File>, Refusal> {
    let name = &image.image.name;
    if image.format().is_none() {
        return Err(Refusal::InvalidImage(format!(
            "image '{name}' has no file system that is read here; use one with EROFS or ROFS"
        )));
    }
    let file = File::open(&image.path).map_err(Refusal::io(format!("read image '{name}'")))?;
    Disk::contents(file).map_err(|error| Refusal::InvalidImage(format!("image '{name}': {error}")))
}

fn refused(image: &Bootable) -> impl Fn(LookupError) -> Refusal {
    let name = image.image.name.clone();
    move |error| match error {
        LookupError::None(_) | LookupError::Links(_) => Refusal::NoFile(format!("image '{name}' {error}")),
        LookupError::Io(source) => Refusal::io(format!("read image '{name}'"))(source),
        error => Refusal::InvalidImage(format!("image '{name}' {error}")),
    }
}

fn described(entry: &Entry) -> FileEntry {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (kind, size_bytes, target) = match &entry.kind {
        EntryKind::Folder => (FileKind::Folder, 0, None),
        EntryKind::File(length) => (FileKind::File, *length, None),
        EntryKind::Link(target) => (FileKind::Link, 0, Some(text(target))),
    };
    FileEntry {
        path: text(&entry.path),
        kind,
        size_bytes,
        mode: entry.metadata.permissions,
        uid: entry.metadata.uid,
        gid: entry.metadata.gid,
        modified: entry.metadata.modified,
        target,
    }
}
