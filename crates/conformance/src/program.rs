//! Which programs there are.
//!
//! The first line of a C program may say how it is built: `// build: glibc musl pie dynamic`. Without one it is built by `gcc -static` alone.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// How a program becomes an ELF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Toolchain {
    /// `gcc -static`: C with glibc.
    Glibc,
    /// `musl-gcc -static`: C with musl.
    Musl,
    /// `gcc -static-pie`: C with glibc, position independent.
    Pie,
    /// `gcc`: C with glibc as a shared library, position independent, as distributions build.
    Dynamic,
    /// `gcc -no-pie`: C with glibc as a shared library, at 0x400000.
    Fixed,
    /// `musl-gcc`: C with musl as a shared library.
    MuslDynamic,
    /// rustc for `x86_64-unknown-linux-gnu` with `crt-static`.
    Rust,
}

impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Glibc => "glibc",
            Self::Musl => "musl",
            Self::Pie => "pie",
            Self::Dynamic => "dynamic",
            Self::Fixed => "fixed",
            Self::MuslDynamic => "musl-dynamic",
            Self::Rust => "rust",
        })
    }
}

/// One program, built one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// `FAMILY_BEHAVIOUR`.
    pub name: String,
    /// Its source.
    pub source: PathBuf,
    /// How it is built.
    pub toolchain: Toolchain,
}

impl Program {
    /// The name of its test: `FAMILY_BEHAVIOUR::TOOLCHAIN`.
    #[must_use]
    pub fn test_name(&self) -> String {
        format!("{}::{}", self.name, self.toolchain)
    }
}

/// Why the programs could not be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A folder or file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A `// build:` line with a word that is none of the known ones.
    #[error("{}: '{word}' is no way to build (known: glibc musl pie dynamic fixed musl-dynamic)", path.display())]
    Toolchain {
        /// The program.
        path: PathBuf,
        /// The word.
        word: String,
    },
}

/// All programs below `root`, the folder of this package, sorted by name.
///
/// # Errors
///
/// See [`Error`].
pub fn list(root: &Path) -> Result<Vec<Program>, Error> {
    let mut programs = Vec::new();
    for path in files(&root.join("programs"), "c")? {
        let text = fs::read_to_string(&path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        for toolchain in toolchains(&text).map_err(|word| Error::Toolchain {
            path: path.clone(),
            word,
        })? {
            programs.push(Program {
                name: stem(&path),
                source: path.clone(),
                toolchain,
            });
        }
    }
    for path in files(&root.join("programs-rs/src/bin"), "rs")? {
        programs.push(Program {
            name: stem(&path),
            source: path,
            toolchain: Toolchain::Rust,
        });
    }
    Ok(programs)
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|is| is == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn toolchains(text: &str) -> Result<Vec<Toolchain>, String> {
    let Some(words) = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("// build:"))
    else {
        return Ok(vec![Toolchain::Glibc]);
    };
    words
        .split_whitespace()
        .map(|word| match word {
            "glibc" => Ok(Toolchain::Glibc),
            "musl" => Ok(Toolchain::Musl),
            "pie" => Ok(Toolchain::Pie),
            "dynamic" => Ok(Toolchain::Dynamic),
            "fixed" => Ok(Toolchain::Fixed),
            "musl-dynamic" => Ok(Toolchain::MuslDynamic),
            _ => Err(word.to_owned()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_chooses_toolchains() {
        use Toolchain::{Glibc, Musl, Pie};
        assert_eq!(toolchains("#include <stdio.h>\n"), Ok(vec![Glibc]));
        assert_eq!(
            toolchains("// build: glibc musl pie\n"),
            Ok(vec![Glibc, Musl, Pie])
        );
        assert_eq!(toolchains("// build: glibc tcc\n"), Err("tcc".to_owned()));
    }

    #[test]
    fn every_family_of_the_kernel_has_programs() {
        let programs = list(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        for family in [
            "dynamic", "memory", "thread", "futex", "time", "event", "socket", "file", "signal", "system",
            "rust",
        ] {
            let count = programs
                .iter()
                .filter(|program| program.name.split('_').next() == Some(family))
                .count();
            assert!(count >= 2, "{family} has {count} programs");
        }
    }
}
