//! A file on the command line becomes an image: imported once, found again by its content.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use uigniter_api::{
    Client, ErrorCode,
    image::{ImportQuery, content_name},
};
use uigniter_image::digest::Hasher;

use crate::{error::CliError, packing::Prepared};

/// Bytes read at once.
const PIECE: usize = 128 << 10;

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
        let hashed = tokio::task::spawn_blocking(move || digest(File::open(path)?)).await;
        hashed.map_err(|e| unreadable(&e))?.map_err(|e| unreadable(&e))?
    };
    let name = content_name(&file.file_stem().unwrap_or_default().to_string_lossy(), &digest);
    let program = prepared.program.clone();
    match client.get_image(&name).await {
        Ok(image)
            if image.digest.as_deref() == Some(&digest)
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

/// `sha256:` and the hexadecimal digest of everything that `file` gives.
fn digest(mut file: impl io::Read) -> io::Result<String> {
    let mut hash = Hasher::default();
    let mut piece = vec![0; PIECE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => hash.update(&piece[..length]),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_slash_makes_a_path() {
        assert_eq!(as_file("hello"), None);
        assert_eq!(as_file("./hello"), Some(PathBuf::from("./hello")));
    }

    #[test]
    fn the_digest_is_sha256() {
        // FIPS 180-4's example "abc".
        let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(&b"abc"[..]).unwrap(), expected);
    }
}
