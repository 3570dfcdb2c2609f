//! Disks of images between the daemon, this host and what is elsewhere: always by way of a file, never whole in memory, and gone when the command is.

use std::{fs::File, io::Write as _, path::Path};

use tempfile::{NamedTempFile, TempDir};
use uigniter_api::{
    Client,
    image::{Image, ImageName, ImportQuery},
};
use uigniter_image::{
    configuration::{self, ImageConfiguration},
    digest::Hasher,
    oci::artifact::Artifact,
};

use crate::{
    error::{CliError, Outcome},
    output,
    progress::Progress,
    signals::Signals,
};

/// Status of a program that SIGINT ended, as shells have it.
const INTERRUPTED: u8 = 128 + 2;

/// Does something that needs files of its own, until it is done or a signal comes; then its files go, too.
pub(crate) async fn interruptible(work: impl AsyncFnOnce() -> Outcome) -> Outcome {
    let mut signals = Signals::take()?;
    let folder = TempDir::with_prefix("uigniter-")?;
    // Also what threads make that cannot be ended goes there.
    tempfile::env::override_temp_dir(folder.path()).ok();
    let outcome = tokio::select! {
        outcome = work() => outcome,
        () = signals.next() => {
            Err(CliError::new("interrupted").hint("nothing was changed; start again").status(INTERRUPTED))
        }
    };
    folder.close()?;
    outcome
}

/// An image's disk, in a file of this host's.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) file: NamedTempFile,
    pub(crate) digest: String,
    pub(crate) bytes: u64,
    pub(crate) artifact: Artifact,
}

/// Gets an image's disk from the daemon, and describes it as OCI has it.
pub(crate) async fn fetch(client: &Client, image: &Image) -> Result<Fetched, CliError> {
    let mut file = NamedTempFile::with_prefix("uigniter-disk-")?;
    let mut stream = client
        .image_disk(image.digest.as_deref().unwrap_or(&image.name))
        .await?;
    let progress = Progress::of_bytes(format!("reading {}", image.name), image.size_bytes);
    let (mut hasher, mut bytes) = (Hasher::default(), 0);
    while let Some(piece) = stream.next().await? {
        hasher.update(&piece);
        file.write_all(&piece)?;
        progress.add(piece.len());
        bytes += piece.len() as u64;
    }
    let digest = hasher.finish();
    if image.digest.as_ref().is_some_and(|expected| *expected != digest) {
        return Err(CliError::new(format!("image {} did not arrive as it is", image.name)).hint("try again"));
    }
    let configuration = configuration_of(file.as_file(), image)?;
    Ok(Fetched {
        artifact: Artifact::new(&configuration, &digest, bytes).map_err(CliError::new)?,
        file,
        digest,
        bytes,
    })
}

/// What the disk says about running it, and over it what the daemon knows.
fn configuration_of(disk: &File, image: &Image) -> Result<ImageConfiguration, CliError> {
    let told =
        configuration::read(disk).map_err(|error| CliError::new(format!("image {} {error}", image.name)))?;
    let mut configuration = match told {
        Some(told) => told,
        None => configuration::of_program("").map_err(CliError::new)?,
    };
    let mut config = configuration.config().clone().unwrap_or_default();
    if entrypoint(&configuration) != image.command {
        config.set_entrypoint(Some(image.command.clone()));
        config.set_cmd(Some(image.args.clone()));
    }
    configuration.set_config(Some(config));
    Ok(configuration)
}

fn entrypoint(configuration: &ImageConfiguration) -> Vec<String> {
    let config = configuration.config().as_ref();
    config
        .and_then(|config| config.entrypoint().clone())
        .unwrap_or_default()
}

/// Gives the daemon a disk that came with a configuration.
pub(crate) async fn import(
    client: &Client,
    name: &ImageName,
    disk: &Path,
    configuration: &ImageConfiguration,
) -> Result<Image, CliError> {
    let told = configuration::read(&File::open(disk)?);
    let told = told.map_err(|error| CliError::new(format!("the image's disk {error}")))?;
    // The daemon reads it from the disk; only a disk that says nothing, or something else, needs a word beside it.
    let wanted = entrypoint(configuration);
    let program = match told {
        Some(told) if entrypoint(&told) == wanted => None,
        _ => wanted.first().filter(|program| program.starts_with('/')).cloned(),
    };
    let query = ImportQuery {
        name: name.to_string(),
        program,
    };
    Ok(client.import_image_as(&query, disk).await?)
}

/// Prints an image that was made.
pub(crate) fn show(output: output::OutputArgs, image: &Image) -> Result<(), CliError> {
    let digest = image.digest.as_deref().unwrap_or_default();
    output.print(
        image,
        &["IMAGE", "SIZE", "DIGEST", "COMMAND"],
        &[vec![
            image.name.clone(),
            output::bytes(image.size_bytes),
            digest.to_owned(),
            [&image.command[..], &image.args].concat().join(" "),
        ]],
    )
}
