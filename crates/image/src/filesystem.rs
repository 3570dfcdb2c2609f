//! The tree that a file system is written from, whatever the format: [`rofs::write`](crate::rofs::write), [`erofs::write`](crate::erofs::write).
//!
//! The same tree gives the same bytes, whatever the order of the calls that made it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::Arc,
};

/// Longest target of a link in bytes: `PATH_MAX` without its zero byte.
pub const MAX_TARGET_BYTES: usize = 4095;
/// Longest name in bytes (`NAME_MAX`).
pub const MAX_NAME_BYTES: usize = 255;

/// Most symbolic links that are followed for one path, as in Linux (`path_resolution(7)`).
pub(crate) const MAX_LINKS: usize = 40;

/// Pages of zeroes become holes.
const PAGE: usize = 4096;

/// What `stat(2)` says of an inode beside its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Metadata {
    /// Permission bits, 0 to `0o7777`.
    pub permissions: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of the last change of the contents, in seconds since 1970.
    pub modified: i64,
}

impl Metadata {
    /// Of root's, with no time.
    #[must_use]
    pub const fn new(permissions: u16) -> Self {
        Self {
            permissions: permissions & 0o7777,
            uid: 0,
            gid: 0,
            modified: 0,
        }
    }
}

/// Where a file's bytes come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// From memory.
    Bytes(Vec<u8>),
    /// From a file of the host's, read when the image is written.
    Path(PathBuf),
    /// From a part of a file that is open.
    Part {
        /// The file.
        file: Arc<File>,
        /// Where the part begins, in bytes.
        start: u64,
        /// Its length in bytes.
        length: u64,
    },
}

/// Why a tree cannot be built or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A path with an empty, `.`, `..` or over-long component, or a zero byte, or none at all.
    #[error("'{0}' cannot be a path in an image; use absolute paths whose parts have 1 to 255 bytes")]
    BadPath(String),
    /// Two things want the same path.
    #[error("'{0}' is in the image twice; leave one of them out")]
    Duplicate(String),
    /// A link's target that no format can hold.
    #[error("the link '{0}' has a target of no or more than 4095 bytes; give a shorter one")]
    BadTarget(String),
    /// A name or target that the library OS would not take.
    #[error("'{0}' is not UTF-8, as the names and links of an image have to be; rename it, or leave it out")]
    NotText(String),
    /// A file has the place of a folder.
    #[error("'{0}' cannot be put below a file")]
    BelowFile(String),
    /// Links that lead in a circle.
    #[error("'{0}' leads through too many symbolic links")]
    Links(String),
    /// A hard link to what is not there, or is a folder.
    #[error("'{0}' is a link to nothing that has names; build what it comes from again")]
    BadHardLink(String),
    /// More than the format can hold.
    #[error("the image is too large: {0}")]
    TooLarge(&'static str),
    /// The host file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The host file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The image cannot be written.
    #[error("cannot write the image: {0}")]
    Write(#[from] io::Error),
}

/// Place of an inode in its tree.
pub(crate) type InodeIndex = usize;

/// What an inode is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Folder(BTreeMap<Vec<u8>, InodeIndex>),
    File(Source),
    Link(Vec<u8>),
}

#[derive(Clone, Debug)]
pub(crate) struct Inode {
    pub(crate) metadata: Metadata,
    pub(crate) kind: Kind,
}

impl Inode {
    pub(crate) const fn folder(metadata: Metadata) -> Self {
        Self {
            metadata,
            kind: Kind::Folder(BTreeMap::new()),
        }
    }

    /// To a target that [`Filesystem::link`] would take.
    pub(crate) const fn link(target: Vec<u8>, metadata: Metadata) -> Self {
        Self {
            metadata,
            kind: Kind::Link(target),
        }
    }

    pub(crate) const fn file(source: Source, metadata: Metadata) -> Self {
        Self {
            metadata,
            kind: Kind::File(source),
        }
    }
}

/// What stands for a folder that a path leads through and that is not there; `None`: the path then names nothing. Told whether it would be in the root, and its
/// name.
pub(crate) type Missing = fn(in_root: bool, name: &[u8]) -> Option<Inode>;

/// A folder, as it is made on the way to something.
#[expect(clippy::unnecessary_wraps, reason = "it is a `Missing`")]
pub(crate) const fn made(_in_root: bool, _name: &[u8]) -> Option<Inode> {
    Some(Inode::folder(Metadata::new(0o755)))
}

