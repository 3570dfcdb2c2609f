//! One program as a disk, and the few files around it that a C library or a runtime looks for.
//!
//! A static program alone lies at `/NAME` ([`pack_elf`]); that needs nothing but the file, so the daemon does it. What needs other
//! files of the host's, a dynamic program, a script, or one with files of the user's, lies where the host has it ([`pack`]): paths
//! relative to the program (`$ORIGIN`) hold, and so does the name that it sees in `argv[0]`.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    fs::{self, File},
    io::{self, Read, Seek},
    path::{Path, PathBuf},
};

use uigniter_abi::script::{DEFAULT_PATH, env_words};

use crate::{
    contents::Format,
    disk,
    elf::{self, Dynamic, ElfInfo},
    filesystem::{BuildError, Filesystem, Inode, Metadata, Source},
    libraries::{Linker, MUSL_PATH, Missing, Needs},
    tree::{self, Tree},
};

/// Files that every image has. Users are those to whom servers step down by default. Names are looked up in `hosts` and then by DNS; `resolv.conf` is the kernel's, which knows
/// the name server from its boot line.
const FILES: [(&str, &str); 4] = [
    (
        "/etc/passwd",
        "root:x:0:0:root:/root:/bin/false\ndaemon:x:1:1:daemon:/:/bin/false\nproxy:x:13:13:proxy:/:/bin/false\n\
         www-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    ),
    (
        "/etc/group",
        "root:x:0:\ndaemon:x:1:\ntty:x:5:\nproxy:x:13:\nwww-data:x:33:\nnogroup:x:65534:\n",
    ),
    ("/etc/hosts", "127.0.0.1 localhost\n"),
    (
        "/etc/nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files dns\n",
    ),
];

/// Lists of the host's that C libraries look into (`services(5)`, `protocols(5)`), where it has them.
const LISTS: [&str; 2] = ["/etc/services", "/etc/protocols"];

/// Folders that every image has, as places for what the kernel mounts and for what programs write.
const FOLDERS: [(&str, u16); 11] = [
    ("/dev", 0o755),
    ("/proc", 0o555),
    ("/sys", 0o555),
    ("/run", 0o755),
    ("/run/lock", 0o1777),
    ("/var/cache", 0o755),
    ("/var/lib", 0o755),
    ("/var/log", 0o755),
    ("/root", 0o700),
    ("/tmp", 0o1777),
    ("/var/tmp", 0o1777),
];

/// Links that every image has, where nothing else is: the older names of these folders (Filesystem Hierarchy Standard 3.0, 5.13).
const LINKS: [(&str, &str); 2] = [("/var/run", "/run"), ("/var/lock", "/run/lock")];

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

/// A file or folder of the host's that is to be in the image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// Where the host has it; a folder stands for all that is in it.
    pub host: PathBuf,
    /// Its path in the image; its own where none is given, with the links that lead to it.
    pub guest: Option<PathBuf>,
}

/// A program that was packed with what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// The program's path in the image.
    pub path: String,
    /// Length of the disk in bytes.
    pub disk_bytes: u64,
    /// Libraries that files of the user's (not the program) need, and nobody has. Often these are never loaded.
    pub unresolved: Vec<Missing>,
}

/// Libraries that a program lacks, as a line says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingList(pub Vec<Missing>);

