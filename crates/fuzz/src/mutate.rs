//! Inputs made of other inputs.

/// Numbers at which programs change their mind.
const NUMBERS: [u64; 18] = [
    0,
    1,
    2,
    3,
    7,
    8,
    16,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Seeded changes of inputs.
pub(crate) struct Mutator {
    random: u64,
    max_len: usize,
}

impl Mutator {
    pub(crate) fn new(seed: u64, max_len: usize) -> Self {
        Self {
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            max_len,
        }
    }

    fn random(&mut self) -> u64 {
        // xorshift64*
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.random() >> 11) as usize % limit.max(1)
    }

    /// One of the corpus, changed a little or a lot.
    pub(crate) fn next(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let pick = self.below(corpus.len());
        let mut input = corpus.get(pick).cloned().unwrap_or_default();
        for _ in 0..1 << self.below(6) {
            self.change(&mut input, corpus);
        }
        input.truncate(self.max_len);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len());
        match self.below(9) {
            0 if !input.is_empty() => input[at] ^= 1 << self.below(8),
            1 if !input.is_empty() => input[at] = self.random() as u8,
            2 if !input.is_empty() => input[at] = input[at].wrapping_add(self.below(9) as u8).wrapping_sub(4),
            3 => {
                let number = NUMBERS[self.below(NUMBERS.len())];
                let width = 1 << self.below(4);
                let mut bytes = number.to_le_bytes();
                if self.below(3) == 0 {
                    bytes[..width].reverse();
                }
                for (target, byte) in input.iter_mut().skip(at).zip(&bytes[..width]) {
                    *target = *byte;
                }
            }
            4 => {
                let end = (at + 1 + self.below(16)).min(input.len());
                input.drain(at..end);
            }
            5 => {
                let count = 1 + self.below(8);
                let bytes: Vec<u8> = (0..count).map(|_| self.random() as u8).collect();
                input.splice(at..at, bytes);
            }
            6 => {
                // A piece of itself, elsewhere or once more.
                let end = (at + 1 + self.below(64)).min(input.len());
                let piece = input[at..end].to_vec();
                let to = self.below(input.len() + 1);
                let over = if self.below(2) == 0 { 0 } else { piece.len() };
                input.splice(to..(to + over).min(input.len()), piece);
            }
            7 => {
                // The rest of another.
                let pick = self.below(corpus.len());
                let Some(other) = corpus.get(pick) else { return };
                let from = self.below(other.len());
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            _ => input.truncate(self.below(input.len() + 1).max(at)),
        }
    }
}
