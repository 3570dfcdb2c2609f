//! Writing a tree. The same tree gives the same bytes, whatever the order of the calls.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    path::PathBuf,
};

use super::layout::{BLOCK_BYTES, FILE, FOLDER, INODE_BYTES, Inode, LINK, Superblock};

/// Files begin at multiples of this many blocks (a page).
const ALIGNMENT_BLOCKS: u64 = 8;

/// Where a file's bytes come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// From memory.
    Bytes(Vec<u8>),
    /// From a file of the host's, read when the image is written.
    Path(PathBuf),
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
    /// A link's target that the format cannot hold.
    #[error("the link '{0}' has a target of no or more than 4095 bytes; give a shorter one")]
    BadTarget(String),
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

#[derive(Debug)]
enum Node {
    Folder {
        permissions: u16,
        children: BTreeMap<Vec<u8>, Node>,
    },
    File {
        permissions: u16,
        source: Source,
    },
    Link {
        target: Vec<u8>,
    },
}

/// A tree that is to become a ROFS.
///
/// ```
/// use uigniter_image::rofs::{Builder, Reader, Source};
/// let mut tree = Builder::new();
/// tree.file("/etc/motd", Source::Bytes(b"hi".to_vec()), 0o644)?;
/// tree.link("/motd", "etc/motd")?;
/// let mut image = std::io::Cursor::new(Vec::new());
/// tree.write(&mut image)?;
/// let image = image.into_inner();
/// assert_eq!(Reader::open(&image[..], 0, image.len() as u64)?.read("/etc/motd")?, b"hi");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Builder {
    root: Node,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// A tree with nothing in it but the root.
    #[must_use]
    pub const fn new() -> Self {
        Self { root: folder() }
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
        permissions: u16,
    ) -> Result<(), BuildError> {
        self.add(
            path.as_ref(),
            Node::File {
                permissions: permissions & 0o7777,
                source,
            },
        )
    }

    /// Adds a folder, or gives permissions to one that is there.
    ///
    /// # Errors
    ///
    /// [`BuildError::BadPath`], [`BuildError::Duplicate`] where something else has the path.
    pub fn folder(&mut self, path: impl AsRef<[u8]>, permissions: u16) -> Result<(), BuildError> {
        let permissions = permissions & 0o7777;
        self.add(
            path.as_ref(),
            Node::Folder {
                permissions,
                children: BTreeMap::new(),
            },
        )
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    ///
    /// [`BuildError::BadPath`], [`BuildError::Duplicate`], [`BuildError::BadTarget`].
    pub fn link(&mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Result<(), BuildError> {
        let target = target.as_ref().to_vec();
        if target.is_empty() || target.len() > 4095 || target.contains(&0) {
            return Err(BuildError::BadTarget(shown(path.as_ref())));
        }
        self.add(path.as_ref(), Node::Link { target })
    }

    fn add(&mut self, path: &[u8], node: Node) -> Result<(), BuildError> {
        let parts = parts(path).ok_or_else(|| BuildError::BadPath(shown(path)))?;
        let (name, folders) = parts
            .split_last()
            .ok_or_else(|| BuildError::BadPath(shown(path)))?;
        let duplicate = || BuildError::Duplicate(shown(path));
        let mut place = &mut self.root;
        for part in folders {
            let Node::Folder { children, .. } = place else {
                return Err(duplicate());
            };
            place = children.entry(part.to_vec()).or_insert_with(folder);
        }
        let Node::Folder { children, .. } = place else {
            return Err(duplicate());
        };
        match (children.get_mut(*name), node) {
            (None, node) => {
                children.insert(name.to_vec(), node);
            }
            (Some(Node::Folder { permissions, .. }), Node::Folder { permissions: new, .. }) => {
                *permissions = new
            }
            (Some(_), _) => return Err(duplicate()),
        }
        Ok(())
    }

    /// Writes the file system from the writer's position on; returns its length in bytes, a multiple of
    /// [`BLOCK_BYTES`]. Runs of zeroes in files are skipped, so that a fresh file stays sparse there.
    ///
    /// # Errors
    ///
    /// [`BuildError::Read`], [`BuildError::Write`].
    pub fn write(&self, output: &mut (impl Write + Seek)) -> Result<u64, BuildError> {
        let start = output.stream_position()?;
        let mut writer = Writer {
            output,
            start,
            next_block: 1,
            entries: Vec::new(),
            links: Vec::new(),
            inodes: Vec::new(),
            counts: (0, 0),
        };
        writer.inodes.push(Inode {
            mode: 0,
            offset: 0,
            count: 0,
        });
        writer.node(0, &self.root)?;
        writer.finish()
    }
}

const fn folder() -> Node {
    Node::Folder {
        permissions: 0o755,
        children: BTreeMap::new(),
    }
}

fn shown(path: &[u8]) -> String {
    path.escape_ascii().to_string()
}

fn parts(path: &[u8]) -> Option<Vec<&[u8]>> {
    let parts: Vec<_> = path.strip_prefix(b"/")?.split(|byte| *byte == b'/').collect();
    let good = |part: &&[u8]| {
        (1..=255).contains(&part.len()) && !part.contains(&0) && !matches!(**part, [b'.'] | [b'.', b'.'])
    };
    parts.iter().all(good).then_some(parts)
}

struct Writer<'a, W> {
    output: &'a mut W,
    start: u64,
    next_block: u64,
    /// Encoded directory entries and links, and how many there are.
    entries: Vec<u8>,
    links: Vec<u8>,
    counts: (u64, u64),
    inodes: Vec<Inode>,
}

