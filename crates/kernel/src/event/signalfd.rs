//! Pending signals to be read, `signalfd(2)`. Whose: the reader's (the signals of its thread and of the process).

use super::anonymous_stat;
use crate::{
    errno::{Errno, Result},
    file::{File, Poll, Stat},
    sched,
    signal::{
        self,
        info::{SigInfo, SigSet},
    },
    wait::WaitQueue,
};
use alloc::sync::Arc;
use core::{
    any::Any,
    sync::atomic::{AtomicU64, Ordering},
};
use linux_raw_sys::general as raw;

/// Bytes of a `struct signalfd_siginfo`.
const RECORD: usize = 128;

/// A descriptor that takes signals.
#[derive(Debug)]
pub struct SignalFd {
    mask: AtomicU64,
}

impl SignalFd {
    /// Takes the signals of `mask`.
    #[must_use]
    pub fn new(mask: SigSet) -> Arc<Self> {
        Arc::new(Self {
            mask: AtomicU64::new(mask),
        })
    }

    /// Takes the signals of `mask` from now on.
    pub fn set_mask(&self, mask: SigSet) {
        self.mask.store(mask, Ordering::Relaxed);
        signal::arrivals().wake_all();
    }

    fn mask(&self) -> SigSet {
        self.mask.load(Ordering::Relaxed)
    }
}

/// `struct signalfd_siginfo`: the union of `siginfo_t` laid out flat.
fn record(info: &SigInfo) -> [u8; RECORD] {
    let mut bytes = [0; RECORD];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, &info.signo.to_ne_bytes());
    put(4, &info.errno.to_ne_bytes());
    put(8, &info.code.to_ne_bytes());
    let [low, high] = [info.fields[0] as u32, (info.fields[0] >> 32) as u32];
    let value = info.fields[1];
    match info.code {
        raw::SI_TIMER => {
            put(24, &low.to_ne_bytes());
            put(32, &high.to_ne_bytes());
            put(44, &(value as u32).to_ne_bytes());
            put(48, &value.to_ne_bytes());
        }
        code if code > 0 && code != raw::SI_KERNEL as i32 => put(72, &info.fields[0].to_ne_bytes()),
        code => {
            put(12, &low.to_ne_bytes());
            put(16, &high.to_ne_bytes());
            if code == raw::SI_QUEUE {
                put(44, &(value as u32).to_ne_bytes());
                put(48, &value.to_ne_bytes());
            }
        }
    }
    bytes
}

impl File for SignalFd {
    fn read(&self, _: u64, buffer: &mut [u8]) -> Result<usize> {
        if buffer.len() < RECORD {
            return Err(Errno::EINVAL);
        }
        let thread = sched::current();
        let mut count = 0;
        for target in buffer.chunks_exact_mut(RECORD) {
            let Some(info) = thread.signals.take(self.mask()) else {
                break;
            };
            target.copy_from_slice(&record(&info));
            count += RECORD;
        }
        if count == 0 { Err(Errno::EAGAIN) } else { Ok(count) }
    }

    fn poll(&self) -> Poll {
        let pending = sched::current().signals.pending_set() & self.mask();
        if pending != 0 { Poll::IN } else { Poll::empty() }
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(signal::arrivals())
    }

    fn ignores_seeks(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Stat> {
        Ok(anonymous_stat())
    }

    fn label(&self) -> &'static str {
        "[signalfd]"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    }

    #[test]
    fn records_are_laid_out_as_the_man_page_has_them() {
        let mut info = SigInfo::from_process(34, raw::SI_QUEUE);
        info.fields[0] |= 1000 << 32;
        info.fields[1] = 0x1_0000_0007;
        let bytes = record(&info);
        assert_eq!(
            [0, 8, 12, 16, 44].map(|at| word(&bytes, at)),
            [34, raw::SI_QUEUE as u32, 1, 1000, 7]
        );
        assert_eq!((word(&bytes, 48), word(&bytes, 52)), (7, 1));
        let fault = record(&SigInfo::fault(11, 1, 0x1234_5678_9abc));
        assert_eq!((word(&fault, 72), word(&fault, 76)), (0x5678_9abc, 0x1234));
    }
}