const fn nothing(_in_root: bool, _name: &[u8]) -> Option<Inode> {
    None
}

/// A tree that is to become a file system.
///
/// ```
/// use uigniter_image::{Filesystem, Metadata, Source, rofs};
/// let mut tree = Filesystem::new();
/// tree.file("/etc/motd", Source::Bytes(b"hi".to_vec()), Metadata::new(0o644))?;
/// tree.link("/motd", "etc/motd", Metadata::new(0o777))?;
/// let mut image = std::io::Cursor::new(Vec::new());
/// rofs::write(&tree, &mut image)?;
/// let image = image.into_inner();
/// assert_eq!(rofs::Reader::open(&image[..], 0, image.len() as u64)?.read("/etc/motd")?, b"hi");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Filesystem {
    /// The root first. What was replaced stays in the list and is in no folder.
    inodes: Vec<Inode>,
}

impl Default for Filesystem {
    fn default() -> Self {
        Self::new()
    }
}

impl Filesystem {
    /// Place of the root.
    pub(crate) const ROOT: InodeIndex = 0;

    /// A tree with nothing in it but the root.
    #[must_use]
    pub fn new() -> Self {
        Self {
            inodes: vec![Inode::folder(Metadata::new(0o755))],
        }
    }

    /// Adds a file; folders on the way are made.
    ///
    /// # Errors
    ///
    /// [`BuildError::BadPath`], [`BuildError::Duplicate`].
    pub fn file(
        &mut self,
        path: impl AsRef<[u8]>,
        source: Source,
        metadata: Metadata,
    ) -> Result<(), BuildError> {
        self.add(path.as_ref(), Inode::file(source, metadata))
    }

