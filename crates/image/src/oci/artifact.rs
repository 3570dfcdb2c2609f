//! Images of ours in OCI's clothes: what registries and image layouts keep (OCI image specification 1.1).
//!
//! ```text
//! manifest -> configuration   application/vnd.oci.image.config.v1+json
//!          -> one layer       application/vnd.uigniter.disk.v1: the disk as it is, so that its digest is the store's
//! ```

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use oci_spec::image::{Arch, Descriptor, ImageConfiguration, ImageIndex, ImageManifest, MediaType, Os};
use serde_json::{Value, json};

use super::{Error, REFERENCE, blob_name, blobs::Blobs, json as parsed, json_blob, manifest_of};
use crate::digest::{self, Hasher};

/// Media type of a layer that is a disk.
pub const DISK_MEDIA_TYPE: &str = "application/vnd.uigniter.disk.v1";
/// Media type of a manifest.
pub const MANIFEST_MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of a configuration.
pub const CONFIGURATION_MEDIA_TYPE: &str = "application/vnd.oci.image.config.v1+json";
/// Longest disk that is taken, in bytes.
pub const MAX_DISK_BYTES: u64 = 64 << 30;
/// Longest manifest that is read, in bytes (OCI distribution specification 1.1, "Pushing manifests").
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;

/// A document of an artifact, with the digest that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// `sha256:...`.
    pub digest: String,
    /// JSON.
    pub bytes: Vec<u8>,
}

impl Document {
    fn new(value: &Value) -> Self {
        // Of a value, keys have an order: the same image gives the same bytes.
        let bytes = value.to_string().into_bytes();
        Self {
            digest: digest::of(&bytes),
            bytes,
        }
    }
}

/// What goes with a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// What the image says about running it.
    pub configuration: Document,
    /// What names the configuration and the disk.
    pub manifest: Document,
    disk_digest: String,
    disk_bytes: u64,
}

impl Artifact {
    /// Of a disk of this digest and length.
    ///
    /// # Errors
    ///
    /// The configuration is no JSON, which cannot be.
    pub fn new(
        configuration: &ImageConfiguration,
        disk_digest: &str,
        disk_bytes: u64,
    ) -> Result<Self, serde_json::Error> {
        let mut value = serde_json::to_value(configuration)?;
        value["rootfs"] = json!({ "type": "layers", "diff_ids": [disk_digest] });
        let configuration = Document::new(&value);
        let manifest = Document::new(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_MEDIA_TYPE,
            "config": {
                "mediaType": CONFIGURATION_MEDIA_TYPE,
                "digest": configuration.digest,
                "size": configuration.bytes.len(),
            },
            "layers": [{ "mediaType": DISK_MEDIA_TYPE, "digest": disk_digest, "size": disk_bytes }],
        }));
        Ok(Self {
            configuration,
            manifest,
            disk_digest: disk_digest.to_owned(),
            disk_bytes,
        })
    }

    /// Writes an image layout with this image, under `name`; `disk` gives the disk's bytes.
    ///
    /// # Errors
    ///
    /// The disk cannot be read, or the layout not be written.
    pub fn save(&self, name: &str, disk: impl Read, layout: &mut Layout<impl Write>) -> io::Result<()> {
        let blob = |digest: &str| format!("blobs/{}", digest.replace(':', "/"));
        let index = index(&self.manifest, MANIFEST_MEDIA_TYPE, Some(name));
        layout.put("oci-layout", &br#"{"imageLayoutVersion":"1.0.0"}"#[..], 30)?;
        layout.put("index.json", &index[..], index.len() as u64)?;
        for document in [&self.manifest, &self.configuration] {
            let bytes = &document.bytes[..];
            layout.put(&blob(&document.digest), bytes, bytes.len() as u64)?;
        }
        layout.put(&blob(&self.disk_digest), disk, self.disk_bytes)
    }
}

/// `index.json` of a layout with one image.
#[must_use]
pub fn index(manifest: &Document, media_type: &str, name: Option<&str>) -> Vec<u8> {
    let mut descriptor = json!({
        "mediaType": media_type,
        "digest": manifest.digest,
        "size": manifest.bytes.len(),
    });
    if let Some(name) = name {
        descriptor["annotations"] = json!({ REFERENCE: name });
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [descriptor],
    });
    index.to_string().into_bytes()
}

/// Where an image layout is written to.
pub enum Layout<W: Write> {
    /// A folder.
    Folder(PathBuf),
    /// An archive.
    Archive(Box<tar::Builder<W>>),
}

impl<W: Write> std::fmt::Debug for Layout<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Folder(_) => "Folder",
            Self::Archive(_) => "Archive",
        })
    }
}

