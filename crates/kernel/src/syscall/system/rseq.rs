//! `rseq`: where the calling thread keeps its restartable sequences (Linux's `Documentation/userspace-api/rseq.rst`).

use crate::{
    errno::{Errno, Result},
    sched::{self, Rseq},
    syscall::Args,
    user::{UserPtr, UserSlice},
};

/// `RSEQ_FLAG_UNREGISTER`.
const UNREGISTER: u32 = 1;

/// Bytes of `struct rseq` in its first version, and its alignment.
const SIZE: u32 = 32;

/// "No processor": the value of `cpu_id` while nothing is registered (`RSEQ_CPU_ID_UNINITIALIZED`).
const NO_CPU: u32 = u32::MAX;

/// Writes `cpu_id_start` and `cpu_id`, and that no section runs; flags, node and concurrency number are 0.
fn write(address: u64, cpu: u32) -> Result<()> {
    let fields = [u64::from(cpu) << 32, 0, 0, 0];
    UserPtr::<[u64; 4]>::new(address).write(fields)
}

/// `rseq(struct rseq *rseq, uint32_t rseq_len, int flags, uint32_t sig)`
pub(super) fn rseq(args: &Args) -> Result<usize> {
    let wanted = Rseq {
        address: args.0[0],
        len: args.uint(1),
        signature: args.uint(3),
    };
    let thread = sched::current();
    let registered = *thread.rseq.lock();
    match (args.uint(2), registered) {
        (0, Some(known)) if (known.address, known.len) != (wanted.address, wanted.len) => Err(Errno::EINVAL),
        (0, Some(known)) if known.signature != wanted.signature => Err(Errno::EPERM),
        (0, Some(_)) => Err(Errno::EBUSY),
        (0, None) => {
            if wanted.len < SIZE || !wanted.address.is_multiple_of(u64::from(SIZE)) {
                return Err(Errno::EINVAL);
            }
            UserSlice::new(wanted.address, wanted.len as usize).bytes_mut()?;
            write(wanted.address, 0)?;
            *thread.rseq.lock() = Some(wanted);
            Ok(0)
        }
        (UNREGISTER, Some(known)) if (known.address, known.len) == (wanted.address, wanted.len) => {
            if known.signature != wanted.signature {
                return Err(Errno::EPERM);
            }
            write(known.address, NO_CPU)?;
            *thread.rseq.lock() = None;
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}