    /// Adds a folder, or gives metadata to one that is there.
    ///
    /// # Errors
    ///
    /// [`BuildError::BadPath`], [`BuildError::Duplicate`] where something else has the path.
    pub fn folder(&mut self, path: impl AsRef<[u8]>, metadata: Metadata) -> Result<(), BuildError> {
        let path = path.as_ref();
        if path == b"/" {
            self.inodes[Self::ROOT].metadata = metadata;
            return Ok(());
        }
        self.add(path, Inode::folder(metadata))
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    ///
    /// [`BuildError::BadPath`], [`BuildError::Duplicate`], [`BuildError::BadTarget`].
    pub fn link(
        &mut self,
        path: impl AsRef<[u8]>,
        target: impl AsRef<[u8]>,
        metadata: Metadata,
    ) -> Result<(), BuildError> {
        let target = target.as_ref().to_vec();
        if target.is_empty() || target.len() > MAX_TARGET_BYTES || target.contains(&0) {
            return Err(BuildError::BadTarget(shown(path.as_ref())));
        }
        self.add(path.as_ref(), Inode::link(target, metadata))
    }

    /// The inode in a place.
    pub(crate) fn inode(&self, index: InodeIndex) -> &Inode {
        &self.inodes[index]
    }

    /// Every inode that is in the tree once, in the order in which a reader comes to them: a folder, what is in it by name, then what is
    /// in its folders.
    pub(crate) fn walk(&self) -> Vec<InodeIndex> {
        let mut seen = vec![false; self.inodes.len()];
        seen[Self::ROOT] = true;
        let mut order = vec![Self::ROOT];
        let mut folders = vec![Self::ROOT];
        while let Some(folder) = folders.pop() {
            let Kind::Folder(children) = &self.inodes[folder].kind else {
                continue;
            };
            for &child in children.values() {
                if !std::mem::replace(&mut seen[child], true) {
                    order.push(child);
                }
            }
            let below = children.values().rev();
            folders.extend(below.filter(|child| matches!(self.inodes[**child].kind, Kind::Folder(_))));
        }
        order
    }

    fn add(&mut self, path: &[u8], inode: Inode) -> Result<(), BuildError> {
        let bad = || BuildError::BadPath(shown(path));
        let parts = parts(path).ok_or_else(bad)?;
        let (name, folders) = parts.split_last().ok_or_else(bad)?;
        let mut place = Self::ROOT;
        for part in folders {
            place = self.child_folder(place, part).ok_or_else(|| duplicate(path))?;
        }
        let index = self.inodes.len();
        let Kind::Folder(children) = &mut self.inodes[place].kind else {
            return Err(duplicate(path));
        };
        match (children.get(*name).copied(), &inode.kind) {
            (None, _) => {
                children.insert(name.to_vec(), index);
                self.inodes.push(inode);
            }
            (Some(old), Kind::Folder(_)) if matches!(self.inodes[old].kind, Kind::Folder(_)) => {
                self.inodes[old].metadata = inode.metadata;
            }
            (Some(_), _) => return Err(duplicate(path)),
        }
        Ok(())
    }

    /// Puts an inode in the place of whatever is there; a folder keeps what is in it. The way there may lead through links of the tree.
    pub(crate) fn put(&mut self, path: &[u8], inode: Inode) -> Result<(), BuildError> {
        let Some((place, name)) = self.way(path, made)? else {
            self.inodes[Self::ROOT].metadata = inode.metadata;
            return Ok(());
        };
        let index = self.inodes.len();
        let old = self.children_mut(place, path)?.insert(name.clone(), index);
        match old {
            Some(old) if self.is_folder(old) && matches!(inode.kind, Kind::Folder(_)) => {
                self.inodes[old].metadata = inode.metadata;
                self.children_mut(place, path)?.insert(name, old);
            }
            _ => self.inodes.push(inode),
        }
        Ok(())
    }

    /// Puts an inode where nothing is; true if it was put. The way there may lead through links of the tree.
    pub(crate) fn keep(&mut self, path: &[u8], inode: Inode, missing: Missing) -> Result<bool, BuildError> {
        let Some((place, name)) = self.way(path, missing)? else {
            return Ok(false);
        };
        let index = self.inodes.len();
        let is_new = *self.children_mut(place, path)?.entry(name).or_insert(index) == index;
        if is_new {
            self.inodes.push(inode);
        }
        Ok(is_new)
    }

    /// Gives a file another name, in the place of whatever is there.
    pub(crate) fn put_hard_link(&mut self, path: &[u8], target: &[u8]) -> Result<(), BuildError> {
        let bad = || BuildError::BadHardLink(shown(path));
        let target = self.find(target)?.ok_or_else(bad)?;
        if self.is_folder(target) {
            return Err(bad());
        }
        let (place, name) = self.way(path, made)?.ok_or_else(bad)?;
        self.children_mut(place, path)?.insert(name, target);
        Ok(())
    }

    /// Takes away what is at a path, if anything is.
    pub(crate) fn remove(&mut self, path: &[u8]) -> Result<(), BuildError> {
        if let Some((place, name)) = self.way(path, nothing)? {
            self.children_mut(place, path)?.remove(&name);
        }
        Ok(())
    }

    /// Takes away all that is in a folder, if it is there.
    pub(crate) fn clear(&mut self, path: &[u8]) -> Result<(), BuildError> {
        if let Some(index) = self.find(path)?
            && let Kind::Folder(children) = &mut self.inodes[index].kind
        {
            children.clear();
        }
        Ok(())
    }

    /// Whether anything is at a path, whose last part is not followed.
    ///
    /// # Errors
    ///
    /// [`BuildError::BadPath`], [`BuildError::BelowFile`], [`BuildError::Links`].
    pub fn has(&mut self, path: impl AsRef<[u8]>) -> Result<bool, BuildError> {
        Ok(self.find(path.as_ref())?.is_some())
    }

    /// Finds a program as `execvp(3)` does: a name without a slash in the folders of `search`, which are parted by colons. Gives its absolute path.
    ///
    /// # Errors
    ///
    /// As [`has`](Self::has).
    pub fn program(&mut self, name: &str, search: &str) -> Result<Option<String>, BuildError> {
        if name.contains('/') {
            let path = format!("/{}", name.trim_start_matches('/'));
            return Ok(self.has(&path)?.then_some(path));
        }
        for folder in search.split(':').filter(|folder| folder.starts_with('/')) {
            let path = format!("{}/{name}", folder.trim_end_matches('/'));
            if self.has(&path)? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Files of the tree, each with its length as far as it is known before it is read.
    pub fn files(&self) -> Vec<(String, u64)> {
        let mut files = Vec::new();
        let mut pending = vec![(Vec::new(), Self::ROOT)];
        while let Some((path, index)) = pending.pop() {
            match &self.inodes[index].kind {
                Kind::Folder(children) => {
                    let below = children.iter();
                    pending.extend(below.map(|(name, child)| ([&path[..], b"/", name].concat(), *child)));
                }
                Kind::File(source) => {
                    files.push((String::from_utf8_lossy(&path).into_owned(), source.length()))
                }
                Kind::Link(_) => {}
            }
        }
        files
    }

    /// Makes sure that the library OS will take every name and target: it refuses an image with one that is not UTF-8. Linux does not, so
    /// the writers take them.
    ///
    /// # Errors
    ///
    /// [`BuildError::NotText`].
    pub fn check_text(&self) -> Result<(), BuildError> {
        let mut pending = vec![(Vec::new(), Self::ROOT)];
        while let Some((path, index)) = pending.pop() {
            let (is_text, children) = match &self.inodes[index].kind {
                Kind::Link(target) => (std::str::from_utf8(target).is_ok(), None),
                Kind::File(_) => (true, None),
                Kind::Folder(children) => (true, Some(children)),
            };
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
            if !is_text || std::str::from_utf8(name).is_err() {
                return Err(BuildError::NotText(shown(&path)));
            }
            let below = children.into_iter().flatten();
            pending.extend(below.map(|(name, child)| ([&path[..], b"/", name].concat(), *child)));
        }
        Ok(())
    }

    /// What is at a path, whose last part is not followed.
    pub(crate) fn find(&mut self, path: &[u8]) -> Result<Option<InodeIndex>, BuildError> {
        if path.iter().all(|byte| matches!(byte, b'/' | b'.')) {
            return Ok(Some(Self::ROOT));
        }
        let Some((place, name)) = self.way(path, nothing)? else {
            return Ok(None);
        };
        Ok(match &self.inodes[place].kind {
            Kind::Folder(children) => children.get(&name).copied(),
            _ => None,
        })
    }

    /// The folder that has or will have what a path names, and its name there; `None` for the root. Links are followed as in the guest, never out of the
    /// tree. Where a folder on the way is not there, `missing` says what is put there.
    fn way(&mut self, path: &[u8], missing: Missing) -> Result<Option<(InodeIndex, Vec<u8>)>, BuildError> {
        let parts = |path: &[u8]| -> Vec<Vec<u8>> {
            let parts = path.split(|byte| *byte == b'/').rev();
            parts
                .filter(|part| !matches!(*part, b"" | b"."))
                .map(<[u8]>::to_vec)
                .collect()
        };
        let (mut rest, mut links) = (parts(path), 0);
        if rest
            .iter()
            .any(|part| part.len() > MAX_NAME_BYTES || part.contains(&0) || part == b"..")
        {
            return Err(BuildError::BadPath(shown(path)));
        }
        let mut places = vec![Self::ROOT];
        while let Some(part) = rest.pop() {
            let place = places.last().copied().unwrap_or(Self::ROOT);
            if rest.is_empty() && part != b".." {
                return Ok(Some((place, part)));
            }
            if part == b".." {
                if places.len() > 1 {
                    places.pop();
                }
                continue;
            }
            let next = self.inodes.len();
            let children = self.children_mut(place, path)?;
            let child = match children.get(&part) {
                Some(child) => *child,
                None => match missing(place == Self::ROOT, &part) {
                    None => return Ok(None),
                    Some(inode) => {
                        children.insert(part, next);
                        self.inodes.push(inode);
                        next
                    }
                },
            };
            match &self.inodes[child].kind {
                Kind::Folder(_) => places.push(child),
                Kind::File(_) => return Err(BuildError::BelowFile(shown(path))),
                Kind::Link(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(BuildError::Links(shown(path)));
                    }
                    if target.first() == Some(&b'/') {
                        places.truncate(1);
                    }
                    rest.extend(parts(target));
                }
            }
        }
        Ok(None)
    }

    fn children_mut(
        &mut self,
        place: InodeIndex,
        path: &[u8],
    ) -> Result<&mut BTreeMap<Vec<u8>, InodeIndex>, BuildError> {
        match &mut self.inodes[place].kind {
            Kind::Folder(children) => Ok(children),
            _ => Err(BuildError::BelowFile(shown(path))),
        }
    }

    fn is_folder(&self, index: InodeIndex) -> bool {
        matches!(self.inodes[index].kind, Kind::Folder(_))
    }

    /// The folder of this name in a folder; it is made where nothing has the name.
    fn child_folder(&mut self, place: InodeIndex, name: &[u8]) -> Option<InodeIndex> {
        let next = self.inodes.len();
        let Kind::Folder(children) = &mut self.inodes[place].kind else {
            return None;
        };
        let child = *children.entry(name.to_vec()).or_insert(next);
        if child == next {
            self.inodes.push(Inode::folder(Metadata::new(0o755)));
        }
        Some(child)
    }
}

fn duplicate(path: &[u8]) -> BuildError {
    BuildError::Duplicate(shown(path))
}

fn shown(path: &[u8]) -> String {
    path.escape_ascii().to_string()
}

fn parts(path: &[u8]) -> Option<Vec<&[u8]>> {
    let parts: Vec<_> = path.strip_prefix(b"/")?.split(|byte| *byte == b'/').collect();
    let good = |part: &&[u8]| {
        (1..=MAX_NAME_BYTES).contains(&part.len())
            && !part.contains(&0)
            && !matches!(**part, [b'.'] | [b'.', b'.'])
    };
    parts.iter().all(good).then_some(parts)
}

impl Source {
    /// How many bytes there are; 0 where the host does not say.
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Path(path) => std::fs::metadata(path).map_or(0, |metadata| metadata.len()),
            Self::Part { length, .. } => *length,
        }
    }

