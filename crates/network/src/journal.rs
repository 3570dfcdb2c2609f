//! The lease file: one line per change, so that a lease costs one write.
//!
//! ```text
//! range 172.16.0.0/12
//! + 172.16.0.2 3f2a        address leased to an owner
//! - 172.16.0.2             address free again
//! next 172.16.0.3          where the search for a free address goes on
//! ```
//!
//! Lines are not synced to the disk one by one: they have to survive the process, not the machine, because namespace and
//! taps do not survive the machine either. A rewrite is synced and replaces the file in one step.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::lease::Address;
use crate::{Error, Subnet};

/// Name of the file in the state folder.
const FILE: &str = "leases";
/// Lines beyond two per lease before the file is written anew.
const SLACK_LINES: usize = 2048;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    /// The range that all addresses are of.
    Range(Subnet),
    /// An address got an owner.
    Take(Address, String),
    /// An address is free again.
    Free(Address),
    /// The next address to try.
    Cursor(Address),
}

/// The open file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
    bytes: u64,
}

impl Journal {
    /// Opens the journal of a state folder, which is made if it is absent, and reads it.
    ///
    /// A last line without its end was being written when the machine stopped; it was never true.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Vec<Record>)> {
        fs::create_dir_all(folder).map_err(|source| state("make the folder", folder, source))?;
        let path = folder.join(FILE);
        let text = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(state("read", &path, source)),
        };
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let records = text[..whole]
            .split_inclusive(|byte| *byte == b'\n')
            .enumerate()
            .map(|(number, line)| {
                let corrupt = || Error::CorruptState {
                    path: path.clone(),
                    line: number + 1,
                };
                std::str::from_utf8(line)
                    .ok()
                    .and_then(|line| Record::parse(line.trim_end()))
                    .ok_or_else(corrupt)
            })
            .collect::<Result<Vec<_>>>()?;
        let file = append_to(&path)?;
        // What was cut off above must not run into the next line.
        file.set_len(whole as u64)
            .map_err(|source| state("write", &path, source))?;
        Ok((
            Self {
                path,
                file,
                lines: records.len(),
                bytes: whole as u64,
            },
            records,
        ))
    }

    /// Adds a line, or leaves the file as it was.
    pub(crate) fn append(&mut self, record: &Record) -> Result<()> {
        let line = record.line();
        if let Err(source) = self.file.write_all(line.as_bytes()) {
            // On a full disk a part may have been written; shrinking always works there.
            drop(self.file.set_len(self.bytes));
            return Err(state("write", &self.path, source));
        }
        self.bytes += line.len() as u64;
        self.lines += 1;
        Ok(())
    }

    /// Whether most lines are history.
    pub(crate) fn is_long(&self, leases: usize) -> bool {
        self.lines > 2 * leases + SLACK_LINES
    }

    /// Replaces the file by these lines.
    pub(crate) fn rewrite(&mut self, records: &[Record]) -> Result<()> {
        let temporary = self.path.with_extension("new");
        let text: String = records.iter().map(Record::line).collect();
        let write = || -> io::Result<()> {
            let mut file = File::create(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &self.path)
        };
        write().map_err(|source| state("rewrite", &self.path, source))?;
        self.file = append_to(&self.path)?;
        self.lines = records.len();
        self.bytes = text.len() as u64;
        Ok(())
    }
}

/// Removes the journal of a state folder.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    let path = folder.join(FILE);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(state("remove", &path, error)),
        _ => Ok(()),
    }
}

impl Record {
    fn line(&self) -> String {
        match self {
            Self::Range(subnet) => format!("range {subnet}\n"),
            Self::Take(address, owner) => format!("+ {address} {owner}\n"),
            Self::Free(address) => format!("- {address}\n"),
            Self::Cursor(address) => format!("next {address}\n"),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let (kind, rest) = line.split_once(' ')?;
        match kind {
            "range" => rest.parse().ok().map(Self::Range),
            "+" => {
                let (address, owner) = rest.split_once(' ')?;
                Some(Self::Take(address.parse().ok()?, owner.to_owned()))
            }
            "-" => rest.parse().ok().map(Self::Free),
            "next" => rest.parse().ok().map(Self::Cursor),
            _ => None,
        }
    }
}

fn append_to(path: &Path) -> Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(|source| state("open", path, source))
}

fn state(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::State {
        action,
        path: path.to_owned(),
        source,
    }
}
