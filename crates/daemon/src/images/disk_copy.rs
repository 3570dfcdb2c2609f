//! A private copy of a disk: a reflink where the file system can (btrfs, XFS, ...), else a copy that keeps holes.
//!
//! `FICLONE` shares the blocks until one side writes. Where it is refused (ext4, tmpfs), `copy_file_range(2)` copies the
//! parts that hold data, inside the kernel; the bytes are copied then, holes are not.

use std::{fs::File, io, os::unix::fs::OpenOptionsExt, path::Path};

use rustix::{
    fs::{SeekFrom, copy_file_range, ioctl_ficlone, seek},
    io::Errno,
};

/// Copies `from` to the new file `to`.
pub(crate) fn private_copy(from: &Path, to: &Path) -> io::Result<()> {
    let source = File::open(from)?;
    let target = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)?;
    if ioctl_ficlone(&target, &source).is_ok() {
        return Ok(());
    }
    let length = source.metadata()?.len();
    target.set_len(length)?;
    let mut position = 0;
    while position < length {
        let start = match seek(&source, SeekFrom::Data(position)) {
            Ok(start) => start,
            // Nothing but a hole up to the end.
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = seek(&source, SeekFrom::Hole(start))?;
        copy_part(&source, &target, start, end)?;
        position = end;
    }
    Ok(())
}

fn copy_part(source: &File, target: &File, start: u64, end: u64) -> io::Result<()> {
    let (mut from, mut to) = (start, start);
    while from < end {
        let length = usize::try_from(end - from).unwrap_or(usize::MAX);
        if copy_file_range(source, Some(&mut from), target, Some(&mut to), length)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{FileExt, MetadataExt},
    };

    use super::*;

    #[test]
    fn a_copy_has_the_same_bytes_and_holes() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let source = File::create(&from).unwrap();
        source.set_len(64 << 20).unwrap();
        source.write_all_at(b"beginning", 0).unwrap();
        source.write_all_at(b"middle", 5_000_001).unwrap();
        private_copy(&from, &to).unwrap();
        assert_eq!(fs::read(&from).unwrap(), fs::read(&to).unwrap());
        assert!(fs::metadata(&to).unwrap().blocks() < 1 << 10, "holes were filled");
        assert!(private_copy(&from, &to).is_err(), "a copy never replaces a file");
    }
}
