//! What an image is made of, as a tree.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use uigniter_image::{
    Addition, Filesystem,
    configuration::{Config, ConfigBuilder},
    gather, oci, osv, pack,
};

use super::settings::Settings;
use crate::{error::CliError, packing, progress::Progress};

/// Where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A program of this host, with what it needs.
    Binary(PathBuf),
    /// A folder that becomes the root.
    Folder(PathBuf),
    /// A container image, `PATH[@NAME]`.
    Container(String),
    /// A folder of OSv's apps.
    Osv(PathBuf),
}

/// What becomes an image.
pub(super) struct Source {
    pub(super) tree: Filesystem,
    /// What the origin says about running it.
    pub(super) config: Config,
}

impl Origin {
    /// Reads it, and lays the additions over it. `defines` are for OSv's lists.
    pub(super) fn read(
        &self,
        additions: &[Addition],
        defines: &[(String, String)],
        progress: &Progress,
    ) -> Result<Source, CliError> {
        let mut source = match self {
            Self::Binary(program) => return binary(program, additions, progress),
            Self::Folder(folder) => {
                progress.step(format!("listing {}", folder.display()));
                Source {
                    tree: pack::folder(folder).map_err(packing::refused)?,
                    config: Config::default(),
                }
            }
            Self::Container(container) => self::container(container, progress)?,
            Self::Osv(folder) => app_of_osv(folder, defines, progress)?,
        };
        source.tree = pack::lay_over(source.tree, additions).map_err(packing::refused)?;
        Ok(source)
    }
}

fn binary(program: &Path, additions: &[Addition], progress: &Progress) -> Result<Source, CliError> {
    progress.step(format!("looking for what {} needs", program.display()));
    let gathered = gather(program, additions).map_err(packing::refused)?;
    packing::warn(&gathered.unresolved);
    let config = ConfigBuilder::default().entrypoint(vec![gathered.path]).build();
    Ok(Source {
        tree: gathered.tree,
        config: config.map_err(CliError::new)?,
    })
}

fn app_of_osv(folder: &Path, defines: &[(String, String)], progress: &Progress) -> Result<Source, CliError> {
    progress.step(format!("reading the list of {}", folder.display()));
    let osv::Loaded {
        mut tree,
        run,
        unresolved,
    } = osv::load(folder, &defines.iter().cloned().collect()).map_err(CliError::new)?;
    packing::warn(&unresolved);
    let mut config = Config::default();
    if let Some(mut run) = run {
        if let Some(program) = run.command.first_mut() {
            *program = osv::program(&mut tree, program).map_err(CliError::new)?;
        }
        let settings = Settings {
            env: run.env,
            workdir: run.cwd,
            ..Settings::default()
        };
        settings.apply(&mut config);
        let mut command = run.command.into_iter();
        config.set_entrypoint(command.next().map(|program| vec![program]));
        config.set_cmd(Some(command.collect()));
    }
    Ok(Source { tree, config })
}

/// Reads `PATH[@NAME]`.
pub(crate) fn path_and_name(source: &str) -> (&str, Option<&str>) {
    match source.rsplit_once('@') {
        Some((path, name)) if !Path::new(source).exists() => (path, Some(name)),
        _ => (source, None),
    }
}

fn container(source: &str, progress: &Progress) -> Result<Source, CliError> {
    let (path, name) = path_and_name(source);
    progress.step(format!("reading the layers of {path}"));
    File::open(path).map_err(|error| {
        CliError::new(format!("cannot read {path}: {error}"))
            .hint("name an OCI image layout, or a file that `docker save` wrote")
    })?;
    let loaded = oci::load(Path::new(path), name, oci::Limits::default())
        .map_err(|error| CliError::new(format!("{path} {error}")))?;
    if loaded.left_out > 0 {
        progress.note(&format!(
            "{} devices, pipes and sockets are left out",
            loaded.left_out
        ));
    }
    if loaded.without_attributes > 0 {
        progress.note(&format!(
            "the extended attributes of {} files are left out",
            loaded.without_attributes
        ));
    }
    let mut tree = loaded.tree;
    pack::complete(&mut tree).map_err(CliError::new)?;
    Ok(Source {
        tree,
        config: loaded.configuration.config().clone().unwrap_or_default(),
    })
}
