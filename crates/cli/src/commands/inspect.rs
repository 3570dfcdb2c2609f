//! `uigniter inspect`: everything that is known of instances or images.

use std::process::ExitCode;

use clap::Args;
use uigniter_api::{Client, ErrorCode, client};

use crate::{
    cli::GlobalArgs,
    error::{CliError, Outcome},
    output,
};

/// Show everything that is known of instances, or of images, as JSON
///
/// The field names are those of the REST API. A running instance's entry has what it uses in `stats`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  uigniter inspect web\n  uigniter inspect web | jq -r '.[0].ip_address'")]
pub(crate) struct Inspect {
    /// Names or ids of instances, or names of images
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

impl Inspect {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let client = global.client();
        let mut found = Vec::new();
        let mut status = ExitCode::SUCCESS;
        for name in &self.names {
            match look_up(&client, name).await {
                Ok(value) => found.push(value),
                Err(error) => status = error.report(),
            }
        }
        output::json(&found)?;
        Ok(status)
    }
}

/// The instance of that name, or else the image.
async fn look_up(client: &Client, name: &str) -> Result<serde_json::Value, CliError> {
    let not_json = |e: serde_json::Error| CliError::new(format!("cannot write JSON: {e}"));
    let instance = match client.get_instance(name).await {
        Err(error) if error.code() == Some(ErrorCode::InstanceNotFound) => {
            return match client.get_image(name).await {
                Ok(image) => serde_json::to_value(image).map_err(not_json),
                Err(client::Error::Refused {
                    status: 404 | 400, ..
                }) => Err(error.into()),
                Err(other) => Err(other.into()),
            };
        }
        other => other?,
    };
    let running = instance.pid.is_some();
    let mut value = serde_json::to_value(&instance).map_err(not_json)?;
    // It may end between the two questions; then there is nothing to tell.
    if let (true, Ok(stats), Some(fields)) =
        (running, client.stats(&instance.id).await, value.as_object_mut())
    {
        fields.insert("stats".to_owned(), serde_json::to_value(stats).map_err(not_json)?);
    }
    Ok(value)
}
