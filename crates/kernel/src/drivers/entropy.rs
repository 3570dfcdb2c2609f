//! Random bytes from outside, to seed the kernel's generator: the virtio entropy device, and the processor.

mod virtio;

pub(super) use virtio::probe;

use core::arch::x86_64::{__cpuid, _rdrand64_step};

/// Fills the front of `buffer` with random bytes of the host; gives how many there were. The calling thread may sleep.
///
/// With neither device nor processor instruction that is 0, and the caller has to do with clocks.
#[must_use]
pub fn fill(buffer: &mut [u8]) -> usize {
    let filled = virtio::fill(buffer);
    filled + fill_from_processor(&mut buffer[filled..])
}

/// Fills the front of `buffer` from `RDRAND`; gives how many bytes that were.
#[must_use]
pub fn fill_from_processor(buffer: &mut [u8]) -> usize {
    // Leaf 1, ECX bit 30. Asked each time (4 us on pagetable KVM): this is for seeding.
    if buffer.is_empty() || __cpuid(1).ecx & 1 << 30 == 0 {
        return 0;
    }
    let mut filled = 0;
    for chunk in buffer.chunks_mut(8) {
        // SAFETY: the processor has the instruction.
        let Some(word) = (unsafe { random_word() }) else {
            break;
        };
        chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        filled += chunk.len();
    }
    filled
}

/// Ten attempts, as Intel's manual advises (volume 1, 7.3.17.1).
///
/// # Safety
///
/// The processor must have `RDRAND`.
#[target_feature(enable = "rdrand")]
unsafe fn random_word() -> Option<u64> {
    let mut word = 0;
    (0..10).any(|_| _rdrand64_step(&mut word) == 1).then_some(word)
}
