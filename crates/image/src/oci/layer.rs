//! Layers, one over the other (OCI image specification 1.1, "Image Layer Filesystem Changeset").

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    sync::Arc,
};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::StreamingDecoder;
use tar::EntryType;

use super::{Error, Limits};
use crate::digest::Hasher;
use crate::filesystem::{Filesystem, Inode, Kind, Metadata, Source};

/// What takes something of the layers below away: the name behind it, or all that is in the folder.
const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// A block less one byte to be filled, and the two empty blocks that end an archive.
const PADDING: u64 = 3 * 512;
/// Longest path in bytes (`PATH_MAX`).
const MAX_PATH_BYTES: usize = 4096;

/// What a layer does to what is below it.
enum Change {
    Remove(Vec<u8>),
    Clear(Vec<u8>),
}

/// What a layer brings.
enum Addition {
    Inode(Vec<u8>, Inode),
    HardLink(Vec<u8>, Vec<u8>),
}

/// The layers so far.
pub(super) struct Stack {
    tree: Filesystem,
    /// Contents of files, one after the other.
    spool: Arc<File>,
    spooled: u64,
    entries: u64,
    limits: Limits,
    left_out: u64,
    without_attributes: u64,
}

impl Stack {
    pub(super) fn new(spool: Arc<File>, limits: Limits) -> Self {
        Self {
            tree: Filesystem::new(),
            spool,
            spooled: 0,
            entries: 0,
            limits,
            left_out: 0,
            without_attributes: 0,
        }
    }

    /// The tree, how many devices and the like were left out, and how many files had extended attributes.
    pub(super) fn finish(self) -> (Filesystem, u64, u64) {
        (self.tree, self.left_out, self.without_attributes)
    }

    /// Lays a layer over what is there. `digest` is that of the uncompressed archive.
    pub(super) fn apply(&mut self, name: &str, blob: Box<dyn Read>, digest: &str) -> Result<(), Error> {
        let broken = |error| Error::archive(name, &error);
        let stream = decompress(blob).map_err(broken)?;
        let mut stream = Hashed {
            stream,
            hash: Hasher::default(),
            left: self.limits.bytes.saturating_mul(2),
        };
        let (changes, additions) = self.read(&mut stream, name)?;
        // The archive's end is not the stream's: all of it counts for the digest.
        io::copy(&mut stream, &mut io::sink()).map_err(broken)?;
        if digest != stream.hash.finish() {
            return Err(Error::Digest(name.to_owned()));
        }
        // Whiteouts are about the layers below, wherever they stand in this one.
        for change in changes {
            match change {
                Change::Remove(path) => self.tree.remove(&path)?,
                Change::Clear(path) => self.tree.clear(&path)?,
            }
        }
        for addition in additions {
            match addition {
                Addition::Inode(path, inode) => self.tree.put(&path, inode)?,
                Addition::HardLink(path, target) => self.tree.put_hard_link(&path, &target)?,
            }
        }
        Ok(())
    }

    fn read(&mut self, stream: impl Read, name: &str) -> Result<(Vec<Change>, Vec<Addition>), Error> {
        let broken = |error| Error::archive(name, &error);
        let (mut changes, mut additions) = (Vec::new(), Vec::new());
        // Some tools leave out the padding at the end, and others accept that; what is missing inside is found by the digest.
        let mut archive = tar::Archive::new(stream.chain(io::repeat(0).take(PADDING)));
        for entry in archive.entries().map_err(broken)? {
            let mut entry = entry.map_err(broken)?;
            self.entries += 1;
            if self.entries > self.limits.entries {
                return Err(Error::TooLarge("a million files"));
            }
            let path = checked(&entry.path_bytes())?;
            let file_name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            let folder = &path[..path.len() - file_name.len()];
            if file_name == OPAQUE {
                changes.push(Change::Clear(folder.to_vec()));
                continue;
            }
            if let Some(removed) = file_name.strip_prefix(WHITEOUT) {
                changes.push(Change::Remove([folder, removed].concat()));
                continue;
            }
            self.without_attributes += u64::from(has_attributes(&mut entry).map_err(broken)?);
            let metadata = metadata(entry.header()).map_err(broken)?;
            let target = entry.link_name_bytes().map(std::borrow::Cow::into_owned);
            let kind = match (entry.header().entry_type(), target) {
                (EntryType::Directory, _) => Kind::Folder(Default::default()),
                (EntryType::Symlink, Some(target)) => Kind::Link(target),
                (EntryType::Link, Some(target)) => {
                    additions.push(Addition::HardLink(path, checked(&target)?));
                    continue;
                }
                (EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse, _) => {
                    Kind::File(self.spool(&mut entry).map_err(|error| match error {
                        SpoolError::Read(error) => broken(error),
                        SpoolError::Write(error) => Error::Io(error),
                        SpoolError::TooLarge => Error::TooLarge("what an image may have uncompressed"),
                    })?)
                }
                // Headers for the next entry, which the reader has used.
                (EntryType::XGlobalHeader | EntryType::XHeader, _) => continue,
                _ => {
                    self.left_out += 1;
                    continue;
                }
            };
            if let Kind::Link(target) = &kind
                && (target.is_empty() || target.len() >= MAX_PATH_BYTES || target.contains(&0))
            {
                return Err(Error::Path(path.escape_ascii().to_string()));
            }
            additions.push(Addition::Inode(path, Inode { metadata, kind }));
        }
        Ok((changes, additions))
    }

