//! `uigniter save`: an image as an OCI image layout.

use std::{
    fs,
    io::{self, IsTerminal as _, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use tempfile::{NamedTempFile, TempDir};
use uigniter_api::image::ImageName;
use uigniter_image::oci::artifact::Layout;

use crate::{
    cli::GlobalArgs,
    error::{CliError, Outcome},
    transfer::{Fetched, fetch, interruptible},
};

/// Save an image to a file or folder, as an OCI image layout
///
/// The layout's one layer is the disk as it is, so that 'uigniter load' gives the same image, of the same digest. An image saved twice is the same bytes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  uigniter save -o app.tar app:1.0
  uigniter save -o app/ app              # a folder
  uigniter save app | ssh host uigniter load")]
pub(crate) struct Save {
    /// The archive, or (with a slash at the end, or where one is) a folder that is empty or not there yet [default: standard output]
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// The image: its name, or its digest
    image: String,
}

impl Save {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        if self.output.is_none() && io::stdout().is_terminal() {
            return Err(
                CliError::new("an image is no text for a terminal").hint("say where it goes: -o FILE")
            );
        }
        let client = global.client();
        interruptible(async || {
            let image = client.get_image(&self.image).await?;
            let fetched = fetch(&client, &image).await?;
            let name: ImageName = image.name.parse().map_err(CliError::new)?;
            let name = format!("{}:{}", name.name(), name.tag());
            match self.output {
                None => write_archive(fetched, name, io::stdout()).await?,
                Some(path) if is_folder(&path) => write_folder(fetched, name, &path).await?,
                Some(path) => {
                    let beside = parent(&path);
                    let file = NamedTempFile::with_prefix_in(".uigniter-", beside)
                        .map_err(|error| cannot_write(&path, &error))?;
                    write_archive(fetched, name, file.reopen()?).await?;
                    file.persist(&path).map_err(|error| cannot_write(&path, &error))?;
                }
            }
            Ok(ExitCode::SUCCESS)
        })
        .await
    }
}

fn is_folder(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn cannot_write(path: &Path, error: &dyn std::fmt::Display) -> CliError {
    CliError::new(format!("cannot write {}: {error}", path.display()))
        .hint("name a file in a folder with room, or a folder that is empty or not there yet")
}

async fn write_archive(
    fetched: Fetched,
    name: String,
    output: impl Write + Send + 'static,
) -> Result<(), CliError> {
    blocking(move || {
        let mut layout = Layout::Archive(Box::new(tar::Builder::new(output)));
        fetched
            .artifact
            .save(&name, fetched.file.reopen()?, &mut layout)?;
        if let Layout::Archive(archive) = layout {
            archive.into_inner()?.flush()?;
        }
        Ok(())
    })
    .await
}

/// The folder is whole when it has its name.
async fn write_folder(fetched: Fetched, name: String, path: &Path) -> Result<(), CliError> {
    let folder =
        TempDir::with_prefix_in(".uigniter-", parent(path)).map_err(|error| cannot_write(path, &error))?;
    let mut layout = Layout::<io::Sink>::Folder(folder.path().to_owned());
    blocking(move || fetched.artifact.save(&name, fetched.file.reopen()?, &mut layout)).await?;
    fs::rename(folder.path(), path).map_err(|error| cannot_write(path, &error))?;
    // It is there no more.
    let _ = folder.keep();
    Ok(())
}

async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), CliError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| CliError::new(format!("cannot save the image: {error}")))?;
    done.map_err(|error| {
        CliError::new(format!("cannot save the image: {error}"))
            .hint("is there room where it goes, and in TMPDIR?")
    })
}
