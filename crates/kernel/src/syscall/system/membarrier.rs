//! `membarrier`: on one processor every switch between threads is a barrier, so all of it is done already.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};
use core::sync::atomic::{AtomicU32, Ordering, fence};
use linux_raw_sys::general::membarrier_cmd as cmd;

const GLOBAL: u32 = cmd::MEMBARRIER_CMD_GLOBAL as u32;
const EXPEDITED: u32 = cmd::MEMBARRIER_CMD_GLOBAL_EXPEDITED as u32;
const PRIVATE: u32 = cmd::MEMBARRIER_CMD_PRIVATE_EXPEDITED as u32;
const PRIVATE_SYNC: u32 = cmd::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE as u32;
const REGISTER: u32 = cmd::MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED as u32;
const REGISTER_PRIVATE: u32 = cmd::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED as u32;
const REGISTER_SYNC: u32 = cmd::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE as u32;
const PRIVATE_RSEQ: u32 = cmd::MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ as u32;
const REGISTER_RSEQ: u32 = cmd::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ as u32;
const GET: u32 = cmd::MEMBARRIER_CMD_GET_REGISTRATIONS as u32;
const REGISTRATIONS: u32 = REGISTER | REGISTER_PRIVATE | REGISTER_SYNC | REGISTER_RSEQ;
const BARRIERS: u32 = GLOBAL | EXPEDITED | PRIVATE | PRIVATE_SYNC | PRIVATE_RSEQ;

/// Only one processor (`MEMBARRIER_CMD_FLAG_CPU`).
const FLAG_CPU: u32 = 1;

static REGISTERED: AtomicU32 = AtomicU32::new(0);

pub(super) fn membarrier(args: &Args) -> Result<usize> {
    let command = args.uint(0);
    let flags = args.uint(1);
    if flags != 0 && (command != PRIVATE_RSEQ || flags != FLAG_CPU) {
        return Err(Errno::EINVAL);
    }
    let registered = REGISTERED.load(Ordering::Relaxed);
    match command {
        0 => return Ok((BARRIERS | REGISTRATIONS | GET) as usize),
        GET => return Ok(registered as usize),
        REGISTER | REGISTER_PRIVATE | REGISTER_SYNC | REGISTER_RSEQ => {
            REGISTERED.fetch_or(command, Ordering::Relaxed);
        }
        PRIVATE if registered & REGISTER_PRIVATE == 0 => return Err(Errno::EPERM),
        PRIVATE_SYNC if registered & REGISTER_SYNC == 0 => return Err(Errno::EPERM),
        PRIVATE_RSEQ if registered & REGISTER_RSEQ == 0 => return Err(Errno::EPERM),
        // Sections of other threads are over already: another one, this, runs in their place.
        GLOBAL | EXPEDITED | PRIVATE | PRIVATE_SYNC | PRIVATE_RSEQ => fence(Ordering::SeqCst),
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}