impl<W: Write> Layout<W> {
    fn put(&mut self, name: &str, bytes: impl Read, length: u64) -> io::Result<()> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                fs::create_dir_all(path.parent().unwrap_or(folder))?;
                let copied = io::copy(&mut bytes.take(length), &mut File::create(path)?)?;
                if copied < length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(())
            }
            Self::Archive(archive) => {
                let mut header = tar::Header::new_gnu();
                header.set_size(length);
                header.set_mode(0o644);
                archive.append_data(&mut header, name, bytes.take(length))
            }
        }
    }
}

/// A manifest, or an index of several.
#[derive(Clone, Debug)]
pub enum Manifest {
    /// Of one image.
    Image(Box<ImageManifest>),
    /// Of images for several machines.
    Index(Box<ImageIndex>),
}

impl Manifest {
    /// Reads what a registry gives.
    ///
    /// # Errors
    ///
    /// It is longer than any manifest, or is not what OCI says.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        const NAME: &str = "the manifest";
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(Error::Json(NAME.to_owned(), "it is longer than 4 MiB".into()));
        }
        let value: Value = parsed(NAME, bytes)?;
        match value.get("manifests") {
            Some(_) => Ok(Self::Index(Box::new(parsed(NAME, bytes)?))),
            None => Ok(Self::Image(Box::new(parsed(NAME, bytes)?))),
        }
    }
}

/// The one of an index that is for this machine: linux/amd64, or the only one.
///
/// # Errors
///
/// [`Error::Platform`] where there is none.
pub fn for_this_machine(index: &ImageIndex) -> Result<&Descriptor, Error> {
    let fits = |descriptor: &&Descriptor| match descriptor.platform() {
        Some(platform) => *platform.os() == Os::Linux && *platform.architecture() == Arch::Amd64,
        None => index.manifests().len() == 1,
    };
    index.manifests().iter().find(fits).ok_or(Error::Platform)
}

/// The digest of what a descriptor names, if it is one that is known here.
///
/// # Errors
///
/// [`Error::Json`] where it is none.
pub fn sha256_of(descriptor: &Descriptor) -> Result<String, Error> {
    blob_name(descriptor.digest()).map(|_| descriptor.digest().to_string())
}

/// The disk, where a manifest is of an image of ours; `None` where it is of a container image.
///
/// # Errors
///
/// It is said to be longer than any disk, or has another digest than SHA-256.
pub fn disk_of(manifest: &ImageManifest) -> Result<Option<&Descriptor>, Error> {
    let is_disk = |layer: &&Descriptor| *layer.media_type() == MediaType::Other(DISK_MEDIA_TYPE.to_owned());
    let Some(disk) = manifest.layers().iter().find(is_disk) else {
        return Ok(None);
    };
    if manifest.layers().len() != 1 {
        return Err(Error::Json(
            "the manifest".into(),
            "it has a disk and other layers".into(),
        ));
    }
    if disk.size() > MAX_DISK_BYTES {
        return Err(Error::TooLarge("64 GiB"));
    }
    sha256_of(disk)?;
    Ok(Some(disk))
}

/// An image of ours in a layout.
pub struct Saved {
    /// The name it was saved under.
    pub name: Option<String>,
    /// What it says about running it.
    pub configuration: ImageConfiguration,
    digest: String,
    length: u64,
    disk: Box<dyn Read>,
}

impl std::fmt::Debug for Saved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Saved")
            .field("name", &self.name)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// Opens the layout at `path`, a folder or an archive; of several images, `reference` says which. `None` where it is a container image.
///
/// # Errors
///
/// See [`Error`].
pub fn open(path: &Path, reference: Option<&str>) -> Result<Option<Saved>, Error> {
    let blobs = Blobs::open(path, MAX_DISK_BYTES)?;
    let Some((descriptor, manifest)) = manifest_of(&blobs, reference)? else {
        return Ok(None);
    };
    let Some(disk) = disk_of(&manifest)? else {
        return Ok(None);
    };
    let name = descriptor
        .annotations()
        .as_ref()
        .and_then(|all| all.get(REFERENCE));
    Ok(Some(Saved {
        name: name.cloned(),
        configuration: json_blob(&blobs, manifest.config())?,
        digest: sha256_of(disk)?,
        length: disk.size(),
        disk: blobs.open_blob(&blob_name(disk.digest())?)?,
    }))
}

