//! `shmat(2)` and `shmdt(2)`.

use super::shmget;
use crate::{
    errno::{Errno, Result},
    mm::{
        PAGE_SIZE,
        space::{self, Place},
        vma::{Backing, Prot, Traits},
    },
    syscall::Args,
};

const SHM_RDONLY: u32 = 0o10000;
const SHM_RND: u32 = 0o20000;
const SHM_REMAP: u32 = 0o40000;
const SHM_EXEC: u32 = 0o100_000;

/// Maps all of a segment.
pub(super) fn shmat(args: &Args) -> Result<usize> {
    let (id, mut address, flags) = (args.int(0), args.0[1], args.uint(2));
    let segment = shmget::find(id)?;
    let page = PAGE_SIZE as u64;
    if !address.is_multiple_of(page) {
        if flags & SHM_RND == 0 {
            return Err(Errno::EINVAL);
        }
        address -= address % page;
    }
    let place = match (address, flags & SHM_REMAP != 0) {
        (0, true) => return Err(Errno::EINVAL),
        (0, false) => Place::Hint(0),
        (_, true) => Place::Fixed(address),
        (_, false) => Place::FixedNoReplace(address),
    };
    let (mut prot, mut traits) = (Prot::READ, Traits::empty());
    traits.set(Traits::READ_ONLY, flags & SHM_RDONLY != 0);
    prot.set(Prot::WRITE, flags & SHM_RDONLY == 0);
    prot.set(Prot::EXEC, flags & SHM_EXEC != 0);
    let backing = Backing::Shared(segment.file, 0);
    let mapped = space::map_with(place, segment.size, prot, backing, traits, "");
    let start = mapped.map_err(|errno| match errno {
        Errno::EEXIST => Errno::EINVAL,
        errno => errno,
    })?;
    shmget::change(id, |segment| segment.attached_at = shmget::seconds());
    Ok(start as usize)
}

/// Unmaps what is left of the segment that was attached at this address.
pub(super) fn shmdt(args: &Args) -> Result<usize> {
    let address = args.0[0];
    let mut detached = None;
    for (id, segment) in shmget::all() {
        let ranges = segment.ranges();
        // As on Linux: the attachment is known by a part of it that lies where it has to lie.
        let of_it = ranges
            .into_iter()
            .filter(|(range, offset)| range.start.checked_sub(address) == Some(*offset));
        for (range, _) in of_it {
            space::unmap(range.start, range.end - range.start)?;
            detached = Some(id);
        }
    }
    let id = detached.ok_or(Errno::EINVAL)?;
    shmget::change(id, |segment| segment.detached_at = shmget::seconds());
    // A segment that was to go may go now.
    shmget::all();
    Ok(0)
}