impl fmt::Display for MissingList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Missing { library, needed_by }) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{library} (for {})", needed_by.display())?;
        }
        Ok(())
    }
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
    /// Libraries that this host does not have.
    #[error(
        "{program} needs libraries that are not on this host: {missing}; install the packages that have them"
    )]
    Missing {
        /// The program.
        program: PathBuf,
        /// What it lacks.
        missing: MissingList,
    },
    /// A script whose interpreter is a script, and so on.
    #[error("{0} is a script whose interpreter is a script, too many times over; give the program itself")]
    ScriptDepth(PathBuf),
    /// A script that wants an interpreter by name, and no folder has it.
    #[error(
        "{script} wants '{}', which is not in {DEFAULT_PATH}; install it there, or name it by its path after #!",
        interpreter.display()
    )]
    Interpreter {
        /// The script.
        script: PathBuf,
        /// What `env(1)` is to find.
        interpreter: PathBuf,
    },
    /// The program's path is no text, so no boot line can name it.
    #[error("{0}: the path of a program must be UTF-8; rename it")]
    Name(PathBuf),
    /// A file cannot be put into the tree.
    #[error(transparent)]
    Tree(#[from] tree::Error),
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
pub fn pack_elf(source: &Path, name: &str, format: Format, output: &mut File) -> Result<Program, PackError> {
    let open = |error| PackError::Open {
        path: source.to_owned(),
        source: error,
    };
    let file = File::open(source).map_err(open)?;
    let elf = ElfInfo::inspect(file).map_err(|source| PackError::Refused {
        name: name.to_owned(),
        source,
    })?;
    if elf.dynamic {
        return Err(PackError::Refused {
            name: name.to_owned(),
            source: elf::Error::Dynamic(first_need(source)?),
        });
    }
    let path = format!("/{name}");
    let mut tree = Filesystem::new();
    complete(&mut tree)?;
    tree.file(&path, Source::Path(source.to_owned()), Metadata::new(0o755))?;
    let disk_bytes = disk::write(&tree, format, output)?;
    Ok(Program {
        path,
        elf,
        disk_bytes,
    })
}

/// What a dynamic program needs first, for the line that refuses it.
fn first_need(path: &Path) -> Result<String, PackError> {
    let dynamic = dynamic(path)?;
    let need = dynamic.interpreter.map(PathBuf::into_os_string);
    let need = need.or(dynamic.needed.into_iter().next()).unwrap_or_default();
    Ok(format!("needs {}", need.display()))
}

fn dynamic(path: &Path) -> Result<Dynamic, PackError> {
    let read = open(path).map(Dynamic::read)?;
    read.map_err(|source| PackError::Refused {
        name: path.display().to_string(),
        source,
    })
}

fn open(path: &Path) -> Result<File, PackError> {
    File::open(path).map_err(|source| PackError::Open {
        path: path.to_owned(),
        source,
    })
}

/// Whether a file is a program that cannot run from its own bytes alone: a script, or a dynamic program.
///
/// What is no program at all is none of these.
///
/// # Errors
///
/// The file cannot be opened or read.
pub fn needs_others(path: &Path) -> Result<bool, PackError> {
    Ok(kind(path)? == Some(Kind::WithOthers))
}

/// Whether a file is a program at all: a script, or an executable that the library OS runs.
///
/// # Errors
///
/// The file cannot be opened or read.
pub fn is_program(path: &Path) -> Result<bool, PackError> {
    Ok(kind(path)?.is_some())
}

/// What a program runs from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Its own bytes.
    Alone,
    /// An interpreter or libraries besides.
    WithOthers,
}

/// What kind of program a file is; `None` if it is none.
fn kind(path: &Path) -> Result<Option<Kind>, PackError> {
    let mut file = open(path)?;
    let unreadable = |source| PackError::Open {
        path: path.to_owned(),
        source,
    };
    let head = head(&mut file).map_err(unreadable)?;
    file.rewind().map_err(unreadable)?;
    if script_interpreter(&head).is_some() {
        return Ok(Some(Kind::WithOthers));
    }
    let of = |elf: ElfInfo| match elf.dynamic {
        true => Kind::WithOthers,
        false => Kind::Alone,
    };
    Ok(ElfInfo::inspect(file).ok().map(of))
}

/// Packs a program of the host's at its own path with all that it needs, and the user's files, into a disk that is written to `output`.
///
/// A dynamic program brings its interpreter and libraries, a script its interpreter and what that needs; dynamic programs and libraries
/// among the user's files bring theirs. The same files give the same bytes.
///
/// # Errors
///
/// See [`PackError`].
pub fn pack(
    program: &Path,
    additions: &[Addition],
    format: Format,
    output: &mut File,
) -> Result<Packed, PackError> {
    let gathered = gather(program, additions)?;
    gathered.tree.check_text()?;
    let disk_bytes = disk::write(&gathered.tree, format, output)?;
    Ok(Packed {
        path: gathered.path,
        disk_bytes,
        unresolved: gathered.unresolved,
    })
}

/// A program and all that it needs, as a tree.
#[derive(Debug)]
pub struct Gathered {
    /// The tree.
    pub tree: Filesystem,
    /// The program's path in it.
    pub path: String,
    /// See [`Packed::unresolved`].
    pub unresolved: Vec<Missing>,
}

