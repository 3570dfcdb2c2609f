//! `uigniter push`: an image to a registry.

use std::process::ExitCode;

use clap::Args;
use oci_client::{Reference, RegistryOperation};

use crate::{
    cli::GlobalArgs,
    error::Outcome,
    output,
    registry::{RegistryArgs, reference},
    transfer::{fetch, interruptible},
};

/// Send an image to a registry
///
/// It goes there as an OCI artifact whose one layer is the disk as it is; 'uigniter pull' gets the same image, of the same digest. The image is visible there when all of
/// it has arrived.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  uigniter push app:1.0 registry.example/team/app:1.0
  uigniter push app localhost:5000/app
  echo \"$TOKEN\" | uigniter push -u ci --password-stdin app registry.example/app")]
pub(crate) struct Push {
    /// The image: its name, or its digest
    image: String,
    /// Where it goes
    #[arg(value_name = "[HOST[:PORT]/]PATH[:TAG]", value_parser = reference)]
    to: Reference,
    #[command(flatten)]
    registry: RegistryArgs,
}

impl Push {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let client = global.client();
        interruptible(async || {
            let image = client.get_image(&self.image).await?;
            let registry = self
                .registry
                .connect(self.to.clone(), RegistryOperation::Push)
                .await?;
            let fetched = fetch(&client, &image).await?;
            registry
                .upload(fetched.file.path(), &fetched.digest, fetched.bytes)
                .await?;
            registry.upload_document(&fetched.artifact.configuration).await?;
            registry.upload_manifest(&fetched.artifact.manifest).await?;
            output::line(&format!(
                "{}/{}@{}",
                self.to.registry(),
                self.to.repository(),
                fetched.artifact.manifest.digest
            ))?;
            Ok(ExitCode::SUCCESS)
        })
        .await
    }
}
