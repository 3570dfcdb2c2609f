//! A file on the command line becomes an image: imported once, found again by its content.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use uigniter_api::{
    Client, ErrorCode,
    image::{ImportQuery, content_name},
};
use uigniter_image::digest;

use crate::{error::CliError, packing::Prepared};

/// What has a slash is a path, as in a shell; anything else names an image.
pub(super) fn as_file(target: &str) -> Option<PathBuf> {
    target.contains('/').then(|| PathBuf::from(target))
}

/// Gives the name of the image made of `file` (packed as `prepared`), sending it only if the daemon does not have it.
pub(super) async fn import(client: &Client, file: &Path, prepared: &Prepared) -> Result<String, CliError> {
    let digest = {
        let file = prepared.file.clone();
        let unreadable =
            |e: &dyn std::fmt::Display| CliError::new(format!("cannot read {}: {e}", file.display()));
        let path = file.clone();
        let hashed = tokio::task::spawn_blocking(move || digest::of_reader(File::open(path)?)).await;
        hashed.map_err(|e| unreadable(&e))?.map_err(|e| unreadable(&e))?
    };
    let name = content_name(&file.file_stem().unwrap_or_default().to_string_lossy(), &digest);
    let program = prepared.program.clone();
    match client.get_image(&name).await {
        Ok(image)
            if image.was_sent_as(&digest)
                && program
                    .as_ref()
                    .is_none_or(|program| image.command.first() == Some(program)) =>
        {
            Ok(name)
        }
        Err(error) if error.code() != Some(ErrorCode::ImageNotFound) => Err(error.into()),
        _ => {
            let query = ImportQuery { name, program };
            Ok(client.import_image_as(&query, &prepared.file).await?.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_slash_makes_a_path() {
        assert_eq!(as_file("hello"), None);
        assert_eq!(as_file("./hello"), Some(PathBuf::from("./hello")));
    }
}