/// Gathers what [`pack`] packs.
///
/// # Errors
///
/// See [`PackError`].
pub fn gather(program: &Path, additions: &[Addition]) -> Result<Gathered, PackError> {
    let path = std::path::absolute(program).map_err(|source| PackError::Open {
        path: program.to_owned(),
        source,
    })?;
    let text = path
        .to_str()
        .ok_or_else(|| PackError::Name(path.clone()))?
        .to_owned();
    let mut packing = Packing::default();
    // The later of two additions counts, as it would if they were copied one after the other; in the tree the first does.
    for Addition { host, guest } in additions.iter().rev() {
        match guest {
            Some(guest) => packing.tree.add(host, guest)?,
            None => packing.tree.add_same(host)?,
        }
    }
    let added = packing.added();
    packing.program(&path, 0)?;
    let unresolved = packing.libraries_of(&added)?;
    for path in LISTS.map(Path::new) {
        if path.is_file() {
            packing.tree.add_same(path)?;
        }
    }
    let mut tree = packing.tree.finish();
    complete(&mut tree)?;
    Ok(Gathered {
        tree,
        path: text,
        unresolved,
    })
}

/// A tree whose dynamic programs get their interpreters and libraries, and all that every image has; what is there stays.
pub(crate) fn with_libraries(mut tree: Tree) -> Result<(Filesystem, Vec<Missing>), PackError> {
    tree.keep_what_is_there();
    let mut packing = Packing { tree, linker: None };
    let unresolved = packing.libraries_of(&packing.added())?;
    let mut tree = packing.tree.finish();
    complete(&mut tree)?;
    Ok((tree, unresolved))
}

/// A folder of the host's as the root, as it is.
///
/// # Errors
///
/// See [`PackError`].
pub fn folder(root: &Path) -> Result<Filesystem, PackError> {
    let mut tree = Tree::new();
    tree.add(root, Path::new("/"))?;
    let mut tree = tree.finish();
    complete(&mut tree)?;
    Ok(tree)
}

/// A tree with files of the host's in the place of what it has there.
///
/// # Errors
///
/// See [`PackError`].
pub fn lay_over(tree: Filesystem, additions: &[Addition]) -> Result<Filesystem, PackError> {
    let mut tree = Tree::over(tree);
    for Addition { host, guest } in additions {
        match guest {
            Some(guest) => tree.add(host, guest)?,
            None => tree.add_same(host)?,
        }
    }
    Ok(tree.finish())
}

/// Adds what every image has, where nothing is.
///
/// # Errors
///
/// See [`BuildError`].
pub fn complete(tree: &mut Filesystem) -> Result<(), BuildError> {
    for (path, text) in FILES {
        if !tree.has(path)? {
            tree.put(
                path.as_bytes(),
                Inode::file(Source::Bytes(text.into()), Metadata::new(0o644)),
            )?;
        }
    }
    for (path, permissions) in FOLDERS {
        if !tree.has(path)? {
            tree.put(path.as_bytes(), Inode::folder(Metadata::new(permissions)))?;
        }
    }
    for (path, target) in LINKS {
        if !tree.has(path)? {
            tree.put(path.as_bytes(), Inode::link(target.into(), Metadata::new(0o777)))?;
        }
    }
    Ok(())
}

/// Bytes of a script's first line that Linux looks at (`execve(2)`).
const HEAD_BYTES: u64 = 256;
/// Most scripts in a row that Linux takes.
const MAX_SCRIPTS: usize = 5;

/// The beginning of a file.
fn head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

/// The interpreter that a script names; that which `env(1)` would find, by its name alone where it is a name.
fn script_interpreter(head: &[u8]) -> Option<PathBuf> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?.trim();
    let (name, argument) = match line.split_once([' ', '\t']) {
        Some((name, argument)) => (name, Some(argument.trim())),
        None => (line, None),
    };
    let name = env_words(name, argument).map_or(name, |(program, _)| program);
    (!name.is_empty()).then(|| name.into())
}

/// Where a script's interpreter is: in the folders in which the guest will look for a name.
fn located(interpreter: PathBuf, script: &Path) -> Result<PathBuf, PackError> {
    if interpreter.components().count() > 1 {
        return Ok(interpreter);
    }
    let mut found = DEFAULT_PATH
        .split(':')
        .map(|folder| Path::new(folder).join(&interpreter));
    found
        .find(|path| path.is_file())
        .ok_or_else(|| PackError::Interpreter {
            script: script.to_owned(),
            interpreter,
        })
}