    /// Keeps what a file holds.
    fn spool(&mut self, entry: &mut impl Read) -> Result<Source, SpoolError> {
        let (start, mut buffer) = (self.spooled, vec![0; 128 << 10]);
        loop {
            let read = match entry.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(SpoolError::Read(error)),
            };
            self.spooled += read as u64;
            if self.spooled > self.limits.bytes {
                return Err(SpoolError::TooLarge);
            }
            (&*self.spool)
                .write_all(&buffer[..read])
                .map_err(SpoolError::Write)?;
        }
        Ok(Source::Part {
            file: self.spool.clone(),
            start,
            length: self.spooled - start,
        })
    }
}

enum SpoolError {
    Read(io::Error),
    Write(io::Error),
    TooLarge,
}

/// A path of an archive as one of the tree: it does not lead out, and begins with a slash.
fn checked(path: &[u8]) -> Result<Vec<u8>, Error> {
    let bad = || Error::Path(path.escape_ascii().to_string());
    if path.len() > MAX_PATH_BYTES || path.contains(&0) {
        return Err(bad());
    }
    let mut clean = Vec::with_capacity(path.len() + 1);
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(bad()),
            part => {
                clean.push(b'/');
                clean.extend_from_slice(part);
            }
        }
    }
    if clean.is_empty() {
        clean.push(b'/');
    }
    Ok(clean)
}

/// Whether an entry has extended attributes (`SCHILY.xattr.*`, as tar and container engines write them).
fn has_attributes(entry: &mut tar::Entry<'_, impl Read>) -> io::Result<bool> {
    let Some(extensions) = entry.pax_extensions()? else {
        return Ok(false);
    };
    let keys = extensions
        .flatten()
        .map(|extension| extension.key_bytes().to_vec());
    Ok(keys.into_iter().any(|key| key.starts_with(b"SCHILY.xattr.")))
}

fn metadata(header: &tar::Header) -> io::Result<Metadata> {
    // Ids beyond 32 bits are nobody's.
    let id = |id: u64| u32::try_from(id).unwrap_or(u32::MAX);
    Ok(Metadata {
        permissions: (header.mode()? & 0o7777) as u16,
        uid: id(header.uid()?),
        gid: id(header.gid()?),
        modified: i64::try_from(header.mtime()?).unwrap_or(i64::MAX),
    })
}

/// The layer's archive, however it is compressed.
fn decompress(blob: Box<dyn Read>) -> io::Result<Box<dyn Read>> {
    let mut blob = BufReader::with_capacity(128 << 10, blob);
    let head = io::BufRead::fill_buf(&mut blob)?;
    Ok(if head.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(blob))
    } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Box::new(StreamingDecoder::new(blob).map_err(io::Error::other)?)
    } else {
        Box::new(blob)
    })
}

/// Counts and hashes what goes through.
struct Hashed<R> {
    stream: R,
    hash: Hasher,
    /// Bytes that may still come: the layers' contents, and as much again for what is around them.
    left: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.left = self
            .left
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::other("it has more bytes than an image may have"))?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}