impl<W: Write + Seek> Writer<'_, W> {
    /// Writes a node and what is below it, and fills the inode in place `index`.
    fn node(&mut self, index: usize, node: &Node) -> Result<(), BuildError> {
        self.inodes[index] = match node {
            Node::File { permissions, source } => {
                let (offset, count) = self.file(source)?;
                Inode {
                    mode: FILE | u64::from(*permissions),
                    offset,
                    count,
                }
            }
            Node::Link { target } => {
                push_text(&mut self.links, target);
                self.counts.1 += 1;
                Inode {
                    mode: LINK | 0o777,
                    offset: self.counts.1 - 1,
                    count: 1,
                }
            }
            Node::Folder {
                permissions,
                children,
            } => {
                let first = self.inodes.len();
                self.inodes.resize(
                    first + children.len(),
                    Inode {
                        mode: 0,
                        offset: 0,
                        count: 0,
                    },
                );
                // A folder's entries lie together, so they are written before those of the folders below it.
                let offset = self.counts.0;
                for (place, name) in children.keys().enumerate() {
                    self.entries
                        .extend_from_slice(&(first as u64 + place as u64 + 1).to_le_bytes());
                    push_text(&mut self.entries, name);
                }
                self.counts.0 += children.len() as u64;
                for (place, child) in children.values().enumerate() {
                    self.node(first + place, child)?;
                }
                Inode {
                    mode: FOLDER | u64::from(*permissions),
                    offset,
                    count: children.len() as u64,
                }
            }
        };
        Ok(())
    }

    /// Writes a file's bytes; returns its first block and its length.
    fn file(&mut self, source: &Source) -> Result<(u64, u64), BuildError> {
        // Block 1 of the file system is the first block of a page of the disk, see `disk`.
        let block = (self.next_block - 1).next_multiple_of(ALIGNMENT_BLOCKS) + 1;
        self.output
            .seek(SeekFrom::Start(self.start + block * BLOCK_BYTES))?;
        let length = match source {
            Source::Bytes(bytes) => {
                copy_sparse(&mut &bytes[..], self.output).map_err(CopyError::into_write)?
            }
            Source::Path(path) => {
                let read = |source| BuildError::Read {
                    path: path.clone(),
                    source,
                };
                let mut file = File::open(path).map_err(read)?;
                copy_sparse(&mut file, self.output).map_err(|error| match error {
                    CopyError::Read(source) => read(source),
                    CopyError::Write(error) => BuildError::Write(error),
                })?
            }
        };
        if length > 0 {
            self.next_block = block + length.div_ceil(BLOCK_BYTES);
        }
        Ok((block, length))
    }

    fn finish(self) -> Result<u64, BuildError> {
        let mut structure = self.entries;
        structure.extend_from_slice(&self.links);
        structure.reserve(self.inodes.len() * INODE_BYTES);
        for (inode, number) in self.inodes.iter().zip(1..) {
            structure.extend_from_slice(&inode.encode(number));
        }
        let structure_blocks = (structure.len() as u64).div_ceil(BLOCK_BYTES);
        structure.resize((structure_blocks * BLOCK_BYTES) as usize, 0);
        let superblock = Superblock {
            structure_first_block: self.next_block,
            structure_blocks,
            entries: self.counts.0,
            links: self.counts.1,
            inodes: self.inodes.len() as u64,
        };
        let structure_start = self.start + self.next_block * BLOCK_BYTES;
        self.output.seek(SeekFrom::Start(self.start))?;
        self.output.write_all(&superblock.encode())?;
        self.output.seek(SeekFrom::Start(structure_start))?;
        self.output.write_all(&structure)?;
        self.output.flush()?;
        Ok((self.next_block + structure_blocks) * BLOCK_BYTES)
    }
}

fn push_text(list: &mut Vec<u8>, text: &[u8]) {
    // Names have at most 255 bytes and targets at most 4095, as `add` and `link` made sure.
    list.extend_from_slice(&(text.len() as u16).to_le_bytes());
    list.extend_from_slice(text);
}

enum CopyError {
    Read(io::Error),
    Write(io::Error),
}

impl CopyError {
    fn into_write(self) -> BuildError {
        match self {
            Self::Read(error) | Self::Write(error) => BuildError::Write(error),
        }
    }
}

/// Copies to the end; pages of zeroes become holes. Returns the length.
fn copy_sparse(input: &mut impl Read, output: &mut (impl Write + Seek)) -> Result<u64, CopyError> {
    const PAGE: usize = 4096;
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
