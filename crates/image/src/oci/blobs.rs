//! Where the blobs are: files in a folder, or parts of an archive.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, BufReader, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::read::MultiGzDecoder;

use super::Error;
use crate::{digest, filesystem::Part};

/// Longest JSON that is read, in bytes.
const MAX_JSON_BYTES: u64 = 8 << 20;
/// Most files in an archive of blobs.
const MAX_BLOBS: usize = 1 << 16;

/// The files of a layout.
#[derive(Debug)]
pub(super) enum Blobs {
    Folder(PathBuf),
    Archive {
        file: Arc<File>,
        /// Where each file is and its length, by its path; links are resolved.
        files: HashMap<String, (u64, u64)>,
    },
}

impl Blobs {
    /// A folder or an archive, which is listed.
    /// An archive that is compressed as a whole goes through a file of at most `limit` bytes.
    pub(super) fn open(path: &Path, limit: u64) -> Result<Self, Error> {
        if path.is_dir() {
            return Ok(Self::Folder(path.to_owned()));
        }
        let file = Arc::new(plain(File::open(path)?, limit)?);
        let mut archive = tar::Archive::new(&*file);
        let broken = |error| Error::archive("the file", &error);
        let (mut files, mut links) = (HashMap::new(), Vec::new());
        for entry in archive.entries_with_seek().map_err(broken)? {
            let entry = entry.map_err(broken)?;
            if files.len() + links.len() == MAX_BLOBS {
                return Err(Error::TooLarge("65,536 files in the archive"));
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let name = name.strip_prefix("./").unwrap_or(&name).to_owned();
            if entry.header().entry_type().is_file() {
                files.insert(name, (entry.raw_file_position(), entry.size()));
            } else if let Some(target) = entry.link_name_bytes() {
                // Older `docker save` writes a layer once, and links to it.
                links.push((name, String::from_utf8_lossy(&target).into_owned()));
            }
        }
        for (name, target) in links {
            let beside = Path::new(&name)
                .parent()
                .map(|folder| normal(&folder.join(&target)));
            let place = files.get(&target).or_else(|| files.get(&beside?)).copied();
            if let Some(place) = place {
                files.insert(name, place);
            }
        }
        Ok(Self::Archive {
            file: file.clone(),
            files,
        })
    }

    /// A small file whole; `None` where there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let file = match self.open_blob(name) {
            Ok(file) => file,
            Err(Error::Missing(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        if file.take(MAX_JSON_BYTES + 1).read_to_end(&mut bytes)? as u64 > MAX_JSON_BYTES {
            return Err(Error::Json(name.to_owned(), "it is longer than 8 MiB".into()));
        }
        Ok(Some(bytes))
    }

    /// A file, to be read once.
    pub(super) fn open_blob(&self, name: &str) -> Result<Box<dyn Read>, Error> {
        let missing = || Error::Missing(name.to_owned());
        match self {
            Self::Folder(folder) => {
                // Names come from the image: none may lead out of its folder.
                if Path::new(name).is_absolute() || name.split('/').any(|part| part == "..") {
                    return Err(Error::Path(name.to_owned()));
                }
                match File::open(folder.join(name)) {
                    Ok(file) => Ok(Box::new(file)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Err(missing()),
                    Err(error) => Err(error.into()),
                }
            }
            Self::Archive { file, files } => {
                let (start, length) = *files.get(name).ok_or_else(missing)?;
                Ok(Box::new(Part::new(file.clone(), start, length)))
            }
        }
    }
}

/// The archive itself: what gzip made of it (`docker save app | gzip`) is unpacked into an unnamed file.
fn plain(mut file: File, limit: u64) -> Result<File, Error> {
    let mut magic = [0; 2];
    let is_gzip = file.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
    file.rewind()?;
    if !is_gzip {
        return Ok(file);
    }
    let broken = |error| Error::archive("the file", &error);
    let mut unpacked = tempfile::tempfile()?;
    let mut stream = MultiGzDecoder::new(BufReader::new(file)).take(limit.saturating_add(1));
    let mut piece = vec![0; 128 << 10];
    let mut total = 0;
    loop {
        let read = stream.read(&mut piece).map_err(broken)?;
        if read == 0 {
            break;
        }
        total += read as u64;
        unpacked.write_all(&piece[..read])?;
    }
    if total > limit {
        return Err(Error::TooLarge("what an image may have uncompressed"));
    }
    unpacked.rewind()?;
    Ok(unpacked)
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.to_str().unwrap_or_default().split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The digest in hexadecimal digits.
pub(super) fn sha256(bytes: &[u8]) -> String {
    digest::of(bytes).split_off("sha256:".len())
}
