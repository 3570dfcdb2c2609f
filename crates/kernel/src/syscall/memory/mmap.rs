//! `mmap(2)`.

use crate::{
    errno::{Errno, Result},
    mm::{
        space::{self, Place},
        vma::{Backing, Prot},
    },
    process,
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// Maps anonymous memory, or a file privately.
///
/// A shared anonymous mapping is an ordinary one, as there is no other process to share it with.
pub(super) fn mmap(args: &Args) -> Result<usize> {
    let (hint, len, prot, flags, fd, offset) = (
        args.0[0],
        args.0[1],
        args.uint(2),
        args.uint(3),
        args.int(4),
        args.0[5],
    );
    if offset % crate::mm::PAGE_SIZE as u64 != 0 {
        return Err(Errno::EINVAL);
    }
    let prot = Prot::from_bits_truncate(prot);
    let kind = flags & raw::MAP_TYPE;
    if !matches!(
        kind,
        raw::MAP_SHARED | raw::MAP_PRIVATE | raw::MAP_SHARED_VALIDATE
    ) {
        return Err(Errno::EINVAL);
    }
    let place = if flags & raw::MAP_FIXED_NOREPLACE != 0 {
        Place::FixedNoReplace(hint)
    } else if flags & raw::MAP_FIXED != 0 {
        Place::Fixed(hint)
    } else {
        Place::Hint(hint)
    };
    let backing = if flags & raw::MAP_ANONYMOUS != 0 {
        Backing::Zero
    } else {
        let open = process::open_file(fd)?;
        if !open.readable() {
            return Err(Errno::EACCES);
        }
        if kind != raw::MAP_PRIVATE && prot.contains(Prot::WRITE) {
            return Err(if open.writable() {
                Errno::ENODEV
            } else {
                Errno::EACCES
            });
        }
        if !open.file.seekable() {
            return Err(Errno::ENODEV);
        }
        Backing::File(open.file.clone(), offset)
    };
    let address = space::map(place, len, prot, backing, "")?;
    if flags & raw::MAP_POPULATE != 0 && !prot.is_empty() {
        // A failure is not reported (`mmap(2)`); the first touch will meet it again.
        let _ = crate::mm::check_user(address, len as usize, prot.contains(Prot::WRITE));
    }
    Ok(address as usize)
}
