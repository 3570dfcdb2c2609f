//! One program as a disk: the ELF at `/NAME` and the few files around it that a C library or a runtime looks for.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use crate::{
    disk,
    elf::{self, ElfInfo},
    rofs::{BuildError, Builder, Source},
};

/// Files that every image has. Names are looked up in `hosts` and then by DNS; `resolv.conf` is the kernel's, which knows
/// the name server from its boot line.
const FILES: [(&str, &str); 4] = [
    (
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    ),
    ("/etc/group", "root:x:0:\nnogroup:x:65534:\n"),
    ("/etc/hosts", "127.0.0.1 localhost\n"),
    (
        "/etc/nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files dns\n",
    ),
];

/// Folders that every image has, as places for what the kernel mounts and for what programs write.
const FOLDERS: [(&str, u16); 7] = [
    ("/dev", 0o755),
    ("/proc", 0o555),
    ("/sys", 0o555),
    ("/run", 0o755),
    ("/root", 0o700),
    ("/tmp", 0o1777),
    ("/var/tmp", 0o1777),
];

/// A program that was packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its path in the image.
    pub path: String,
    /// What its headers say.
    pub elf: ElfInfo,
    /// Length of the disk in bytes.
    pub disk_bytes: u64,
}

/// Why a program was not packed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// The program cannot be opened.
    #[error("cannot open {path}: {source}")]
    Open {
        /// The program.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The library OS cannot run it.
    #[error("{name}: {source}")]
    Refused {
        /// The image's name.
        name: String,
        /// Why.
        source: elf::Error,
    },
    /// The tree cannot be built or written.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Packs the program in `source` as `/NAME` into a disk that is written to `output`.
///
/// The same program and name give the same bytes. `name` is also what error lines say.
///
/// # Errors
///
/// See [`PackError`].
pub fn pack_elf(source: &Path, name: &str, output: &mut File) -> Result<Program, PackError> {
    let open = |error| PackError::Open {
        path: source.to_owned(),
        source: error,
    };
    let file = File::open(source).map_err(open)?;
    let elf = ElfInfo::inspect(file).map_err(|source| PackError::Refused {
        name: name.to_owned(),
        source,
    })?;
    let path = format!("/{name}");
    let mut tree = Builder::new();
    for (path, text) in FILES {
        tree.file(path, Source::Bytes(text.into()), 0o644)?;
    }
    for (path, permissions) in FOLDERS {
        tree.folder(path, permissions)?;
    }
    tree.file(&path, Source::Path(source.to_owned()), 0o755)?;
    let disk_bytes = disk::write(&tree, output)?;
    Ok(Program {
        path,
        elf,
        disk_bytes,
    })
}