    /// Copies all bytes to the writer's position; pages of zeroes are skipped, so that a fresh file stays sparse there. Returns the length.
    pub(crate) fn copy(&self, output: &mut (impl Write + Seek)) -> Result<u64, BuildError> {
        let either = |error| match error {
            CopyError::Read(error) | CopyError::Write(error) => BuildError::Write(error),
        };
        match self {
            Self::Bytes(bytes) => copy_sparse(&mut &bytes[..], output).map_err(either),
            Self::Part { file, start, length } => {
                let mut part = Part::new(file.clone(), *start, *length);
                copy_sparse(&mut part, output).map_err(either)
            }
            Self::Path(path) => {
                let read = |source| BuildError::Read {
                    path: path.clone(),
                    source,
                };
                let mut file = File::open(path).map_err(read)?;
                copy_sparse(&mut file, output).map_err(|error| match error {
                    CopyError::Read(source) => read(source),
                    CopyError::Write(error) => BuildError::Write(error),
                })
            }
        }
    }

    /// All bytes, if they are at most `limit`.
    pub(crate) fn small(&self, limit: usize) -> Result<Option<Vec<u8>>, BuildError> {
        match self {
            Self::Bytes(bytes) => Ok((bytes.len() <= limit).then(|| bytes.clone())),
            Self::Part { length, .. } if *length > limit as u64 => Ok(None),
            Self::Part { file, start, length } => {
                let mut bytes = vec![0; *length as usize];
                file.read_exact_at(&mut bytes, *start)?;
                Ok(Some(bytes))
            }
            Self::Path(path) => {
                let mut bytes = Vec::new();
                // One byte more than is wanted tells a longer file; what the length says may change until it is read.
                let read = File::open(path)
                    .and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes))
                    .map_err(|source| BuildError::Read {
                        path: path.clone(),
                        source,
                    })?;
                Ok((read <= limit).then_some(bytes))
            }
        }
    }
}

/// Reads a part of a file without moving its position.
pub(crate) struct Part {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Part {
    /// So many bytes from there on.
    pub(crate) const fn new(file: Arc<File>, start: u64, length: u64) -> Self {
        Self {
            file,
            at: start,
            left: length,
        }
    }
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read_at(&mut buffer[..limit], self.at)?;
        if read == 0 && limit > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

fn copy_sparse(input: &mut impl Read, output: &mut (impl Write + Seek)) -> Result<u64, CopyError> {
    let mut buffer = vec![0; 32 * PAGE];
    let mut total = 0;
    loop {
        let mut filled = 0;
        while filled < buffer.len() {
            match input.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(CopyError::Read(error)),
            }
        }
        for page in buffer[..filled].chunks(PAGE) {
            if page.iter().all(|byte| *byte == 0) {
                output
                    .seek(SeekFrom::Current(page.len() as i64))
                    .map_err(CopyError::Write)?;
            } else {
                output.write_all(page).map_err(CopyError::Write)?;
            }
        }
        total += filled as u64;
        if filled < buffer.len() {
            return Ok(total);
        }
    }
}
