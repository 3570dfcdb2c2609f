//! `uigniter pull`: an image from a registry.

use std::{fs, path::Path, process::ExitCode};

use clap::Args;
use oci_client::{Reference, RegistryOperation};
use tempfile::{NamedTempFile, TempDir};
use uigniter_api::{
    Client,
    image::{Image, ImageName},
};
use uigniter_image::{
    configuration::ImageConfiguration,
    oci::{
        self, Limits,
        artifact::{self, Document, MAX_MANIFEST_BYTES, Manifest, disk_of, for_this_machine, sha256_of},
    },
};

use super::build;
use crate::{
    cli::GlobalArgs,
    error::{CliError, Outcome},
    output::OutputArgs,
    registry::{Registry, RegistryArgs, reference},
    transfer::{import, interruptible, show},
};

/// Get an image from a registry
///
/// What 'uigniter push' sent is taken as it is; of a container image for linux/amd64, an image is built as with 'uigniter build --from-oci'. Everything is compared
/// with the digest that names it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  uigniter pull registry.example/team/app:1.0     # becomes app:1.0
  uigniter pull -t cache memcached:1.6            # a container image of Docker Hub
  uigniter pull localhost:5000/app@sha256:...")]
pub(crate) struct Pull {
    /// The image
    #[arg(value_name = "[HOST[:PORT]/]PATH[:TAG|@DIGEST]", value_parser = reference)]
    from: Reference,
    /// Name of the image here; an image of that name is replaced [default: the last part of the path, and its tag]
    #[arg(short, long, value_name = "NAME[:TAG]")]
    tag: Option<ImageName>,
    #[command(flatten)]
    registry: RegistryArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Pull {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let client = global.client();
        interruptible(async || {
            let name = self.name()?;
            // Before all that is pulled: nothing need be sent if nobody takes it.
            client.health().await?;
            let registry = self
                .registry
                .connect(self.from.clone(), RegistryOperation::Pull)
                .await?;
            let image = pull(&client, &registry, &name).await?;
            show(self.output, &image)?;
            Ok(ExitCode::SUCCESS)
        })
        .await
    }

    fn name(&self) -> Result<ImageName, CliError> {
        if let Some(tag) = &self.tag {
            return Ok(tag.clone());
        }
        let repository = self.from.repository();
        let last = repository.rsplit('/').next().unwrap_or(repository);
        let name = match self.from.tag() {
            Some(tag) => format!("{last}:{tag}"),
            None => last.to_owned(),
        };
        name.parse()
            .map_err(|error| CliError::new(error).hint("give it another name here: --tag NAME"))
    }
}

async fn pull(client: &Client, registry: &Registry, name: &ImageName) -> Result<Image, CliError> {
    let mut document = registry.manifest(None).await?;
    let mut parsed = Manifest::parse(&document.bytes).map_err(refused)?;
    if let Manifest::Index(index) = &parsed {
        let digest = sha256_of(for_this_machine(index).map_err(refused)?).map_err(refused)?;
        document = registry.manifest(Some(digest)).await?;
        parsed = Manifest::parse(&document.bytes).map_err(refused)?;
    }
    let Manifest::Image(manifest) = parsed else {
        return Err(
            CliError::new("the image's index leads to another index").hint("name the image by its digest")
        );
    };
    let config = manifest.config();
    let (config_digest, config_bytes) = (sha256_of(config).map_err(refused)?, config.size());
    if config_bytes > MAX_MANIFEST_BYTES as u64 {
        return Err(
            CliError::new("the image's configuration is longer than 4 MiB").hint("build the image again")
        );
    }
    if let Some(disk) = disk_of(&manifest).map_err(refused)? {
        let file = NamedTempFile::with_prefix("uigniter-disk-")?;
        registry
            .download(&config_digest, config_bytes, file.path())
            .await?;
        let configuration = serde_json::from_slice::<ImageConfiguration>(&fs::read(file.path())?);
        let configuration = configuration.map_err(|error| {
            CliError::new(format!("the image's configuration cannot be read: {error}"))
                .hint("push the image again")
        })?;
        registry
            .download(disk.digest().as_ref(), disk.size(), file.path())
            .await?;
        return import(client, name, file.path(), &configuration).await;
    }
    let layout = TempDir::with_prefix("uigniter-pull-")?;
    let blobs = layout.path().join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let mut left = Limits::default().bytes;
    for blob in manifest.layers().iter().chain([config]) {
        let digest = sha256_of(blob).map_err(refused)?;
        let too_large = || CliError::new("the image is larger than any is").hint("pull a smaller one");
        left = left.checked_sub(blob.size()).ok_or_else(too_large)?;
        registry
            .download(&digest, blob.size(), &blobs.join(hexadecimal(&digest)))
            .await?;
    }
    write_layout(layout.path(), &document)?;
    build::from_container(client, layout.path().display().to_string(), name).await
}

/// What is beside the blobs.
fn write_layout(layout: &Path, manifest: &Document) -> Result<(), CliError> {
    let index = artifact::index(manifest, artifact::MANIFEST_MEDIA_TYPE, None);
    fs::write(layout.join("index.json"), index)?;
    let path = layout.join("blobs/sha256").join(hexadecimal(&manifest.digest));
    Ok(fs::write(path, &manifest.bytes)?)
}

fn hexadecimal(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

fn refused(error: oci::Error) -> CliError {
    CliError::new(format!("the registry's image {error}")).hint("is it the image that you mean?")
}