#[derive(Default)]
struct Packing {
    tree: Tree,
    /// The linker of the program; libraries among the user's files are for it.
    linker: Option<Linker>,
}

impl Packing {
    /// The host's files in the tree: where they are there, and where here.
    fn added(&self) -> Vec<(PathBuf, PathBuf)> {
        let files = self.tree.files();
        files
            .map(|(guest, host)| (guest.to_owned(), host.to_owned()))
            .collect()
    }

    fn program(&mut self, path: &Path, scripts: usize) -> Result<(), PackError> {
        let mut file = open(path)?;
        let refused = |source| PackError::Refused {
            name: path.display().to_string(),
            source,
        };
        let head = head(&mut file).map_err(|error| refused(error.into()))?;
        if let Some(interpreter) = script_interpreter(&head) {
            if scripts == MAX_SCRIPTS {
                return Err(PackError::ScriptDepth(path.to_owned()));
            }
            self.tree.add_same(path)?;
            return self.program(&located(interpreter, path)?, scripts + 1);
        }
        let elf = ElfInfo::inspect(&file).map_err(refused)?;
        self.tree.add_same(path)?;
        if !elf.dynamic {
            return Ok(());
        }
        let dynamic = Dynamic::read(&file).map_err(refused)?;
        let Some(interpreter) = &dynamic.interpreter else {
            return Err(refused(elf::Error::Broken(
                "it needs libraries and names no interpreter",
            )));
        };
        self.tree.add_same(interpreter)?;
        if Path::new(MUSL_PATH).exists() {
            self.tree.add_same(Path::new(MUSL_PATH))?;
        }
        let mut linker = Linker::new(interpreter);
        let needs = linker.needs(path, dynamic);
        self.add_found(&linker, &needs, &HashSet::new())?;
        for path in linker.opened_later() {
            self.tree.add_same(&path)?;
        }
        self.linker = Some(linker);
        let missing: Vec<_> = needs
            .missing
            .into_iter()
            .filter(|missing| !self.has(missing))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(PackError::Missing {
            program: path.to_owned(),
            missing: MissingList(missing),
        })
    }

    /// Adds what the ELF files among the user's need; gives what is nowhere.
    fn libraries_of(&mut self, added: &[(PathBuf, PathBuf)]) -> Result<Vec<Missing>, PackError> {
        // What lies at its own path is found like any other: by links that lead there.
        let moved = added.iter().filter(|(guest, host)| guest != host);
        let ours: HashSet<&Path> = moved.map(|(_, host)| &**host).collect();
        let mut unresolved = BTreeSet::new();
        for (_, path) in added {
            // What is no ELF file, or no whole one, is data.
            let Some(dynamic) = File::open(path).ok().and_then(|file| Dynamic::read(file).ok()) else {
                continue;
            };
            if let Some(interpreter) = &dynamic.interpreter {
                self.tree.add_same(interpreter)?;
            }
            let mut own = dynamic.interpreter.as_deref().map(Linker::new);
            let mut taken = self.linker.take();
            if let Some(linker) = taken.as_mut().or(own.as_mut()) {
                let needs = linker.needs(path, dynamic);
                self.add_found(linker, &needs, &ours)?;
                unresolved.extend(needs.missing);
            }
            for path in own.as_ref().map(Linker::opened_later).unwrap_or_default() {
                self.tree.add_same(&path)?;
            }
            self.linker = taken;
        }
        unresolved.retain(|missing| !self.has(missing));
        Ok(unresolved.into_iter().collect())
    }

    fn add_found(&mut self, linker: &Linker, needs: &Needs, ours: &HashSet<&Path>) -> Result<(), PackError> {
        for found in &needs.found {
            let real = fs::canonicalize(&found.path).unwrap_or_else(|_| found.path.clone());
            // A library that the user put elsewhere is in the image already, where they want it.
            if ours.contains(&*real) {
                continue;
            }
            self.tree.add_same(&found.path)?;
            if let Some(name) = &found.link {
                self.tree
                    .add_link(&linker.libc_folder().join(name), &found.path)?;
            }
        }
        Ok(())
    }

    /// Whether a file of this name is in the image: whoever put it there says how it is found.
    fn has(&self, missing: &Missing) -> bool {
        let name = Path::new(&missing.library).file_name();
        self.tree.files().any(|(path, _)| path.file_name() == name)
    }
}
