//! Names of files: bytes outside, text inside.
//!
//! A name may be any bytes (`path_resolution(7)`), and nearly all are UTF-8. Each byte that is not becomes one of the last 128 characters that there are,
//! which nobody uses; where a program's own name has one of those, each of its bytes is treated alike. So every name has one text, and every
//! text that came from a name leads back to it. Keeping bytes everywhere was rejected: all but a handful of places treat names as text.

use alloc::{borrow::Cow, string::String, vec::Vec};

/// The character for byte 0; those for 0x80 to 0xff are used.
const BASE: u32 = 0x10_ff00;

/// The byte that a character stands for, if it does.
const fn byte_of(character: char) -> Option<u8> {
    match character as u32 {
        code @ 0x10_ff80..=0x10_ffff => Some((code - BASE) as u8),
        _ => None,
    }
}

/// The first bytes of the characters that stand for bytes: a text without them needs no second look.
fn has_stand_ins(text: &str) -> bool {
    text.as_bytes().contains(&0xf4) && text.chars().any(|character| byte_of(character).is_some())
}

fn push_byte(text: &mut String, byte: u8) {
    // Always a character: the range ends with the last one that there is.
    text.extend(char::from_u32(BASE + u32::from(byte)));
}

/// The text for a name that came from a program.
#[must_use]
pub fn from_bytes(bytes: Vec<u8>) -> String {
    let bytes = match String::from_utf8(bytes) {
        Ok(text) if !has_stand_ins(&text) => return text,
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    };
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if byte_of(character).is_none() {
                text.push(character);
                continue;
            }
            let mut buffer = [0; 4];
            for &byte in character.encode_utf8(&mut buffer).as_bytes() {
                push_byte(&mut text, byte);
            }
        }
        for &byte in chunk.invalid() {
            push_byte(&mut text, byte);
        }
    }
    text
}

/// The bytes of a name, as a program knows it.
#[must_use]
pub fn to_bytes(text: &str) -> Cow<'_, [u8]> {
    if !has_stand_ins(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut bytes = Vec::with_capacity(text.len());
    for character in text.chars() {
        match byte_of(character) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Cow::Owned(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeded bytes, half of them from sequences that are nearly UTF-8 or nearly stand-ins.
    #[test]
    fn every_name_comes_back_and_no_two_share_a_text() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |limit: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % limit
        };
        let pieces: [&[u8]; 8] = [
            b"a",
            b"\xc3\xa4",
            b"\xff",
            b"\xf4\x8f\xbe\x80",
            b"\xf4\x8f\xbf\xbf",
            b"\xf4\x8f\xbf",
            b"\xf4\x8f\xbd\xbf",
            b"\x80",
        ];
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..20_000 {
            let mut name = Vec::new();
            for _ in 0..next(6) {
                if next(2) == 0 {
                    name.extend_from_slice(pieces[next(8) as usize]);
                } else {
                    name.push(next(256) as u8);
                }
            }
            let text = from_bytes(name.clone());
            assert_eq!(&*to_bytes(&text), &name[..]);
            assert_eq!(seen.entry(text).or_insert_with(|| name.clone()), &name);
        }
    }

    #[test]
    fn utf8_is_left_alone() {
        let name = "grün/日本".as_bytes().to_vec();
        assert_eq!(from_bytes(name.clone()).as_bytes(), name);
        assert!(matches!(to_bytes("grün"), Cow::Borrowed(_)));
    }
}
