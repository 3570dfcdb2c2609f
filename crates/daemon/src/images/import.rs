//! Taking in an image: bytes arrive in pieces, are laid into a temporary file, looked at, and become an image by rename.

use std::{
    fs::{self, File},
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::PoisonError,
};

use uigniter_api::image::{Image, ImageKind, ImportQuery};
use uigniter_image::{BuildError, Disk, Format, PackError, digest::Hasher, elf, pack_elf};

use super::{FileId, Images, Known, Settings, Sidecar};
use crate::{instance::now_ms, names, refusal::Refusal, state_dir::write_json};

/// Files of imports under way; an image's name never begins with a dot.
pub(super) const TEMPORARY_PREFIX: &str = ".import-";

/// Longest file that is taken, in bytes.
pub(crate) const LIMIT_BYTES: u64 = 64 << 30;

/// An import under way; dropped before its end, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Import {
    name: String,
    program: Option<String>,
    sent: Temporary,
    hasher: Hasher,
    length: u64,
}

/// A file that is removed when it is dropped, unless it was renamed.
#[derive(Debug)]
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    fn create(folder: &Path) -> Result<Self, Refusal> {
        let path = folder.join(format!("{TEMPORARY_PREFIX}{}", names::fresh_id()?));
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        Ok(Self {
            file: file.map_err(Refusal::io("make a file for the image"))?,
            path,
        })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        match fs::remove_file(&self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(path = %self.path.display(), %error, "a temporary file stays"),
        }
    }
}

impl Import {
    pub(crate) fn start(images: &Images, asked: &ImportQuery) -> Result<Self, Refusal> {
        let ImportQuery { name, program } = asked;
        names::check("an image's name", name)?;
        if program.as_ref().is_some_and(|program| !program.starts_with('/')) {
            return Err(Refusal::Invalid(
                "program: give its absolute path in the disk".into(),
            ));
        }
        let sent = Temporary::create(&images.folder)?;
        Ok(Self {
            name: name.clone(),
            program: program.clone(),
            sent,
            hasher: Hasher::default(),
            length: 0,
        })
    }

    /// Takes the next piece. Pages of zeroes become holes.
    pub(crate) fn piece(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.length += bytes.len() as u64;
        if self.length > LIMIT_BYTES {
            return Err(Refusal::BodyTooLarge(LIMIT_BYTES));
        }
        self.hasher.update(bytes);
        let file = &mut self.sent.file;
        let written = if bytes.len() >= 4096 && bytes.iter().all(|byte| *byte == 0) {
            file.seek(SeekFrom::Current(bytes.len() as i64)).map(drop)
        } else {
            file.write_all(bytes)
        };
        written.map_err(Refusal::io("write the image"))
    }

    /// Looks at what came and makes it an image. Takes as long as copying it: not for an async thread.
    pub(crate) fn finish(self, images: &Images) -> Result<Image, Refusal> {
        let Self {
            name,
            program,
            sent,
            hasher,
            length,
        } = self;
        // A hole at the end is part of the file too.
        sent.file
            .set_len(length)
            .map_err(Refusal::io("write the image"))?;
        if length == 0 {
            return Err(Refusal::InvalidImage(format!(
                "{name}: the body is empty; send an ELF or a disk"
            )));
        }
        let mut magic = [0; 4];
        let is_elf = sent.file.read_exact_at(&mut magic, 0).is_ok() && magic == elf::MAGIC;
        let made = match program {
            Some(_) if is_elf => {
                return Err(Refusal::Invalid(
                    "program: it names one in a disk, and an ELF was sent; leave it out".into(),
                ));
            }
            None if is_elf => pack(images, &sent, &name)?,
            program => take_disk(sent, &name, program)?,
        };
        let metadata = made
            .disk
            .file
            .metadata()
            .map_err(Refusal::io("look at the image"))?;
        let image = made.settings.apply(Image {
            digest: Some(hasher.finish()),
            size_bytes: metadata.len(),
            created_at_ms: now_ms(),
            ..Image::new(name, made.kind)
        });
        let id = FileId::from(&metadata);
        let _alone = images.placing.lock().unwrap_or_else(PoisonError::into_inner);
        // Disk first: a sidecar that does not fit its disk is not believed, so a kill in between leaves a hand-laid disk.
        fs::rename(&made.disk.path, images.disk(&image.name))
            .map_err(Refusal::io("put the image into its place"))?;
        write_json(
            &images.sidecar(&image.name),
            &Sidecar {
                image: image.clone(),
                file: id,
            },
        )
        .map_err(Refusal::io("write the image's description"))?;
        images.remember(
            &image.name,
            id,
            Known {
                image: image.clone(),
                format: made.format,
            },
        );
        Ok(image)
    }
}

/// A disk that is ready to become an image.
struct Made {
    kind: ImageKind,
    settings: Settings,
    format: Option<Format>,
    disk: Temporary,
}

fn pack(images: &Images, program: &Temporary, name: &str) -> Result<Made, Refusal> {
    let mut disk = Temporary::create(&images.folder)?;
    let packed =
        pack_elf(&program.path, name, Format::Erofs, &mut disk.file).map_err(|error| match error {
            PackError::Refused { .. } => Refusal::InvalidImage(error.to_string()),
            PackError::Build(BuildError::Write(source)) => Refusal::io("pack the program")(source),
            PackError::Build(_) => Refusal::InvalidImage(format!("{name}: {error}")),
            other => Refusal::Io {
                action: "pack the program".into(),
                source: io::Error::other(other),
            },
        })?;
    Ok(Made {
        kind: ImageKind::Elf,
        settings: Settings::program(packed.path),
        format: Some(Format::Erofs),
        disk,
    })
}

fn take_disk(disk: Temporary, name: &str, program: Option<String>) -> Result<Made, Refusal> {
    let found =
        Disk::inspect(&disk.file).map_err(|error| Refusal::InvalidImage(format!("{name}: {error}")))?;
    Ok(Made {
        kind: ImageKind::Disk,
        settings: Settings::of_disk(name, &found, &disk.file, program),
        format: found.format,
        disk,
    })
}
