//! `uigniter image`: the image store.

mod contents;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use uigniter_api::{
    Client,
    image::{Image as ApiImage, ImageKind, ImportQuery, PruneQuery, Pruned},
};

use super::for_each;
use crate::{
    cli::GlobalArgs,
    error::{CliError, Outcome},
    output::{self, OutputArgs},
    packing::{self, AddArgs, Alone},
    values::since,
};

/// List, import, look into, name and remove images
///
/// An image is a disk, kept by its digest, and has one name or several: NAME[:TAG], where the tag is 'latest' unless given. A disk goes when its last name
/// does, or, if an instance is of it then, with 'uigniter image prune'.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  uigniter image import --name hello ./hello
  uigniter image tag hello hello:1.0
  uigniter image ls
  uigniter image tree hello /etc
  uigniter image cat hello /etc/passwd
  uigniter image diff hello hello:1.0
  uigniter image rm hello
  uigniter image prune --all")]
pub(crate) struct Image {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List images
    Ls {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Import a Linux program (packed on the way with what it needs), or a disk as it is
    Import {
        /// Name of the image, NAME[:TAG]; an image of that name is replaced [default: the file's name]
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        add: AddArgs,
        /// An ELF, a script or a disk
        file: PathBuf,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Show everything that is known of images, as JSON
    Inspect {
        /// Names, or digests
        #[arg(required = true, value_name = "IMAGE")]
        images: Vec<String>,
    },
    /// Print a file of an image; links are followed
    Cat {
        /// The image: its name, or its digest
        image: String,
        /// The file's path in it
        path: String,
    },
    /// List what an image has, with modes, owners and sizes
    Tree {
        /// The image: its name, or its digest
        image: String,
        /// A folder in it, or a file
        #[arg(default_value = "/")]
        path: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// List where two images differ: what was added, removed or changed
    ///
    /// What counts is kind, mode, owner, a link's target and a file's contents; times do not.
    Diff {
        /// The image before
        #[arg(value_name = "IMAGE")]
        before: String,
        /// The image after
        #[arg(value_name = "OTHER")]
        after: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Give an image a further name; another image of that name loses it
    Tag {
        /// The image: its name, or its digest
        image: String,
        /// The further name
        #[arg(value_name = "NAME[:TAG]")]
        name: String,
    },
    /// Remove disks that no name and no instance holds, such as what an interrupted import left
    Prune {
        /// Remove images that have a name as well, unless an instance is of them
        #[arg(short, long)]
        all: bool,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Take images' names away; the last one takes the disk along
    Rm {
        /// Names, or digests
        #[arg(required = true, value_name = "IMAGE")]
        images: Vec<String>,
    },
}

impl Image {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let client = global.client();
        match self.command {
            Command::Ls { output } => show(output, &client.list_images().await?)?,
            Command::Import {
                name,
                add,
                file,
                output,
            } => {
                let name = match name {
                    Some(name) => name,
                    None => stem(&file)?,
                };
                check_file(&file)?;
                let prepared = packing::prepare(&file, &add, Alone::UnderTheImagesName).await?;
                let query = ImportQuery {
                    name,
                    program: prepared.program.clone(),
                };
                let image = client.import_image_as(&query, &prepared.file).await?;
                show(output, &[image])?;
            }
            Command::Inspect { images } => return inspect(&client, &images).await,
            Command::Cat { image, path } => contents::cat(&client, &image, &path).await?,
            Command::Tree { image, path, output } => contents::tree(&client, &image, &path, output).await?,
            Command::Diff {
                before,
                after,
                output,
            } => contents::diff(&client, &before, &after, output).await?,
            Command::Tag { image, name } => {
                output::line(&client.tag_image(&image, &name).await?.name)?;
            }
            Command::Prune { all, output } => {
                show_pruned(output, &client.prune_images(PruneQuery { all }).await?)?;
            }
            Command::Rm { images } => {
                return for_each(&images, async |name| {
                    client.delete_image(&name).await?;
                    Ok(())
                })
                .await;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// As with instances, one wrong name does not keep the others from being told of.
async fn inspect(client: &Client, names: &[String]) -> Outcome {
    let (mut found, mut status) = (Vec::new(), ExitCode::SUCCESS);
    for name in names {
        match client.get_image(name).await {
            Ok(image) => found.push(image),
            Err(error) => status = CliError::from(error).report(),
        }
    }
    output::json(&found)?;
    Ok(status)
}

/// The image's name where none is given: the file's, without its last extension.
fn stem(file: &std::path::Path) -> Result<String, CliError> {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    let nameless = || {
        CliError::new(format!("{} gives no name for an image", file.display())).hint("say one: --name NAME")
    };
    stem.map(ToOwned::to_owned).ok_or_else(nameless)
}

/// Refuses what is no readable plain file, before anything is sent.
pub(crate) fn check_file(file: &std::path::Path) -> Result<(), CliError> {
    let refused = |what: &dyn std::fmt::Display| {
        CliError::new(format!("cannot read {}: {what}", file.display()))
            .hint("name a Linux program or a disk image")
    };
    let metadata = std::fs::metadata(file).map_err(|e| refused(&e))?;
    if !metadata.is_file() {
        return Err(refused(&"it is not a plain file"));
    }
    std::fs::File::open(file).map(drop).map_err(|e| refused(&e))
}

fn show(output: OutputArgs, images: &[ApiImage]) -> Result<(), CliError> {
    let rows: Vec<_> = images.iter().map(row).collect();
    output.print(
        &images,
        &["NAME", "KIND", "SIZE", "DIGEST", "COMMAND", "CREATED"],
        &rows,
    )
}

fn show_pruned(output: OutputArgs, pruned: &Pruned) -> Result<(), CliError> {
    let removed = pruned.names.iter().chain(&pruned.digests);
    let rows: Vec<_> = removed.map(|removed| vec![removed.clone()]).collect();
    output.print(pruned, &["REMOVED"], &rows)?;
    if output.is_for_people() {
        output::line(&format!("{} freed", output::bytes(pruned.freed_bytes)))?;
    }
    Ok(())
}

fn row(image: &ApiImage) -> Vec<String> {
    let digest = image.digest.as_deref().unwrap_or_default();
    vec![
        image.name.clone(),
        match image.kind {
            ImageKind::Elf => "elf",
            ImageKind::Disk => "disk",
        }
        .to_owned(),
        output::bytes(image.size_bytes),
        digest.get(..19).unwrap_or(digest).to_owned(),
        image.command.join(" "),
        format!("{} ago", output::duration(since(image.created_at_ms))),
    ]
}
