//! Container images: an OCI image layout (a folder or a tar archive of it) or what `docker save` writes, as a tree.
//!
//! What is taken from where (OCI image specification 1.1):
//!
//! ```text
//! index.json -> manifest -> configuration -> digests of the layers, uncompressed
//! ```
//!
//! Each of these is compared with the digest by which it is named, and each layer with the one that the configuration has, so no change of the file
//! goes unnoticed. Layers may be plain, gzip or zstd, whatever they say that they are.

pub mod artifact;
mod blobs;
mod layer;

#[cfg(test)]
mod tests;

use std::{io, path::Path, sync::Arc};

use oci_spec::image::{
    Arch, Descriptor, Digest, ImageConfiguration, ImageIndex, ImageManifest, MediaType, Os,
};
use serde::Deserialize;

use crate::filesystem::{BuildError, Filesystem};
use blobs::Blobs;

/// Annotation that names an image of an index.
const REFERENCE: &str = "org.opencontainers.image.ref.name";
/// Indexes within indexes.
const MAX_DEPTH: usize = 4;

/// How much a stranger's image may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all layers, uncompressed.
    pub bytes: u64,
    /// Entries of all layers.
    pub entries: u64,
}

impl Default for Limits {
    /// 16 GiB, a million entries.
    fn default() -> Self {
        Self {
            bytes: 16 << 30,
            entries: 1 << 20,
        }
    }
}

