//! Random numbers for `getrandom(2)`, `/dev/urandom` and `AT_RANDOM`: ChaCha20, keyed from the processor and from whatever devices give.
//!
//! The key is replaced by fresh output after every request, so that a key that leaks later does not tell what was given out before. New
//! entropy is mixed into the key (`key = ChaCha20(key xor seed)`), so bad entropy never makes it worse.

use crate::sync::Lock;
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{RngCore, SeedableRng},
};

const KEY_LEN: usize = 32;

struct Pool {
    key: [u8; KEY_LEN],
    /// The processor's generator, or a device's bytes, are in it.
    seeded: bool,
}

static POOL: Lock<Pool> = Lock::new(Pool {
    key: [0; KEY_LEN],
    seeded: false,
});

/// Mixes bytes in that nobody else knows (a virtio-rng's, a monitor's).
pub fn seed(bytes: &[u8]) {
    let mut pool = POOL.lock();
    pool.mix(bytes);
    pool.seeded |= bytes.len() >= KEY_LEN;
}

/// Fills a buffer with random bytes. The first time, the calling thread may sleep until a device has given some.
pub fn fill(buffer: &mut [u8]) {
    ensure_seeded();
    let mut pool = POOL.lock();
    let mut generator = ChaCha20Rng::from_seed(pool.key);
    generator.fill_bytes(&mut pool.key);
    generator.fill_bytes(buffer);
}

/// Takes what devices and the processor give, on first use. No lock is held meanwhile: the thread may sleep.
fn ensure_seeded() {
    if POOL.lock().seeded {
        return;
    }
    let mut bytes = [0; KEY_LEN];
    let got = crate::drivers::entropy::fill(&mut bytes);
    // With neither, the time stamp counter is all there is; it at least tells machines apart.
    seed(&crate::arch::cpu::rdtsc().to_le_bytes());
    seed(&bytes[..got]);
}

impl Pool {
    fn mix(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(KEY_LEN) {
            for (key, byte) in self.key.iter_mut().zip(chunk) {
                *key ^= byte;
            }
            ChaCha20Rng::from_seed(self.key).fill_bytes(&mut self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_fills_differ_and_are_not_empty() {
        let (mut one, mut two) = ([0u8; 100], [0u8; 100]);
        fill(&mut one);
        fill(&mut two);
        assert_ne!(one, two);
        let ones: u32 = one.iter().map(|byte| byte.count_ones()).sum();
        assert!((250..550).contains(&ones), "{ones} of 800 bits are set");
    }

    #[test]
    fn a_seed_changes_what_follows_and_the_key_moves_on() {
        let run = |seed: &[u8]| {
            let mut pool = Pool {
                key: [7; KEY_LEN],
                seeded: true,
            };
            pool.mix(seed);
            pool.key
        };
        assert_ne!(run(&[1; 40]), run(&[2; 40]));
        assert_ne!(
            run(&[0; 32]),
            [7; KEY_LEN],
            "zeros must not leave the key as it was"
        );
    }
}
