//! `uigniter load`: images from files.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;
use uigniter_api::{
    Client,
    image::{Image, ImageName},
};
use uigniter_image::{
    configuration::ImageConfiguration,
    oci::{self, artifact},
};

use super::build;
use crate::{
    cli::GlobalArgs,
    error::{CliError, Outcome},
    output::OutputArgs,
    transfer::{import, interruptible, show},
};

/// Load an image from a file or folder: what 'uigniter save' or 'docker save' wrote, or an OCI image layout
///
/// An image of ours is taken as it is; of a container image, one is built as with 'uigniter build --from-oci'. Every part is compared with the
/// digest that names it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  uigniter load -i app.tar
  uigniter load -i busybox.tar -t busybox:1      # docker save busybox -o busybox.tar
  ssh host uigniter save app | uigniter load")]
pub(crate) struct Load {
    /// The archive or folder; PATH@NAME where it has several images [default: standard input]
    #[arg(short, long, value_name = "PATH[@NAME]")]
    input: Option<String>,
    /// Name of the image; an image of that name is replaced [default: the name it was saved under]
    #[arg(short, long, value_name = "NAME[:TAG]")]
    tag: Option<ImageName>,
    #[command(flatten)]
    output: OutputArgs,
}

impl Load {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let client = global.client();
        interruptible(async || {
            let image = self.load(&client).await?;
            show(self.output, &image)?;
            Ok(ExitCode::SUCCESS)
        })
        .await
    }

    async fn load(&self, client: &Client) -> Result<Image, CliError> {
        // Archives are read here and there, which standard input cannot be.
        let received = NamedTempFile::with_prefix("uigniter-load-")?;
        let input = match &self.input {
            Some(input) => input.clone(),
            None => {
                receive(received.reopen()?).await?;
                received.path().display().to_string()
            }
        };
        let (path, reference) = build::path_and_name(&input);
        let disk = NamedTempFile::with_prefix("uigniter-disk-")?;
        match open(path.into(), reference.map(ToOwned::to_owned), disk.reopen()?).await? {
            Some((saved, configuration)) => {
                let name = self.name(saved.as_deref())?;
                import(client, &name, disk.path(), &configuration).await
            }
            None => {
                let name = self.name(reference)?;
                build::from_container(client, input, &name).await
            }
        }
    }

    /// The name that was asked for, or the one it has.
    fn name(&self, saved: Option<&str>) -> Result<ImageName, CliError> {
        if let Some(tag) = &self.tag {
            return Ok(tag.clone());
        }
        let short = saved.map(|name| name.rsplit('/').next().unwrap_or(name));
        let nameless =
            || CliError::new("the image has no name that could be its name here").hint("say one: --tag NAME");
        short.and_then(|name| name.parse().ok()).ok_or_else(nameless)
    }
}

/// Takes in standard input.
async fn receive(file: std::fs::File) -> Result<(), CliError> {
    let mut file = tokio::fs::File::from_std(file);
    tokio::io::copy(&mut tokio::io::stdin(), &mut file).await?;
    Ok(file.flush().await?)
}

/// Copies the disk of an image of ours; gives its name and what it says about running it. Nothing where it is a container image.
async fn open(
    path: PathBuf,
    reference: Option<String>,
    mut disk: std::fs::File,
) -> Result<Option<(Option<String>, ImageConfiguration)>, CliError> {
    let refused = |path: &Path, error: oci::Error| CliError::new(format!("{} {error}", path.display()));
    let shown = path.clone();
    let opened = tokio::task::spawn_blocking(move || {
        let Some(mut saved) = artifact::open(&path, reference.as_deref())? else {
            return Ok(None);
        };
        saved.copy_disk(&mut disk)?;
        Ok(Some((saved.name, saved.configuration)))
    })
    .await;
    opened
        .map_err(|error| CliError::new(format!("cannot load {}: {error}", shown.display())))?
        .map_err(|error| {
            refused(&shown, error)
                .hint("name what 'uigniter save' or 'docker save' wrote, or an OCI image layout")
        })
}
