//! The tree that becomes an image: files of the host's at the same or another path, with the symbolic links on the way.
//!
//! What comes first stays: a later addition at the same path is left out. So the caller adds in order of importance. Over a tree that was there before
//! ([`Tree::over`]) it is the other way round.

use std::{
    ffi::OsStr,
    fs, io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Component, Path, PathBuf},
};

use crate::filesystem::{BuildError, Filesystem, Inode, MAX_LINKS, Metadata, Source, made};

/// Links that distributions have at the root for folders that moved below `/usr`.
const ROOT_LINKS: [&[u8]; 4] = [b"bin", b"lib", b"lib64", b"sbin"];

/// Why something was not added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The host's file or folder cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Links that lead in a circle.
    #[error("{0} leads through too many symbolic links")]
    Links(PathBuf),
    /// A path that is not absolute.
    #[error("'{0}' cannot be a path in an image; give an absolute path")]
    Relative(PathBuf),
    /// It has no place in the tree.
    #[error(transparent)]
    Place(#[from] BuildError),
}

/// What becomes of the links in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Links {
    /// They stay as they are.
    Keep,
    /// They stay, and files that they lead to come along.
    Follow,
    /// Files that they lead to take their place.
    Resolve,
}

/// A tree that grows.
#[derive(Debug, Default)]
pub struct Tree {
    filesystem: Filesystem,
    /// The host's files in it, each with the path that was asked for.
    files: Vec<(PathBuf, PathBuf)>,
    /// Whether what is added takes the place of what is there.
    replaces: bool,
}

impl Tree {
    /// A tree with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A tree that is there, whose files give way to what is added.
    #[must_use]
    pub const fn over(filesystem: Filesystem) -> Self {
        Self {
            filesystem,
            files: Vec::new(),
            replaces: true,
        }
    }

