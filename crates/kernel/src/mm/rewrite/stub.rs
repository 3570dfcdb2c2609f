//! The code that stands for a `syscall`: what it was rewritten from, the way back in RCX as `syscall` itself would have it, and a jump to the kernel.
//!
//! Nothing is pushed: a leaf function may have its variables below the stack pointer (System V ABI for x86-64, 3.2.2, the red zone).

use super::scan::{JUMP_LEN, Site, Way};

/// Bytes of a stub's place.
pub(super) const SLOT_LEN: usize = 32;

/// `lea rcx, [rip + rel32]` and `jmp [rip + rel32]`.
const RETURN_LEN: usize = 7;
const ENTER_LEN: usize = 6;

/// Bytes that go over those of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Where in the page.
    pub offset: usize,
    bytes: [u8; 7],
    len: usize,
}

impl Patch {
    /// The new bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What a site becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stub {
    /// The stub's code.
    pub(super) code: [u8; SLOT_LEN],
    /// Bytes of `code` that the instruction takes that made way.
    pub(super) moved: usize,
}

/// The distance from the end of an instruction to a target, if `rel32` holds it.
fn relative(end: u64, target: u64) -> Option<[u8; 4]> {
    i32::try_from(target.wrapping_sub(end) as i64)
        .ok()
        .map(i32::to_le_bytes)
}

/// The stub at address `slot` for a site of the page at address `base`; the kernel's entry is read from the word at `entry`. `None` if they are too far apart.
#[must_use]
pub(super) fn stub(page: &[u8], base: u64, site: &Site, slot: u64, entry: u64) -> Option<Stub> {
    let moved = match site.way {
        Way::Before(len) => &page[site.syscall - len..site.syscall],
        Way::Hop(_) => &[],
    };
    let mut code = [0xcc; SLOT_LEN];
    let (first, rest) = code.split_at_mut_checked(moved.len())?;
    first.copy_from_slice(moved);
    let after_lea = slot + (moved.len() + RETURN_LEN) as u64;
    rest[..3].copy_from_slice(&[0x48, 0x8d, 0x0d]);
    rest[3..RETURN_LEN].copy_from_slice(&relative(after_lea, base + site.syscall as u64 + 2)?);
    rest[RETURN_LEN..RETURN_LEN + 2].copy_from_slice(&[0xff, 0x25]);
    let distance = relative(after_lea + ENTER_LEN as u64, entry)?;
    rest[RETURN_LEN + 2..RETURN_LEN + ENTER_LEN].copy_from_slice(&distance);
    Some(Stub {
        code,
        moved: moved.len(),
    })
}

/// What goes over the page so that a site leads to the stub at `slot`; the second is for a site that hops. `None` if it is too far away.
#[must_use]
pub(super) fn patches(base: u64, site: &Site, slot: u64) -> Option<[Option<Patch>; 2]> {
    let jump = |offset: usize, len: usize| {
        // `xchg ax,ax` fills what is left of a longer instruction; nobody comes there.
        let mut bytes = [0xe9, 0, 0, 0, 0, 0x66, 0x90];
        bytes[1..JUMP_LEN].copy_from_slice(&relative(base + (offset + JUMP_LEN) as u64, slot)?);
        Some(Patch { offset, bytes, len })
    };
    match site.way {
        Way::Before(len) => Some([Some(jump(site.syscall - len, len)?), None]),
        Way::Hop(pad) => {
            let rel = i8::try_from(pad - (site.syscall + 2)).ok()?;
            let hop = Patch {
                offset: site.syscall,
                bytes: [0xeb, rel as u8, 0, 0, 0, 0, 0],
                len: 2,
            };
            Some([Some(jump(pad, JUMP_LEN)?), Some(hop)])
        }
    }
}
