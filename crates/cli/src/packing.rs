//! Packing a program of this host with what it needs, before it is sent: its libraries and the user's files are here, not where the daemon is.

use std::path::{Path, PathBuf};

use clap::Args;
use tempfile::{NamedTempFile, TempPath};
use uigniter_image::{
    Addition, Format, Missing, PackError, Packed, configuration, is_program, needs_others, pack,
};

use crate::error::CliError;

/// Options of commands that pack.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct AddArgs {
    /// Add a file or folder of this host to the program's image: HOST[:GUEST]; may be given several times
    ///
    /// A folder stands for all that is in it. Without GUEST (an absolute path) the file has its own path in the image too, and links
    /// that lead to it are kept. With a program, dynamic programs and libraries among the files bring the libraries that they need.
    #[arg(long, value_name = "HOST[:GUEST]", value_parser = addition)]
    add: Vec<Addition>,
}

impl AddArgs {
    /// What was given.
    pub(crate) fn additions(&self) -> &[Addition] {
        &self.add
    }

    /// Whether any was given.
    pub(crate) const fn is_empty(&self) -> bool {
        self.add.is_empty()
    }
}

/// What is sent to the daemon.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// A program or a disk.
    pub(crate) file: PathBuf,
    /// The program in the disk, if it was packed here.
    pub(crate) program: Option<String>,
    /// Removes the disk when it was sent.
    _disk: Option<TempPath>,
}

/// Where a static program lies that needs nothing beside itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alone {
    /// At its own path, which is its `argv[0]`, as on the host.
    InItsPlace,
    /// In `/` under the image's name: what the first Uigniter's API calls it.
    UnderTheImagesName,
}

/// Packs what `file` needs beside itself. A disk stays as it is.
pub(crate) async fn prepare(file: &Path, add: &AddArgs, alone: Alone) -> Result<Prepared, CliError> {
    let (path, add) = (file.to_owned(), add.clone());
    let packed = tokio::task::spawn_blocking(move || prepare_now(&path, &add, alone)).await;
    packed.map_err(|error| CliError::new(format!("cannot pack {}: {error}", file.display())))?
}

fn prepare_now(file: &Path, add: &AddArgs, alone: Alone) -> Result<Prepared, CliError> {
    let is_packed = match alone {
        Alone::InItsPlace => is_program(file),
        Alone::UnderTheImagesName => needs_others(file),
    };
    if add.is_empty() && !is_packed.map_err(refused)? {
        return Ok(Prepared {
            file: file.to_owned(),
            program: None,
            _disk: None,
        });
    }
    let mut disk = NamedTempFile::with_prefix("uigniter-image-")?;
    let Packed {
        path,
        unresolved,
        disk_bytes,
    } = pack(file, &add.add, Format::Erofs, disk.as_file_mut()).map_err(refused)?;
    // So that the image says what it runs wherever it is taken to.
    let configuration = configuration::of_program(&path).map_err(CliError::new)?;
    configuration::write(&configuration, disk_bytes, disk.as_file_mut())?;
    warn(&unresolved);
    let disk = disk.into_temp_path();
    Ok(Prepared {
        file: disk.to_path_buf(),
        program: Some(path),
        _disk: Some(disk),
    })
}

/// Says which libraries an image goes without.
pub(crate) fn warn(unresolved: &[Missing]) {
    for Missing { library, needed_by } in unresolved {
        let needed_by = needed_by.display();
        eprintln!("uigniter: {needed_by} needs {library}, which this host does not have; it is left out");
    }
}

/// A refusal's line says the way out already; only the system's own words do not.
pub(crate) fn refused(error: PackError) -> CliError {
    let hint = match &error {
        PackError::Open { .. } | PackError::Tree(_) => Some("name files of this host that can be read"),
        PackError::Build(_) => Some("is there room in the folder for temporary files (TMPDIR)?"),
        _ => None,
    };
    let error = CliError::new(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// Reads `HOST[:GUEST]`. A colon in the host's path is meant unless an absolute path follows it.
pub(crate) fn addition(text: &str) -> Result<Addition, String> {
    let (host, guest) = match text.rsplit_once(':') {
        Some((host, guest)) if guest.starts_with('/') => (host, Some(PathBuf::from(guest))),
        _ => (text, None),
    };
    if host.is_empty() {
        return Err(format!(
            "expected HOST[:GUEST] with GUEST an absolute path, not '{text}'"
        ));
    }
    Ok(Addition {
        host: host.into(),
        guest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_before_an_absolute_path_parts_host_and_guest() {
        let parsed = |text| addition(text).map(|add| (add.host, add.guest));
        assert_eq!(
            parsed("./conf:/etc/conf"),
            Ok(("./conf".into(), Some("/etc/conf".into())))
        );
        assert_eq!(parsed("/usr/lib/x"), Ok(("/usr/lib/x".into(), None)));
        assert_eq!(parsed("a:b"), Ok(("a:b".into(), None)));
        assert!(parsed(":/etc").is_err() && parsed("").is_err());
    }
}
