//! `mmap(2)`.

use crate::{
    arch::layout,
    errno::{Errno, Result},
    file::OpenFile,
    fs,
    mm::{
        self,
        space::{self, Place},
        vma::{Backing, Prot, Traits},
    },
    process,
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// How much of a private mapping that is not written is there at once, if the file is in memory, in bytes: libraries, mostly.
const SHOWN: u64 = 4 << 20;

/// Maps anonymous memory, or a file, privately or shared. Memory is reserved by nothing but its use, so `MAP_NORESERVE` is how it always is.
pub(super) fn mmap(args: &Args) -> Result<usize> {
    let (hint, len, prot, flags, fd, offset) = (
        args.0[0],
        args.0[1],
        args.uint(2),
        args.uint(3),
        args.int(4),
        args.0[5],
    );
    if !offset.is_multiple_of(mm::PAGE_SIZE as u64) {
        return Err(Errno::EINVAL);
    }
    let prot = Prot::from_bits_truncate(prot);
    let shared = sharing(flags)?;
    if flags & raw::MAP_HUGETLB != 0 {
        return Err(huge(flags));
    }
    let place = if flags & raw::MAP_FIXED_NOREPLACE != 0 {
        Place::FixedNoReplace(hint)
    } else if flags & raw::MAP_FIXED != 0 {
        Place::Fixed(hint)
    } else {
        Place::Hint(hint)
    };
    if flags & raw::MAP_LOCKED != 0 {
        let limit = super::mlock::limit()?;
        if mm::usage().locked.saturating_add(len) > limit {
            return Err(Errno::EAGAIN);
        }
    }
    let mut traits = Traits::empty();
    let backing = if flags & raw::MAP_ANONYMOUS != 0 {
        traits.set(Traits::GROWS_DOWN, flags & raw::MAP_GROWSDOWN != 0);
        anonymous(shared, len, traits)?
    } else {
        // Checked before the length, as Linux does.
        let open = process::open_file(fd)?;
        if len == 0 {
            return Err(Errno::EINVAL);
        }
        // Beyond any address comes before what is beyond any file.
        if len > layout::PROGRAM_END {
            return Err(Errno::ENOMEM);
        }
        if offset.checked_add(len).is_none_or(|end| end > fs::MAX_SIZE) {
            return Err(Errno::EOVERFLOW);
        }
        let (backing, of_file) = of_file(&open, shared, prot, offset, len)?;
        traits |= of_file;
        backing
    };
    let is_code =
        matches!(backing, Backing::File(..)) && prot.contains(Prot::EXEC) && !prot.contains(Prot::WRITE);
    let address = space::map_with(place, len, prot, backing, traits, "")?;
    if is_code {
        space::show(address, address + len.min(SHOWN));
    }
    if flags & raw::MAP_LOCKED != 0 {
        let _ = space::lock(address, len, space::Lockdown::Now, u64::MAX);
    } else if flags & raw::MAP_POPULATE != 0 && flags & raw::MAP_NONBLOCK == 0 && !prot.is_empty() {
        // A failure is not reported (`mmap(2)`); the first touch will meet it again.
        let write = prot.contains(Prot::WRITE) && !shared;
        let _ = space::populate_range(address, len, write);
    }
    Ok(address as usize)
}

/// Why there is no mapping of huge pages: it is asked of a file that has none, or of a size that the processor has not; else there is no pool of them, as on a
/// Linux where nobody made one.
const fn huge(flags: u32) -> Errno {
    let anonymous = flags & raw::MAP_ANONYMOUS != 0;
    match flags >> raw::MAP_HUGE_SHIFT & raw::MAP_HUGE_MASK {
        0 | 21 | 30 if anonymous => Errno::ENOMEM,
        _ => Errno::EINVAL,
    }
}

/// Whether the mapping is shared; refuses what no kind of mapping is.
fn sharing(flags: u32) -> Result<bool> {
    match flags & raw::MAP_TYPE {
        raw::MAP_PRIVATE => Ok(false),
        raw::MAP_SHARED => Ok(true),
        raw::MAP_SHARED_VALIDATE if flags & raw::MAP_ANONYMOUS != 0 => Err(Errno::EINVAL),
        // Flags that are not known, MAP_SYNC among them, are an error only here.
        raw::MAP_SHARED_VALIDATE if flags & !KNOWN != 0 => Err(Errno::EOPNOTSUPP),
        raw::MAP_SHARED_VALIDATE => Ok(true),
        _ => Err(Errno::EINVAL),
    }
}

/// Flags that `MAP_SHARED_VALIDATE` lets through (Linux's `LEGACY_MAP_MASK`).
const KNOWN: u32 = raw::MAP_TYPE
    | raw::MAP_FIXED
    | raw::MAP_FIXED_NOREPLACE
    | raw::MAP_GROWSDOWN
    | raw::MAP_DENYWRITE
    | raw::MAP_EXECUTABLE
    | raw::MAP_LOCKED
    | raw::MAP_NORESERVE
    | raw::MAP_POPULATE
    | raw::MAP_NONBLOCK
    | raw::MAP_STACK;

fn anonymous(shared: bool, len: u64, traits: Traits) -> Result<Backing> {
    if !shared {
        return Ok(Backing::Zero);
    }
    if traits.contains(Traits::GROWS_DOWN) || len == 0 {
        return Err(Errno::EINVAL);
    }
    // A nameless file, so that all that is true of shared files is true of it: it can be mapped twice (`mremap(2)`), and it ends somewhere.
    let len = len.checked_next_multiple_of(mm::PAGE_SIZE as u64);
    let file = fs::shared_memory(len.ok_or(Errno::ENOMEM)?)?;
    Ok(Backing::Shared(file, 0))
}

fn of_file(open: &OpenFile, shared: bool, prot: Prot, offset: u64, len: u64) -> Result<(Backing, Traits)> {
    if fs::NodeFile::of(open).is_some_and(fs::NodeFile::is_place) {
        return Err(Errno::EBADF);
    }
    let writable = open.writable();
    if !open.readable() || shared && prot.contains(Prot::WRITE) && !writable {
        return Err(Errno::EACCES);
    }
    let file = &open.file;
    if file.pages().is_none() {
        // `/dev/zero` is how anonymous memory was had before there was MAP_ANONYMOUS.
        return match file.maps_zeros() {
            true => Ok((anonymous(shared, len, Traits::empty())?, Traits::empty())),
            false => Err(Errno::ENODEV),
        };
    }
    if !shared {
        return Ok((Backing::File(file.clone(), offset), Traits::empty()));
    }
    let mut traits = Traits::empty();
    traits.set(
        Traits::READ_ONLY,
        !writable || fs::forbids_mapped_writes(open, prot)?,
    );
    Ok((Backing::Shared(file.clone(), offset), traits))
}
