//! Folders of OSv's apps as they stand: what `usr.manifest` lists, and how `module.py` says that it is run.
//!
//! Both are read as data; nothing of a folder is executed. What OSv's own kernel stands in for, the C library and the dynamic linker, comes from this host
//! for each dynamic program of the list.

mod manifest;
mod module;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use uigniter_abi::boot_args::{self, BootArgs};

use crate::{
    filesystem::{BuildError, Filesystem},
    libraries::Missing,
    pack::{self, PackError},
    tree::{self, Tree},
};

/// The list of files.
pub const MANIFEST: &str = "usr.manifest";
/// The file with the run line.
pub const MODULE: &str = "module.py";
/// Longest file of either kind, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// Why a folder was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One of the two files cannot be read.
    #[error(
        "cannot read {path}: {source}; name a folder that has it, after its Makefile has made what it lists"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line that is not understood, or names what is not there.
    #[error("{MANIFEST}, line {line}: {what}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong, and the way out.
        what: String,
    },
    /// The run line is made by code.
    #[error(
        "the 'default' of {MODULE} is no text that can be read without running it; say it: --entrypoint PROGRAM -- ARGS"
    )]
    Default,
    /// The run line has options that are unknown here.
    #[error("the run line of {MODULE}: {0}")]
    RunLine(boot_args::Error),
    /// Libraries could not be gathered.
    #[error(transparent)]
    Pack(#[from] PackError),
}

/// How it is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunLine {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Environment.
    pub env: Vec<(String, String)>,
    /// Working directory.
    pub cwd: Option<String>,
}

/// A folder as a tree.
#[derive(Debug)]
pub struct Loaded {
    /// What the manifest lists, with the libraries that it needs.
    pub tree: Filesystem,
    /// What `module.py` says; `None` where there is none, or it has no `default`.
    pub run: Option<RunLine>,
    /// See [`Packed::unresolved`](crate::Packed::unresolved).
    pub unresolved: Vec<Missing>,
}

/// Whether a folder is one of these.
#[must_use]
pub fn is_there(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file()
}

/// Reads a folder. `defines` are values for `%(NAME)s` and `${NAME}`; `MODULE_DIR` is the folder itself.
///
/// # Errors
///
/// See [`Error`].
pub fn load(folder: &Path, defines: &BTreeMap<String, String>) -> Result<Loaded, Error> {
    // A relative path in the list begins at the folder, and what MODULE_DIR gives must not.
    let folder = &std::path::absolute(folder).map_err(|source| Error::Read {
        path: folder.to_owned(),
        source,
    })?;
    let mut defines = defines.clone();
    let own = || folder.display().to_string();
    defines.entry("MODULE_DIR".to_owned()).or_insert_with(own);
    let lines = manifest::parse(&read(&folder.join(MANIFEST))?, &defines)?;
    let mut tree = Tree::over(Filesystem::new());
    for line in &lines {
        line.add(folder, &mut tree).map_err(|error| Error::Line {
            line: line.number,
            what: explained(&error),
        })?;
    }
    let (tree, unresolved) = pack::with_libraries(tree)?;
    let module = folder.join(MODULE);
    let run = match module.is_file() {
        true => run_line(&read(&module)?)?,
        false => None,
    };
    Ok(Loaded {
        tree,
        run,
        unresolved,
    })
}

fn explained(error: &tree::Error) -> String {
    match error {
        tree::Error::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            format!("{error}; make it first, as the folder's Makefile does")
        }
        _ => error.to_string(),
    }
}

/// What the text of a `module.py` says.
fn run_line(text: &str) -> Result<Option<RunLine>, Error> {
    let line = match module::default_line(text) {
        module::Default::None => return Ok(None),
        module::Default::Code => return Err(Error::Default),
        module::Default::Line(line) => line,
    };
    // What starts a program beside another has nothing to be beside here.
    let line = line.trim().trim_end_matches(['&', '!']);
    let args = BootArgs::parse(line).map_err(Error::RunLine)?;
    Ok(Some(RunLine {
        command: args.command,
        env: args.env,
        cwd: args.cwd,
    }))
}

fn read(path: &Path) -> Result<String, Error> {
    let error = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(error)?;
    let mut text = String::new();
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(error)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(error(io::ErrorKind::FileTooLarge.into()));
    }
    Ok(text)
}

/// Where a program of the run line is in a tree: OSv starts in `/`.
///
/// # Errors
///
/// As [`Filesystem::has`].
pub fn program(tree: &mut Filesystem, name: &str) -> Result<String, BuildError> {
    let at_root = format!("/{}", name.trim_start_matches('/'));
    let in_library_folder = format!("/usr/lib{at_root}");
    // As its dynamic linker looks for what has no folder.
    if !name.contains('/') && !tree.has(&at_root)? && tree.has(&in_library_folder)? {
        return Ok(in_library_folder);
    }
    Ok(at_root)
}

#[cfg(test)]
mod tests;
