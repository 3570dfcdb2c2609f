//! Which `syscall` instructions of a page may be rewritten, and how.
//!
//! Two ways, and both leave the address of the `syscall` a place that can be jumped to, and the one after it as it is:
//!
//! - **Before**: the instruction in front of it, 5 bytes or more, becomes `jmp stub`; the `syscall` stays. Who jumps straight to it traps as ever. The
//!   instruction must be of a kind that compilers and libraries put there and that runs anywhere: a load of the system call's number, or a move between a
//!   register and the stack.
//! - **Hop**: the `syscall` itself becomes `jmp` to padding nearby (the `nop`s or `int3`s between the end of a function and the next 16-byte
//!   boundary), and that becomes `jmp stub`. The padding is found by decoding onward from the `syscall`, ends in a boundary of 16, and must not be the target of
//!   any branch of the page, at whatever offset one might be read.
//!
//! A return address, an interrupted call that is made again at `syscall`, and ranges of addresses that a handler compares with hold for both. What would
//! need more (to overwrite two instructions, or what comes after) stays a trap: a branch into the middle could not be ruled out without the whole
//! program's control flow. Bytes that only look like a system call, in data between code, are told by what is around: none of the two ways is open by
//! accident to less than about 40 given bits.

use super::decode::{is_boundary, length};
use alloc::vec::Vec;
use core::ops::Range;

const SYSCALL: [u8; 2] = [0x0f, 0x05];

/// Bytes of `jmp rel32`.
pub(super) const JUMP_LEN: usize = 5;

/// `rt_sigreturn`: unwinders know a signal frame by the bytes of these two instructions.
const SIGRETURN: u32 = 15;

/// No system call has a number as high as this.
const MAX_NUMBER: u32 = 1024;

/// How a `syscall` is rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The instruction of so many bytes in front of it makes way.
    Before(usize),
    /// It hops to the padding at this offset.
    Hop(usize),
}

/// A `syscall` that may be rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Site {
    /// Offset of the instruction in the page.
    pub(super) syscall: usize,
    /// How.
    pub(super) way: Way,
}

/// Finds the sites of a page that holds code.
#[must_use]
pub(super) fn sites(page: &[u8]) -> Vec<Site> {
    let mut sites: Vec<Site> = Vec::new();
    for second in memchr::memchr_iter(SYSCALL[1], page) {
        let Some(syscall) = second.checked_sub(1) else {
            continue;
        };
        let is_return = || matches!(number(&page[..syscall]), Some((_, SIGRETURN)));
        if page[syscall] != SYSCALL[0] || is_return() {
            continue;
        }
        let taken = |range: &Range<usize>| sites.iter().any(|site| site.takes(range));
        let way = before(page, syscall).or_else(|| hop(page, syscall, taken));
        sites.extend(way.map(|way| Site { syscall, way }));
    }
    sites
}

impl Site {
    /// True if it takes some of the range as its padding.
    fn takes(&self, range: &Range<usize>) -> bool {
        matches!(self.way, Way::Hop(pad) if pad < range.end && range.start < pad + JUMP_LEN)
    }
}

/// Length of the instruction that ends `code`, and the number that it loads, if it looks like the load of a system call's number.
fn number(code: &[u8]) -> Option<(usize, u32)> {
    let (len, bytes) = match code {
        // mov rax, imm32
        [.., 0x48, 0xc7, 0xc0, a, b, c, d] => (7, [*a, *b, *c, *d]),
        // mov eax, imm32 (with a REX prefix it would be another register, or longer)
        [.., rex, 0xb8, a, b, c, d] if !(0x40..0x50).contains(rex) => (5, [*a, *b, *c, *d]),
        _ => return None,
    };
    Some((len, u32::from_le_bytes(bytes))).filter(|&(_, number)| number < MAX_NUMBER)
}

