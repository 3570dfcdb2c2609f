//! Where instructions begin, by `yaxpeax-x86`.
//!
//! Nobody says where a page's first instruction begins, and programs are stripped, so boundaries are proved from the bytes: among any 15 neighbouring
//! offsets of code at least one is a boundary, as no instruction is longer. If decoding from each of them arrives at the same offset, then so does
//! the processor.

use yaxpeax_arch::LengthedInstruction as _;
use yaxpeax_x86::amd64::InstDecoder;

/// Bytes of the longest instruction (Intel SDM volume 2, 2.3.11).
pub(super) const LONGEST: usize = 15;

/// How far before an offset proofs are sought.
const FAR: usize = 96;

/// What decoding from some offset comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    /// It arrives at the offset that is asked about.
    Arrives,
    /// It steps over it, or meets what the decoder does not know although a processor may.
    Misses,
    /// It meets what no processor takes: the processor never comes this way.
    Dies,
}

/// Bytes of the instruction at the start of `bytes`; `None` if it is not one, or cut off.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let instruction = InstDecoder::default().decode_slice(bytes).ok()?;
    usize::try_from(instruction.len().to_const()).ok()
}

/// True if the bytes are an instruction with a VEX, XOP or EVEX prefix, of which the decoder does not know all.
fn may_be_unknown(bytes: &[u8]) -> bool {
    let legacy = |byte: &u8| {
        matches!(
            byte,
            0x66 | 0x67 | 0x2e | 0x36 | 0x3e | 0x26 | 0x64 | 0x65 | 0xf0 | 0xf2 | 0xf3
        )
    };
    let opcode = bytes.iter().find(|byte| !legacy(byte));
    opcode.is_none_or(|byte| matches!(byte, 0x62 | 0x8f | 0xc4 | 0xc5))
}

/// True if an instruction of `code` surely begins at `at`, given that the bytes before it are code.
///
/// Goes back byte by byte until 15 in a row are good: most proofs need little more than those.
pub(super) fn is_boundary(code: &[u8], at: usize) -> bool {
    let mut paths = [Path::Misses; FAR + 1];
    let (mut good, mut arrival) = (0, FAR);
    for back in 1..=FAR.min(at) {
        let rest = &code[at - back..];
        paths[back] = match length(rest) {
            Some(len) if len == back => Path::Arrives,
            Some(len) if len > back => Path::Misses,
            Some(len) => paths[back - len],
            None if may_be_unknown(rest) => Path::Misses,
            None => Path::Dies,
        };
        match paths[back] {
            Path::Misses => (good, arrival) = (0, FAR),
            Path::Arrives => (good, arrival) = (good + 1, 0),
            Path::Dies => (good, arrival) = (good + 1, arrival + 1),
        }
        if good >= LONGEST && arrival < LONGEST {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_manual() {
        for (bytes, len) in [
            (&[0x0f, 0x05, 0xc3][..], 2),
            (&[0xb8, 0x27, 0, 0, 0, 0x0f, 0x05], 5),
            (&[0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0], 7),
            // movabs, which a length decoder that was tried first got wrong.
            (&[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8], 10),
            (&[0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], 10),
        ] {
            assert_eq!(length(bytes), Some(len), "{bytes:02x?}");
        }
        assert_eq!(length(&[0x06]), None);
        assert_eq!(length(&[0xb8, 0x27]), None);
    }

    #[test]
    fn a_boundary_is_proved_and_its_neighbour_is_not() {
        // push rbx; mov rbx,rdi; 20 times; then mov eax,39; syscall.
        let mut code = [0x53, 0x48, 0x89, 0xfb].repeat(20);
        let at = code.len();
        code.extend([0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0xc3]);
        assert!(is_boundary(&code, at));
        for wrong in 1..5 {
            assert!(!is_boundary(&code, at + wrong));
        }
        assert!(is_boundary(&code, at + 5));
        assert!(!is_boundary(&code, 3), "too little before it");
    }
}