impl Saved {
    /// Copies the disk, and compares it with its length and digest.
    ///
    /// # Errors
    ///
    /// [`Error::Digest`] where it is another one; [`Error::Io`] where it cannot be read or written.
    pub fn copy_disk(&mut self, output: &mut impl Write) -> Result<(), Error> {
        let mut hasher = Hasher::default();
        let mut piece = vec![0; 128 << 10];
        // One byte more than there should be shows what is too long.
        let mut disk = (&mut self.disk).take(self.length.saturating_add(1));
        let mut copied = 0;
        loop {
            let read = match disk.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            hasher.update(&piece[..read]);
            output.write_all(&piece[..read])?;
            copied += read as u64;
        }
        if copied != self.length || hasher.finish() != self.digest {
            return Err(Error::Digest(self.digest.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::of_program;

    const DISK: &[u8] = b"any bytes are a disk here";

    fn artifact() -> Artifact {
        let configuration = of_program("/bin/x").unwrap();
        Artifact::new(&configuration, &digest::of(DISK), DISK.len() as u64).unwrap()
    }

    fn archive() -> Vec<u8> {
        let mut layout = Layout::Archive(Box::new(tar::Builder::new(Vec::new())));
        artifact().save("app:1", DISK, &mut layout).unwrap();
        let Layout::Archive(archive) = layout else {
            unreachable!("it was made as one")
        };
        archive.into_inner().unwrap()
    }

    fn loaded(path: &Path) -> Result<(Option<String>, Vec<u8>), Error> {
        let mut saved = open(path, None)?.expect("an image of ours");
        let mut disk = Vec::new();
        saved.copy_disk(&mut disk)?;
        let config = saved.configuration.config().clone().unwrap();
        assert_eq!(config.entrypoint().as_ref().unwrap()[..], ["/bin/x"]);
        Ok((saved.name, disk))
    }

    #[test]
    fn an_image_is_saved_and_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("image.tar");
        fs::write(&file, archive()).unwrap();
        assert_eq!(archive(), archive(), "the same image gives the same archive");
        let mut layout = Layout::<Vec<u8>>::Folder(folder.path().join("layout"));
        artifact().save("app:1", DISK, &mut layout).unwrap();
        for path in [file, folder.path().join("layout")] {
            assert_eq!(loaded(&path).unwrap(), (Some("app:1".into()), DISK.to_vec()));
        }
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let layout_path = folder.path().join("layout");
        let mut layout = Layout::<Vec<u8>>::Folder(layout_path.clone());
        artifact().save("app", DISK, &mut layout).unwrap();
        let blob = layout_path.join("blobs").join(digest::of(DISK).replace(':', "/"));
        for wrong in [
            &DISK[1..],
            b"",
            &[DISK, b"more"].concat(),
            &[&DISK[1..], b"x"].concat(),
        ] {
            fs::write(&blob, wrong).unwrap();
            assert!(matches!(loaded(&layout_path), Err(Error::Digest(_))));
        }
        fs::remove_file(&blob).unwrap();
        assert!(matches!(loaded(&layout_path), Err(Error::Missing(_))));
        let manifest = layout_path
            .join("blobs")
            .join(artifact().manifest.digest.replace(':', "/"));
        fs::write(&manifest, b"{}").unwrap();
        assert!(matches!(loaded(&layout_path), Err(Error::Digest(_))));
    }

    #[test]
    fn a_manifest_promises_what_can_be() {
        let text = String::from_utf8(artifact().manifest.bytes).unwrap();
        let of = |text: &str| match Manifest::parse(text.as_bytes()).unwrap() {
            Manifest::Image(manifest) => disk_of(&manifest).map(|disk| disk.cloned()),
            Manifest::Index(_) => unreachable!("it is one of an image"),
        };
        assert_eq!(of(&text).unwrap().unwrap().size(), DISK.len() as u64);
        let huge = text.replace(
            &format!("\"size\":{}}}]", DISK.len()),
            "\"size\":99999999999999}]",
        );
        assert!(matches!(of(&huge), Err(Error::TooLarge(_))));
        assert_eq!(of(&text.replace("uigniter", "other")).unwrap(), None);
        let long = vec![b' '; MAX_MANIFEST_BYTES + 1];
        assert!(matches!(Manifest::parse(&long), Err(Error::Json(..))));
    }

    /// Whatever a registry says, it is refused or has a digest that is a file's name, and a length that can be.
    #[test]
    fn fuzz_oci_manifest() {
        let manifest = artifact().manifest;
        let index = index(&manifest, MANIFEST_MEDIA_TYPE, Some("x"));
        uigniter_fuzz::run(
            "oci-manifest",
            &[&manifest.bytes, &index],
            |input| match Manifest::parse(input) {
                Ok(Manifest::Image(manifest)) => {
                    if let Ok(Some(disk)) = disk_of(&manifest) {
                        assert!(disk.size() <= MAX_DISK_BYTES);
                        assert!(digest::is_digest(&disk.digest().to_string().to_lowercase()));
                    }
                }
                Ok(Manifest::Index(index)) => {
                    let _ = for_this_machine(&index).map(sha256_of);
                }
                Err(_) => {}
            },
        );
    }

    #[test]
    fn fuzz_oci_layout() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("image.tar");
        uigniter_fuzz::run("oci-layout", &[&archive()], |input| {
            fs::write(&file, input).unwrap();
            if let Ok(Some(mut saved)) = open(&file, None) {
                let _ = saved.copy_disk(&mut io::sink());
            }
        });
    }
}
