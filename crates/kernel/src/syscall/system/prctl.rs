//! `prctl`.

use super::common::credentials;
use crate::{
    errno::{Errno, Result},
    sched,
    signal::info::MAX,
    sync::Lock,
    syscall::Args,
    user::{UserPtr, c_string},
};
use alloc::string::String;
use linux_raw_sys::prctl as raw;

/// Bytes of a thread's name with its NUL.
const NAME_LEN: usize = 16;

/// Highest capability (`CAP_CHECKPOINT_RESTORE`).
const LAST_CAPABILITY: u64 = 40;

/// What is kept because it can be asked for.
struct Kept {
    dumpable: u64,
    no_new_privileges: bool,
    keep_capabilities: u64,
    death_signal: i32,
    timer_slack: u64,
    reaper: bool,
    no_huge_pages: bool,
    /// Capabilities that were dropped from the bounding set.
    dropped: u64,
}

static KEPT: Lock<Kept> = Lock::new(Kept {
    dumpable: 1,
    no_new_privileges: false,
    keep_capabilities: 0,
    death_signal: 0,
    timer_slack: DEFAULT_SLACK,
    reaper: false,
    no_huge_pages: false,
    dropped: 0,
});

/// Nanoseconds (`PR_SET_TIMERSLACK(2const)`).
const DEFAULT_SLACK: u64 = 50_000;

pub(super) fn prctl(args: &Args) -> Result<usize> {
    let value = args.0[1];
    match args.uint(0) {
        raw::PR_SET_NAME => set_name(value),
        raw::PR_GET_NAME => get_name(args.ptr(1)),
        raw::PR_GET_DUMPABLE => Ok(KEPT.lock().dumpable as usize),
        raw::PR_SET_DUMPABLE if value <= 1 => {
            KEPT.lock().dumpable = value;
            Ok(0)
        }
        raw::PR_GET_NO_NEW_PRIVS if args.0[1..5] == [0; 4] => Ok(usize::from(KEPT.lock().no_new_privileges)),
        raw::PR_SET_NO_NEW_PRIVS if value == 1 && args.0[2..5] == [0; 3] => {
            KEPT.lock().no_new_privileges = true;
            Ok(0)
        }
        raw::PR_GET_KEEPCAPS => Ok(KEPT.lock().keep_capabilities as usize),
        raw::PR_SET_KEEPCAPS if value <= 1 => {
            KEPT.lock().keep_capabilities = value;
            Ok(0)
        }
        raw::PR_GET_PDEATHSIG => {
            let signal = KEPT.lock().death_signal;
            args.ptr::<i32>(1).write(signal)?;
            Ok(0)
        }
        // The first process has no parent that could die.
        raw::PR_SET_PDEATHSIG if value <= MAX as u64 => {
            KEPT.lock().death_signal = value as i32;
            Ok(0)
        }
        raw::PR_GET_TIMERSLACK => Ok(KEPT.lock().timer_slack as usize),
        raw::PR_SET_TIMERSLACK => {
            KEPT.lock().timer_slack = if value == 0 { DEFAULT_SLACK } else { value };
            Ok(0)
        }
        raw::PR_SET_CHILD_SUBREAPER => {
            KEPT.lock().reaper = value != 0;
            Ok(0)
        }
        raw::PR_GET_CHILD_SUBREAPER => {
            let reaper = KEPT.lock().reaper;
            args.ptr::<i32>(1).write(i32::from(reaper))?;
            Ok(0)
        }
        raw::PR_GET_THP_DISABLE if args.0[1..5] == [0; 4] => Ok(usize::from(KEPT.lock().no_huge_pages)),
        raw::PR_SET_THP_DISABLE if args.0[2..5] == [0; 3] => {
            KEPT.lock().no_huge_pages = value != 0;
            Ok(0)
        }
        raw::PR_CAPBSET_READ if value <= LAST_CAPABILITY => {
            Ok(usize::from(KEPT.lock().dropped & (1 << value) == 0))
        }
        raw::PR_CAPBSET_DROP if value <= LAST_CAPABILITY => {
            if !credentials().lock().privileged() {
                return Err(Errno::EPERM);
            }
            KEPT.lock().dropped |= 1 << value;
            Ok(0)
        }
        raw::PR_CAP_AMBIENT => ambient(args),
        raw::PR_GET_TSC => {
            args.ptr::<i32>(1).write(raw::PR_TSC_ENABLE as i32)?;
            Ok(0)
        }
        raw::PR_GET_TIMING => Ok(raw::PR_TIMING_STATISTICAL as usize),
        raw::PR_SET_TIMING if value == u64::from(raw::PR_TIMING_STATISTICAL) => Ok(0),
        raw::PR_MCE_KILL_GET if args.0[1..5] == [0; 4] => Ok(raw::PR_MCE_KILL_DEFAULT as usize),
        raw::PR_GET_SECCOMP => Ok(0),
        raw::PR_GET_SECUREBITS => Ok(0),
        raw::PR_GET_TID_ADDRESS => {
            let address = sched::current()
                .clear_child_tid
                .load(core::sync::atomic::Ordering::Relaxed);
            args.ptr::<u64>(1).write(address)?;
            Ok(0)
        }
        // Names of mappings and who may trace: nobody would look.
        raw::PR_SET_VMA | raw::PR_SET_PTRACER => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

/// Capabilities that an `execve(2)` would keep: there is none, so the set is always empty.
fn ambient(args: &Args) -> Result<usize> {
    let (operation, capability, rest) = (args.uint(1), args.0[2], [args.0[3], args.0[4]]);
    match operation {
        raw::PR_CAP_AMBIENT_CLEAR_ALL if capability == 0 && rest == [0; 2] => Ok(0),
        raw::PR_CAP_AMBIENT_IS_SET | raw::PR_CAP_AMBIENT_LOWER
            if capability <= LAST_CAPABILITY && rest == [0; 2] =>
        {
            Ok(0)
        }
        // What is not inheritable cannot be raised.
        raw::PR_CAP_AMBIENT_RAISE if capability <= LAST_CAPABILITY && rest == [0; 2] => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}

fn set_name(address: u64) -> Result<usize> {
    let name = match c_string(address, NAME_LEN) {
        // Longer names are cut off.
        Err(Errno::ENAMETOOLONG) => crate::user::UserSlice::new(address, NAME_LEN - 1)
            .bytes()?
            .to_vec(),
        other => other?,
    };
    *sched::current().name.lock() = String::from_utf8_lossy(&name).into_owned();
    Ok(0)
}

fn get_name(target: UserPtr<[u8; NAME_LEN]>) -> Result<usize> {
    let thread = sched::current();
    let mut bytes = [0; NAME_LEN];
    let name = thread.name.lock();
    let len = name.len().min(NAME_LEN - 1);
    bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
    drop(name);
    target.write(bytes)?;
    Ok(0)
}