/// Length of the instruction that ends `code`, if it is one that may run elsewhere.
fn relocatable(code: &[u8], after: &[u8]) -> Option<usize> {
    let (0x48 | 0x4c, 0x89 | 0x8b, modrm, 0x24) = code.last_chunk().map(|&[a, b, c, d, _]| (a, b, c, d))?
    else {
        return number(code).map(|(len, _)| len);
    };
    // mov between a register and [rsp + disp8]; a function that returns at once has nothing else to tell it by
    (modrm & 0xc7 == 0x44 && after.first() == Some(&0xc3)).then_some(5)
}

fn before(page: &[u8], syscall: usize) -> Option<Way> {
    let after = &page[syscall + SYSCALL.len()..];
    let len = relocatable(&page[..syscall], after)?;
    let start = syscall - len;
    (length(&page[start..]) == Some(len) && is_boundary(page, start)).then_some(Way::Before(len))
}

fn hop(page: &[u8], syscall: usize, taken: impl Fn(&Range<usize>) -> bool) -> Option<Way> {
    let from = syscall + SYSCALL.len();
    let reach = from + i8::MAX as usize;
    let mut at = from;
    let mut proved = false;
    while at <= reach {
        let len = length(page.get(at..)?)?;
        let ends = leaves(&page[at..at + len]);
        at += len;
        if !ends {
            continue;
        }
        let Some(end) = padding_end(page, at) else {
            continue;
        };
        // Two sites may share what is between two functions.
        let Some(pad) = (at..=end.saturating_sub(JUMP_LEN)).find(|&pad| !taken(&(pad..pad + JUMP_LEN)))
        else {
            at = end;
            continue;
        };
        // Only now: most `syscall`s that get here have no padding in reach.
        proved = proved || is_boundary(page, syscall);
        if !proved || pad > reach {
            return None;
        }
        if !is_target(page, &(pad..pad + JUMP_LEN)) {
            return Some(Way::Hop(pad));
        }
        at = end;
    }
    None
}

/// True if the processor does not go on behind the instruction: `ret`, `jmp`.
fn leaves(instruction: &[u8]) -> bool {
    matches!(instruction, [0xc3] | [0xeb, _] | [0xe9, ..])
}

/// The end of the padding at `at`, if it is at least a jump long and ends where a function may begin. None at a multiple of 16: a function that can be patched may begin
/// with `nop`s there.
fn padding_end(page: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    while end < page.len() && !end.is_multiple_of(16) {
        end += match &page[end..] {
            [0xcc, ..] => 1,
            rest if is_nop(rest) => length(rest)?,
            _ => return None,
        };
    }
    (end.is_multiple_of(16) && end - at >= JUMP_LEN).then_some(end)
}

/// True for the `nop`s of more than one byte that assemblers fill with (Intel SDM volume 2, NOP).
fn is_nop(bytes: &[u8]) -> bool {
    let prefixes = bytes
        .iter()
        .take_while(|&&byte| matches!(byte, 0x66 | 0x2e))
        .count();
    matches!(&bytes[prefixes..], [0x0f, 0x1f, ..] | [0x90, ..])
}

/// True if anything that could be read as a direct branch, at any offset of the page, goes into the range.
fn is_target(page: &[u8], range: &Range<usize>) -> bool {
    let hits = |end: usize, rel: isize| {
        end.checked_add_signed(rel)
            .is_some_and(|target| range.contains(&target))
    };
    let near = |at: usize, len: usize| {
        let rel = page
            .get(at + len - 4..at + len)
            .and_then(|rel| rel.try_into().ok());
        rel.is_some_and(|rel| hits(at + len, i32::from_le_bytes(rel) as isize))
    };
    let around = range.start.saturating_sub(130)..(range.end + 130).min(page.len() - 1);
    let short = around
        .filter(|&at| matches!(page[at], 0x70..=0x7f | 0xe0..=0xe3 | 0xeb))
        .any(|at| hits(at + 2, page[at + 1] as i8 as isize));
    short
        || memchr::memchr3_iter(0xe8, 0xe9, 0x0f, page).any(|at| match page[at] {
            0x0f => matches!(page.get(at + 1), Some(0x80..=0x8f)) && near(at, 6),
            _ => near(at, 5),
        })
}