/// Why a container image was refused. The caller puts the file's name in front.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Neither form is there.
    #[error(
        "holds no container image: neither an index.json (OCI image layout) nor a manifest.json (docker save)"
    )]
    NoImage,
    /// A blob that something names is not there.
    #[error("lacks {0}; copy the image again")]
    Missing(String),
    /// A blob is not what its digest says.
    #[error("{0} is not what its digest says; copy the image again")]
    Digest(String),
    /// Several images, and no word which.
    #[error("holds several images; name one of: {0}")]
    Several(String),
    /// No image of this name.
    #[error("holds no image '{0}'; it has: {1}")]
    NoReference(String, String),
    /// For other machines.
    #[error("holds no image for linux/amd64")]
    Platform,
    /// JSON that says something else than the specification.
    #[error("{0} cannot be read: {1}")]
    Json(String, String),
    /// An archive that contradicts itself.
    #[error("{0} is no archive that can be read: {1}")]
    Archive(String, String),
    /// A path in a layer that leads out of it, or is none.
    #[error("a layer has the path '{0}', which cannot be in an image")]
    Path(String),
    /// Numbers of layers and of their digests differ.
    #[error("has {layers} layers and digests of {digests}; build the image again")]
    Layers {
        /// Layers in the manifest.
        layers: usize,
        /// Digests in the configuration.
        digests: usize,
    },
    /// Beyond the limits.
    #[error("is larger than {0}; give a smaller image")]
    TooLarge(&'static str),
    /// The tree cannot be built.
    #[error(transparent)]
    Tree(#[from] BuildError),
    /// The host's file system.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl Error {
    /// Errors of archives quote bytes of them: one line of it is enough.
    fn archive(name: &str, error: &io::Error) -> Self {
        let text = error.to_string();
        let line: String = text.lines().next().unwrap_or_default().chars().take(80).collect();
        Self::Archive(name.to_owned(), line.escape_debug().to_string())
    }
}

/// A container image as a tree.
#[derive(Debug)]
pub struct Loaded {
    /// All layers, one over the other.
    pub tree: Filesystem,
    /// What it says about running it.
    pub configuration: ImageConfiguration,
    /// Devices, pipes and sockets that were left out: the guest has its own.
    pub left_out: u64,
    /// Files whose extended attributes were left out: the library OS keeps none for files of images.
    pub without_attributes: u64,
}

/// Reads the image at `path`, a folder or an archive. Of several, `reference` says which.
///
/// Contents of files go through an unnamed file in the folder for temporary files, which is gone when the tree is dropped.
///
/// # Errors
///
/// See [`Error`].
pub fn load(path: &Path, reference: Option<&str>, limits: Limits) -> Result<Loaded, Error> {
    let blobs = Blobs::open(path, limits.bytes)?;
    let (configuration, layers) = find(&blobs, reference)?;
    let digests = configuration.rootfs().diff_ids();
    if digests.len() != layers.len() {
        return Err(Error::Layers {
            layers: layers.len(),
            digests: digests.len(),
        });
    }
    let spool = Arc::new(tempfile::tempfile()?);
    let mut stack = layer::Stack::new(spool, limits);
    for (name, digest) in layers.iter().zip(digests) {
        stack.apply(name, blobs.open_blob(name)?, digest)?;
    }
    let (tree, left_out, without_attributes) = stack.finish();
    Ok(Loaded {
        tree,
        configuration,
        left_out,
        without_attributes,
    })
}

/// The configuration, and the names of the layers' blobs from the lowest on.
fn find(blobs: &Blobs, reference: Option<&str>) -> Result<(ImageConfiguration, Vec<String>), Error> {
    if let Some((_, manifest)) = manifest_of(blobs, reference)? {
        let configuration = json_blob(blobs, manifest.config())?;
        let layers = manifest.layers().iter().map(|layer| blob_name(layer.digest()));
        return Ok((configuration, layers.collect::<Result<_, _>>()?));
    }
    let saved = blobs.read("manifest.json")?.ok_or(Error::NoImage)?;
    let saved: Vec<Saved> = json("manifest.json", &saved)?;
    let names = || saved.iter().flat_map(|image| image.repo_tags.iter().flatten());
    let image = match (reference, &saved[..]) {
        (None, []) => return Err(Error::NoImage),
        (None, [image]) => image,
        (None, _) => return Err(Error::Several(listed(names()))),
        (Some(reference), _) => {
            // `app:1` is short for `docker.io/library/app:1`.
            let means = |tag: &String| {
                tag.strip_suffix(reference)
                    .is_some_and(|before| before.is_empty() || before.ends_with('/'))
            };
            let has = |image: &&Saved| image.repo_tags.iter().flatten().any(means);
            let found = saved.iter().find(has);
            found.ok_or_else(|| Error::NoReference(reference.to_owned(), listed(names())))?
        }
    };
    let bytes = blobs
        .read(&image.config)?
        .ok_or_else(|| Error::Missing(image.config.clone()))?;
    // The configuration is named by its digest: `HEX.json`, or as a blob.
    let stem = image.config.strip_suffix(".json").unwrap_or(&image.config);
    let hex = stem.rsplit('/').next().unwrap_or(stem);
    if hex.len() == 64 && blobs::sha256(&bytes) != hex {
        return Err(Error::Digest(image.config.clone()));
    }
    Ok((json(&image.config, &bytes)?, image.layers.clone()))
}

/// The manifest that is meant, and what names it; `None` where there is no index.
fn manifest_of(blobs: &Blobs, reference: Option<&str>) -> Result<Option<(Descriptor, ImageManifest)>, Error> {
    let Some(index) = blobs.read("index.json")? else {
        return Ok(None);
    };
    let index: ImageIndex = json("index.json", &index)?;
    let descriptor = choose(blobs, index.manifests(), reference, 0)?;
    let manifest = json_blob(blobs, &descriptor)?;
    Ok(Some((descriptor, manifest)))
}

/// An image in `manifest.json` of `docker save`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

/// The manifest that is meant.
fn choose(
    blobs: &Blobs,
    manifests: &[Descriptor],
    reference: Option<&str>,
    depth: usize,
) -> Result<Descriptor, Error> {
    let name = |descriptor: &Descriptor| {
        let annotations = descriptor.annotations().as_ref()?;
        annotations.get(REFERENCE).cloned()
    };
    let names = || manifests.iter().filter_map(name).collect::<Vec<_>>();
    let mut found: Vec<_> = manifests.iter().collect();
    if let Some(reference) = reference {
        found.retain(|descriptor| name(descriptor).as_deref() == Some(reference));
        if found.is_empty() {
            return Err(Error::NoReference(reference.to_owned(), listed(names().iter())));
        }
    }
    found.retain(|descriptor| {
        let platform = descriptor.platform().as_ref();
        platform.is_none_or(|platform| *platform.os() == Os::Linux && *platform.architecture() == Arch::Amd64)
    });
    let descriptor = match found[..] {
        [] => return Err(Error::Platform),
        [one] => one,
        _ => return Err(Error::Several(listed(names().iter()))),
    };
    if *descriptor.media_type() != MediaType::ImageIndex {
        return Ok(descriptor.clone());
    }
    if depth == MAX_DEPTH {
        return Err(Error::Json(
            "index.json".into(),
            "indexes within indexes without end".into(),
        ));
    }
    let index: ImageIndex = json_blob(blobs, descriptor)?;
    choose(blobs, index.manifests(), None, depth + 1)
}

fn listed<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.map(String::as_str).collect();
    if names.is_empty() {
        "none with a name".to_owned()
    } else {
        names.join(", ")
    }
}

/// The blob that a digest names.
fn blob_name(digest: &Digest) -> Result<String, Error> {
    let text = digest.to_string();
    match text.split_once(':') {
        // What is no digest in hexadecimal digits would be a path of somebody's choice.
        Some(("sha256", hex)) if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Ok(format!("blobs/sha256/{hex}"))
        }
        _ => Err(Error::Json(text, "only sha256 digests are known here".into())),
    }
}

fn json_blob<T: for<'a> Deserialize<'a>>(blobs: &Blobs, descriptor: &Descriptor) -> Result<T, Error> {
    let name = blob_name(descriptor.digest())?;
    let bytes = blobs.read(&name)?.ok_or_else(|| Error::Missing(name.clone()))?;
    if !name.ends_with(&blobs::sha256(&bytes)) {
        return Err(Error::Digest(name));
    }
    json(&name, &bytes)
}

fn json<T: for<'a> Deserialize<'a>>(name: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Json(name.to_owned(), error.to_string()))
}
