//! The program's first stack: arguments, environment and auxiliary vector (System V ABI for x86-64, 3.4.1; `getauxval(3)`).

use alloc::vec::Vec;

/// Auxiliary vector entries in order, without the final `AT_NULL`.
pub type Auxv = Vec<(u64, u64)>;

/// Values of the auxiliary vector that are addresses on the stack itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `AT_RANDOM`'s 16 bytes.
    Random,
    /// `AT_EXECFN`.
    Name,
    /// `AT_PLATFORM`.
    Platform,
}

/// A stack's contents.
#[derive(Debug, PartialEq, Eq)]
pub struct Stack {
    /// All of it, from the stack pointer up.
    pub bytes: Vec<u8>,
    /// The stack pointer.
    pub pointer: u64,
    /// Where in `bytes` the auxiliary vector is, with its `AT_NULL`.
    pub auxv: core::ops::Range<usize>,
}

/// The contents of a stack that ends at `top`.
///
/// `places` are auxiliary entries whose value is where that thing is.
#[must_use]
pub fn build(
    top: u64,
    arguments: &[&[u8]],
    environment: &[&[u8]],
    name: &[u8],
    random: [u8; 16],
    auxv: &[(u64, u64)],
    places: &[(u64, Place)],
) -> Stack {
    // Strings first, from the top down; then the vectors below them, with the stack pointer on a multiple of 16.
    let mut strings = Vec::new();
    let mut offsets = |bytes: &[u8], terminated: bool| {
        let offset = strings.len() as u64;
        strings.extend_from_slice(bytes);
        if terminated {
            strings.push(0);
        }
        offset
    };
    let arguments: Vec<u64> = arguments.iter().map(|text| offsets(text, true)).collect();
    let environment: Vec<u64> = environment.iter().map(|text| offsets(text, true)).collect();
    let name = offsets(name, true);
    let platform = offsets(b"x86_64", true);
    let random = offsets(&random, false);
    let words = 1 + arguments.len() + 1 + environment.len() + 1 + 2 * (auxv.len() + places.len() + 1);
    let strings_at = (top - strings.len() as u64) & !15;
    let pointer = (strings_at - 8 * words as u64) & !15;

    let mut bytes = Vec::with_capacity((top - pointer) as usize);
    let mut word = |value: u64| bytes.extend_from_slice(&value.to_le_bytes());
    word(arguments.len() as u64);
    arguments.iter().for_each(|offset| word(strings_at + offset));
    word(0);
    environment.iter().for_each(|offset| word(strings_at + offset));
    word(0);
    let auxv_start = 8 * (1 + arguments.len() + 1 + environment.len() + 1);
    for &(key, value) in auxv {
        word(key);
        word(value);
    }
    for &(key, place) in places {
        word(key);
        word(
            strings_at
                + match place {
                    Place::Random => random,
                    Place::Name => name,
                    Place::Platform => platform,
                },
        );
    }
    word(0);
    word(0);
    bytes.resize((strings_at - pointer) as usize, 0);
    bytes.extend_from_slice(&strings);
    Stack {
        bytes,
        pointer,
        auxv: auxv_start..8 * words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_point_at_their_strings() {
        let top = 0x7000_0000_0000;
        let Stack { bytes, pointer, auxv } = build(
            top,
            &[b"prog", b"x"],
            &[b"A=1"],
            b"/prog",
            [7; 16],
            &[(6, 4096)],
            &[(31, Place::Name), (25, Place::Random)],
        );
        let word = |index: usize| u64::from_le_bytes(bytes[index * 8..index * 8 + 8].try_into().unwrap());
        let text = |address: u64| {
            let from = &bytes[(address - pointer) as usize..];
            &from[..from.iter().position(|&b| b == 0).unwrap()]
        };
        assert_eq!(pointer % 16, 0);
        assert!(pointer + bytes.len() as u64 <= top);
        assert_eq!(word(0), 2);
        assert_eq!(
            (text(word(1)), text(word(2)), word(3)),
            (&b"prog"[..], &b"x"[..], 0)
        );
        assert_eq!((text(word(4)), word(5)), (&b"A=1"[..], 0));
        assert_eq!((word(6), word(7)), (6, 4096));
        assert_eq!((word(8), text(word(9))), (31, &b"/prog"[..]));
        assert_eq!(bytes[(word(11) - pointer) as usize..][..16], [7; 16]);
        assert_eq!((word(12), word(13)), (0, 0));
        assert_eq!(auxv, 6 * 8..14 * 8);
    }
}
