//! What is in an image, whatever its format.

use crate::{ReadAt, erofs, filesystem::Metadata, rofs};

/// File systems that are written and read here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Linux's read-only file system, bare on the disk.
    #[default]
    Erofs,
    /// OSv's, in the second partition.
    Rofs,
}

/// One thing in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Absolute path; `/` for the root.
    pub path: Vec<u8>,
    /// Permissions, owner, time; of ROFS only the permissions, and these are 0 in images of OSv's own tool.
    pub metadata: Metadata,
    /// What it is.
    pub kind: EntryKind,
}

/// Kinds of things in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A folder.
    Folder,
    /// A file of this length in bytes.
    File(u64),
    /// A symbolic link to this target.
    Link(Vec<u8>),
}

/// A file system that was opened and checked.
#[derive(Debug)]
pub enum Contents<R> {
    /// See [`Format::Erofs`].
    Erofs(erofs::Reader<R>),
    /// See [`Format::Rofs`].
    Rofs(rofs::Reader<R>),
}

impl<R: ReadAt> Contents<R> {
    /// Which it is.
    pub const fn format(&self) -> Format {
        match self {
            Self::Erofs(_) => Format::Erofs,
            Self::Rofs(_) => Format::Rofs,
        }
    }

    /// Everything in the tree, the root first, a folder before what is in it.
    pub fn entries(&self) -> &[Entry] {
        match self {
            Self::Erofs(reader) => reader.entries(),
            Self::Rofs(reader) => reader.entries(),
        }
    }

    /// The length of a file in bytes; `None` where there is no such file. Links are not followed.
    pub fn file_length(&self, path: impl AsRef<[u8]>) -> Option<u64> {
        match self {
            Self::Erofs(reader) => reader.file_length(path),
            Self::Rofs(reader) => reader.file_length(path),
        }
    }

    /// Fills `buffer` with a file's bytes from `offset` on. Links are not followed.
    ///
    /// # Errors
    ///
    /// There is no such file, it ends early, or the disk cannot be read.
    pub fn read_at(
        &self,
        path: impl AsRef<[u8]>,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<(), ContentsError> {
        match self {
            Self::Erofs(reader) => reader.read_at(path, offset, buffer)?,
            Self::Rofs(reader) => reader.read_at(path, offset, buffer)?,
        }
        Ok(())
    }

    /// A whole file's bytes. Links are not followed.
    ///
    /// # Errors
    ///
    /// There is no such file, or the disk cannot be read.
    pub fn read(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>, ContentsError> {
        Ok(match self {
            Self::Erofs(reader) => reader.read(path)?,
            Self::Rofs(reader) => reader.read(path)?,
        })
    }
}

/// Why a file system cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContentsError {
    /// An EROFS.
    #[error(transparent)]
    Erofs(#[from] erofs::Error),
    /// A ROFS.
    #[error(transparent)]
    Rofs(#[from] rofs::Error),
}
