//! What an image says about running it, in the image's own file: an OCI image configuration behind the file system.
//!
//! ```text
//! byte 0     "uigniter", place and length of the configuration in bytes (u64, little-endian); EROFS leaves these bytes alone
//! byte 1024  the file system
//! ...        the configuration, JSON, from the first page behind the file system
//! ```

use std::io::{self, Seek, SeekFrom, Write};

pub use oci_spec::image::{
    Arch, Config, ConfigBuilder, ImageConfiguration, ImageConfigurationBuilder, Os, RootFs,
};

use crate::ReadAt;

/// Label for the memory of an instance, in MiB. OCI has no field for it.
pub const MEMORY_LABEL: &str = "io.uigniter.memory-mib";
/// Label for the number of virtual CPUs. OCI has no field for it.
pub const CPUS_LABEL: &str = "io.uigniter.cpus";
/// Label for the ports that are published, parted by blanks; OCI's `ExposedPorts` has no place for those of the host.
pub const PUBLISH_LABEL: &str = "io.uigniter.publish";

const MAGIC: &[u8; 8] = b"uigniter";
const HEADER_BYTES: usize = 24;
/// Longest configuration in bytes.
const MAX_BYTES: u64 = 1 << 20;
const PAGE: u64 = 4096;

/// Why a configuration was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It lies outside of the file, or is longer than any is.
    #[error(
        "its configuration is said to have {length} bytes at byte {start}, which cannot be; build the image again"
    )]
    Place {
        /// Where it is said to begin.
        start: u64,
        /// How long it is said to be.
        length: u64,
    },
    /// It is not what OCI says.
    #[error("its configuration cannot be read: {0}; build the image again")]
    Json(#[from] serde_json::Error),
    /// The disk cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// A configuration that says no more than what is run.
///
/// # Errors
///
/// OCI's builder has no complaint about what is set here; its type has an error.
pub fn of_program(program: &str) -> Result<ImageConfiguration, oci_spec::OciSpecError> {
    ImageConfigurationBuilder::default()
        .architecture(Arch::Amd64)
        .os(Os::Linux)
        .config(
            ConfigBuilder::default()
                .entrypoint(vec![program.to_owned()])
                .build()?,
        )
        .rootfs(RootFs::default())
        .build()
}

/// Puts a configuration behind a file system of `end` bytes, from the writer's beginning; returns the length of the whole.
///
/// # Errors
///
/// The writer fails, or the configuration is longer than 1 MiB.
pub fn write(
    configuration: &ImageConfiguration,
    end: u64,
    output: &mut (impl Write + Seek),
) -> io::Result<u64> {
    // By way of a value, whose keys have an order: the same configuration gives the same bytes.
    let json = serde_json::to_value(configuration)?.to_string();
    if json.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "the configuration is longer than 1 MiB",
        ));
    }
    let start = end.next_multiple_of(PAGE);
    let length = json.len() as u64;
    output.seek(SeekFrom::Start(0))?;
    output.write_all(MAGIC)?;
    output.write_all(&start.to_le_bytes())?;
    output.write_all(&length.to_le_bytes())?;
    output.seek(SeekFrom::Start(start))?;
    output.write_all(json.as_bytes())?;
    let padding = length.next_multiple_of(PAGE) - length;
    output.write_all(&vec![0; padding as usize])?;
    output.flush()?;
    Ok(start + length + padding)
}

/// The configuration of a disk, if it has one.
///
/// # Errors
///
/// See [`Error`].
pub fn read(disk: &impl ReadAt) -> Result<Option<ImageConfiguration>, Error> {
    let disk_bytes = disk.length()?;
    let mut header = [0; HEADER_BYTES];
    if disk_bytes < PAGE {
        return Ok(None);
    }
    disk.read_exact_at(&mut header, 0)?;
    let Some(places) = header.strip_prefix(MAGIC) else {
        return Ok(None);
    };
    let number = |at: usize| {
        places[at..]
            .first_chunk()
            .map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    let (start, length) = (number(0), number(8));
    let fits = start.checked_add(length).is_some_and(|end| end <= disk_bytes);
    if !fits || length > MAX_BYTES {
        return Err(Error::Place { start, length });
    }
    let mut json = vec![0; length as usize];
    disk.read_exact_at(&mut json, start)?;
    Ok(Some(serde_json::from_slice(&json)?))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::{erofs, testing::small};

    fn image() -> (ImageConfiguration, Vec<u8>) {
        let config = ConfigBuilder::default()
            .entrypoint(vec!["/bin/x".to_owned()])
            .env(vec!["A=b".to_owned()])
            .build();
        let configuration = ImageConfigurationBuilder::default()
            .architecture(Arch::Amd64)
            .os(Os::Linux)
            .config(config.unwrap())
            .rootfs(RootFs::default())
            .build()
            .unwrap();
        let mut image = Cursor::new(Vec::new());
        let end = erofs::write(&small(), &mut image).unwrap();
        let length = write(&configuration, end, &mut image).unwrap();
        assert_eq!(length, image.get_ref().len() as u64);
        (configuration, image.into_inner())
    }

    #[test]
    fn it_is_read_back_and_the_file_system_is_left_alone() {
        let (configuration, image) = image();
        assert_eq!(read(&&image[..]).unwrap(), Some(configuration));
        let reader = erofs::Reader::open(&image[..], 0, image.len() as u64).unwrap();
        assert_eq!(reader.file_length("/bin/x"), Some(5000));
    }

    #[test]
    fn what_cannot_be_is_said() {
        let (_, image) = image();
        let changed = |at: usize, byte: u8| {
            let mut image = image.clone();
            image[at] = byte;
            read(&&image[..])
        };
        assert!(matches!(changed(0, 0), Ok(None)));
        for at in [15, 23] {
            assert!(matches!(changed(at, 0xff), Err(Error::Place { .. })), "{at}");
        }
        // One byte less is no JSON any more.
        assert!(matches!(changed(16, image[16] - 1), Err(Error::Json(_))));
        assert!(matches!(read(&&image[..100]), Ok(None)));
    }
}
