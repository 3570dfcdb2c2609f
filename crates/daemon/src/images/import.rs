//! Taking in an image: bytes arrive in pieces, are laid into a temporary file, looked at, and get a digest and a name.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    os::unix::fs::FileExt,
};

use uigniter_api::image::{Image, ImageKind, ImageName, ImportQuery};
use uigniter_image::{
    BuildError, Disk, Format, PackError, configuration,
    digest::{self, Hasher},
    elf, pack_elf,
};

use super::{Images, api_format, parse, settings::Settings, temporary::Temporary};
use crate::{instance::now_ms, refusal::Refusal};

/// Longest file that is taken, in bytes.
pub(crate) const LIMIT_BYTES: u64 = 64 << 30;

/// An import under way; dropped before its end, it leaves nothing.
#[derive(Debug)]
pub(crate) struct Import {
    name: ImageName,
    program: Option<String>,
    sent: Temporary,
    hasher: Hasher,
    length: u64,
}

impl Import {
    pub(crate) fn start(images: &Images, asked: &ImportQuery) -> Result<Self, Refusal> {
        let ImportQuery { name, program } = asked;
        let name = parse(name)?;
        if program.as_ref().is_some_and(|program| !program.starts_with('/')) {
            return Err(Refusal::Invalid(
                "program: give its absolute path in the disk".into(),
            ));
        }
        let sent = images.temporary()?;
        Ok(Self {
            name,
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

    /// Looks at what came and makes it an image. Takes as long as copying it: not for an async thread. `in_use` tells the digests that
    /// instances have.
    pub(crate) fn finish(
        self,
        images: &Images,
        in_use: impl Fn() -> HashSet<String>,
    ) -> Result<Image, Refusal> {
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
            None if is_elf => pack(images, &sent, name.name(), hasher.finish())?,
            program => take_disk(sent, name.name(), program, hasher.finish())?,
        };
        let size = made.disk.file.metadata().map(|metadata| metadata.len());
        let image = made.settings.apply(Image {
            digest: Some(made.digest.clone()),
            source_digest: made.source_digest,
            format: made.format.map(api_format),
            size_bytes: size.map_err(Refusal::io("look at the image"))?,
            created_at_ms: now_ms(),
            ..Image::new(name.to_string(), made.kind)
        });
        let _lock = images.lock()?;
        images.blobs.place(made.disk, &made.digest)?;
        images.set(&name, &image, in_use)?;
        Ok(image)
    }
}

/// A disk that is ready to become an image.
struct Made {
    kind: ImageKind,
    settings: Settings,
    format: Option<Format>,
    digest: String,
    source_digest: Option<String>,
    disk: Temporary,
}

fn pack(images: &Images, program: &Temporary, name: &str, source_digest: String) -> Result<Made, Refusal> {
    let mut disk = images.temporary()?;
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
    let digest = complete(&mut disk.file, &packed.path, packed.disk_bytes);
    Ok(Made {
        kind: ImageKind::Elf,
        settings: Settings::program(packed.path),
        format: Some(Format::Erofs),
        digest: digest.map_err(Refusal::io("pack the program"))?,
        source_digest: Some(source_digest),
        disk,
    })
}

/// Writes what is run into the disk, so that it says so wherever it is taken to; gives the digest of the whole.
fn complete(disk: &mut File, program: &str, disk_bytes: u64) -> io::Result<String> {
    let configuration = configuration::of_program(program).map_err(io::Error::other)?;
    configuration::write(&configuration, disk_bytes, disk)?;
    disk.rewind()?;
    digest::of_reader(disk)
}

fn take_disk(disk: Temporary, name: &str, program: Option<String>, digest: String) -> Result<Made, Refusal> {
    let found =
        Disk::inspect(&disk.file).map_err(|error| Refusal::InvalidImage(format!("{name}: {error}")))?;
    Ok(Made {
        kind: ImageKind::Disk,
        settings: Settings::of_disk(name, &found, &disk.file, program),
        format: found.format,
        digest,
        source_digest: None,
        disk,
    })
}
