//! What was built, as a table or JSON.

use std::time::Duration;

use serde::Serialize;
use uigniter_api::image::Image;

use crate::{
    error::CliError,
    output::{self, OutputArgs},
};

/// Files that are named.
const LARGEST: usize = 5;

/// A file of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct LargeFile {
    path: String,
    size_bytes: u64,
}

/// What is in an image that was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Contents {
    files: usize,
    largest: Vec<LargeFile>,
}

impl Contents {
    /// Of files, each with its length.
    pub(super) fn of(mut files: Vec<(String, u64)>) -> Self {
        let count = files.len();
        files.sort_unstable_by(|(path, bytes), (other, more)| more.cmp(bytes).then(path.cmp(other)));
        files.truncate(LARGEST);
        let large = |(path, size_bytes)| LargeFile { path, size_bytes };
        Self {
            files: count,
            largest: files.into_iter().map(large).collect(),
        }
    }
}

/// The whole of it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(flatten)]
    pub(super) image: Image,
    #[serde(flatten)]
    pub(super) contents: Contents,
    /// Milliseconds from the command's beginning to the image's name.
    pub(super) build_ms: u64,
    /// Milliseconds from the request to the program's first instruction, where that was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) boot_ms: Option<u64>,
}

impl Report {
    /// Prints it.
    pub(super) fn print(&self, output: OutputArgs) -> Result<(), CliError> {
        let Image {
            name,
            size_bytes,
            command,
            args,
            ..
        } = &self.image;
        let time = |ms: u64| output::duration(Duration::from_millis(ms));
        let row = vec![
            name.clone(),
            output::bytes(*size_bytes),
            self.contents.files.to_string(),
            time(self.build_ms),
            self.boot_ms.map_or_else(|| "-".to_owned(), time),
            [&command[..], args].concat().join(" "),
        ];
        output.print(
            self,
            &["IMAGE", "SIZE", "FILES", "BUILT IN", "BOOTED IN", "COMMAND"],
            &[row],
        )?;
        if output.is_for_people() {
            output::line("\nLargest files:")?;
            for LargeFile { path, size_bytes } in &self.contents.largest {
                output::line(&format!("{:>10}  {path}", output::bytes(*size_bytes)))?;
            }
        }
        Ok(())
    }
}
