//! `shmctl(2)`.

use super::shmget;
use crate::{
    errno::{Errno, Result},
    process::PID,
    syscall::Args,
    user::Plain,
};

const IPC_RMID: i32 = 0;
const IPC_SET: i32 = 1;
const IPC_STAT: i32 = 2;
const SHM_LOCK: i32 = 11;
const SHM_UNLOCK: i32 = 12;
/// In a mode: it goes with the last that has it attached.
const SHM_DEST: u32 = 0o1000;

/// `struct shmid64_ds` with its `struct ipc64_perm`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct Description {
    key: i32,
    uid: u32,
    gid: u32,
    creator_uid: u32,
    creator_gid: u32,
    mode: u32,
    sequence: u32,
    pad: u32,
    unused: [u64; 2],
    size: u64,
    attached_at: u64,
    detached_at: u64,
    changed_at: u64,
    creator: i32,
    last: i32,
    attachments: u64,
    unused_too: [u64; 2],
}

const _: () = assert!(size_of::<Description>() == 112);

// SAFETY: integers without padding; every bit pattern is one.
unsafe impl Plain for Description {}

/// Tells of a segment, changes its mode, or removes it.
pub(super) fn shmctl(args: &Args) -> Result<usize> {
    let (id, command) = (args.int(0), args.int(1));
    if id < 0 || command < 0 {
        return Err(Errno::EINVAL);
    }
    match command {
        IPC_STAT => {
            let segment = shmget::find(id)?;
            let (uid, gid) = segment.owner;
            let dest = if segment.removed { SHM_DEST } else { 0 };
            let used = segment.attached_at != 0 || segment.detached_at != 0;
            args.ptr::<Description>(2).write(Description {
                key: segment.key,
                uid,
                gid,
                creator_uid: uid,
                creator_gid: gid,
                mode: segment.mode | dest,
                size: segment.size,
                attached_at: segment.attached_at,
                detached_at: segment.detached_at,
                changed_at: segment.changed_at,
                creator: PID,
                last: if used { PID } else { 0 },
                attachments: segment.ranges().len() as u64,
                ..Description::default()
            })?;
        }
        IPC_SET => {
            let wanted = args.ptr::<Description>(2).read()?;
            shmget::find(id)?;
            shmget::change(id, |segment| {
                segment.mode = wanted.mode & 0o777;
                segment.owner = (wanted.uid, wanted.gid);
                segment.changed_at = shmget::seconds();
            });
        }
        IPC_RMID => {
            shmget::find(id)?;
            shmget::change(id, |segment| {
                segment.removed = true;
                // Nobody finds it by its key any more.
                segment.key = 0;
            });
            shmget::all();
        }
        // There is no swap to keep it from.
        SHM_LOCK | SHM_UNLOCK => drop(shmget::find(id)?),
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}