    /// Adds what the host has at `host` as `guest`; a folder with all that is in it. Links in it stay as they are.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn add(&mut self, host: &Path, guest: &Path) -> Result<(), Error> {
        if !guest.is_absolute() {
            return Err(Error::Relative(guest.to_owned()));
        }
        // The name that was given may be a link; what it leads to is meant.
        let real = fs::canonicalize(host).map_err(read(host))?;
        self.add_entry(&real, guest)
    }

    /// Adds all that is in a folder of the host's, and files in the place of the links that lead to them.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn add_resolved(&mut self, host: &Path, guest: &Path) -> Result<(), Error> {
        self.add_folder(host, guest, Links::Resolve)
    }

    /// Adds a folder with the permissions of one of the host's, and nothing that is in it.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn add_empty_folder(&mut self, host: &Path, guest: &Path) -> Result<(), Error> {
        let metadata = fs::metadata(host).map_err(read(host))?;
        self.put_entry(host, guest, &metadata)
    }

    /// From here on what is there stays.
    pub(crate) const fn keep_what_is_there(&mut self) {
        self.replaces = false;
    }

    /// Adds the host's file or folder at its own path, with every link that its path leads through. Links in a folder that lead to files
    /// elsewhere bring those along.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn add_same(&mut self, path: &Path) -> Result<(), Error> {
        let real = self.add_way(path)?;
        if real.is_dir() {
            self.add_folder(&real, &real, Links::Follow)?;
        }
        Ok(())
    }

    /// Adds a link, unless something is there.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn add_link(&mut self, path: &Path, target: &Path) -> Result<(), Error> {
        self.put(path, link(target)).map(drop)
    }

    /// The host's files in the tree, each with its path there.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &Path)> {
        self.files.iter().map(|(guest, host)| (&**guest, &**host))
    }

    /// The tree that a file system is written from.
    #[must_use]
    pub fn finish(self) -> Filesystem {
        self.filesystem
    }

    /// Adds the folders, links and at last the file or folder that a path of the host leads through; gives where it ends.
    fn add_way(&mut self, path: &Path) -> Result<PathBuf, Error> {
        let path = std::path::absolute(path).map_err(read(path))?;
        let mut rest: Vec<_> = path
            .components()
            .rev()
            .map(|part| part.as_os_str().to_owned())
            .collect();
        let (mut here, mut links) = (PathBuf::from("/"), 0);
        while let Some(part) = rest.pop() {
            match Path::new(&part).components().next() {
                Some(Component::Normal(name)) => here.push(name),
                Some(Component::ParentDir) => {
                    here.pop();
                    continue;
                }
                Some(Component::RootDir) => {
                    here = PathBuf::from("/");
                    continue;
                }
                _ => continue,
            }
            // The path that was asked for says more than the folder of it that is not there.
            let metadata = fs::symlink_metadata(&here).map_err(read(&path))?;
            if !metadata.is_symlink() {
                // A folder on the way to something is as the tree has it.
                if rest.is_empty() || !self.has(&here)? {
                    self.put_entry(&here, &here, &metadata)?;
                }
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(Error::Links(path));
            }
            let target = fs::read_link(&here).map_err(read(&here))?;
            if !self.has(&here)? {
                self.put(&here, link(&target))?;
            }
            here.pop();
            rest.extend(target.components().rev().map(|part| part.as_os_str().to_owned()));
        }
        Ok(here)
    }

    /// Adds a file, folder or link as it is; of a folder all that is in it.
    fn add_entry(&mut self, host: &Path, guest: &Path) -> Result<(), Error> {
        let metadata = fs::symlink_metadata(host).map_err(read(host))?;
        self.put_entry(host, guest, &metadata)?;
        if metadata.is_dir() {
            self.add_folder(host, guest, Links::Keep)?;
        }
        Ok(())
    }

    fn add_folder(&mut self, host: &Path, guest: &Path, links: Links) -> Result<(), Error> {
        for entry in fs::read_dir(host).map_err(read(host))? {
            let entry = entry.map_err(read(host))?;
            let (from, to) = (entry.path(), guest.join(entry.file_name()));
            let metadata = fs::symlink_metadata(&from).map_err(read(&from))?;
            if metadata.is_symlink() && links == Links::Resolve && from.is_file() {
                self.add(&from, &to)?;
                continue;
            }
            self.put_entry(&from, &to, &metadata)?;
            if metadata.is_dir() {
                self.add_folder(&from, &to, links)?;
            } else if metadata.is_symlink() && links == Links::Follow && from.is_file() {
                self.add_way(&from)?;
            }
        }
        Ok(())
    }

    /// Adds what is at one path, without what is below it. Sockets, pipes and devices are no part of an image.
    fn put_entry(&mut self, host: &Path, guest: &Path, metadata: &fs::Metadata) -> Result<(), Error> {
        let permissions = (metadata.mode() & 0o7777) as u16;
        let kind = metadata.file_type();
        if kind.is_dir() {
            self.put(guest, Inode::folder(Metadata::new(permissions)))?;
        } else if kind.is_file() {
            // Whoever packs is nobody in the guest, so owners do not matter. Python looks at the time of a source before it believes what it
            // compiled from it; the times of folders and links say nothing to anybody, and change.
            let metadata = Metadata {
                modified: metadata.mtime(),
                ..Metadata::new(permissions)
            };
            if self.put(guest, Inode::file(Source::Path(host.to_owned()), metadata))? {
                self.files.push((guest.to_owned(), host.to_owned()));
            }
        } else if kind.is_symlink() {
            self.put(guest, link(&fs::read_link(host).map_err(read(host))?))?;
        }
        Ok(())
    }

    fn has(&mut self, path: &Path) -> Result<bool, Error> {
        Ok(self.filesystem.has(path.as_os_str().as_bytes())?)
    }

    /// True if it is in the tree now.
    fn put(&mut self, path: &Path, inode: Inode) -> Result<bool, Error> {
        let path = path.as_os_str().as_bytes();
        if self.replaces {
            self.filesystem.put(path, inode)?;
            return Ok(true);
        }
        Ok(self.filesystem.keep(path, inode, as_on_the_host)?)
    }
}

fn link(target: &Path) -> Inode {
    Inode::link(target.as_os_str().as_bytes().to_vec(), Metadata::new(0o777))
}

/// Where the host has `/lib` and its like below `/usr`, so does the image, in whatever order things come.
fn as_on_the_host(in_root: bool, name: &[u8]) -> Option<Inode> {
    if in_root
        && ROOT_LINKS.contains(&name)
        && let Ok(target) = fs::read_link(Path::new("/").join(OsStr::from_bytes(name)))
    {
        return Some(link(&target));
    }
    made(in_root, name)
}

fn read(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    |source| Error::Read { path, source }
}

#[cfg(test)]
mod tests;
