//! The vDSO, `vdso(7)`: clocks without a system call.
//!
//! Kernel and program share one address space and one ring, so the page that C libraries look into need not hold code: it is an ELF shared object whose symbols point
//! at functions of the kernel itself, by values that are relative to where the page is mapped and wrap around. The functions run on the program's stack, as
//! part of it: they take no lock, allocate nothing, may be interrupted anywhere, and answer what they cannot by a system call.
//!
//! What C libraries and runtimes insist on is all there: `PT_LOAD`, `PT_DYNAMIC`, `DT_HASH`, `DT_SYMTAB`, `DT_STRTAB`, and the version `LINUX_2.6` by `DT_VERSYM` and
//! `DT_VERDEF` (System V ABI, chapter 5; the Linux Standard Base on symbol versioning).

use crate::time;
use alloc::vec::Vec;
use linux_raw_sys::{
    elf,
    general::{self as raw, __kernel_old_timeval, __kernel_timespec},
};

const SECOND: u64 = 1_000_000_000;

/// The symbols, and what they point at.
fn functions() -> [(&'static str, u64); 5] {
    [
        ("__vdso_clock_gettime", clock_gettime as *const () as u64),
        ("__vdso_gettimeofday", gettimeofday as *const () as u64),
        ("__vdso_time", time_of_day as *const () as u64),
        ("__vdso_clock_getres", clock_getres as *const () as u64),
        ("__vdso_getcpu", getcpu as *const () as u64),
    ]
}

/// Bytes of the structures of a 64-bit ELF file.
const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const SYMBOL: usize = 24;
const DYNAMIC_ENTRY: usize = 16;

/// Dynamic tags that `linux-raw-sys` does not name for this use.
const DT_STRSZ: u64 = 10;
const DT_SONAME: u64 = 14;
const DT_VERDEFNUM: u64 = 0x6fff_fffd;

/// The version that all symbols have, and its ELF hash.
const VERSION: &str = "LINUX_2.6";
const SONAME: &str = "linux-vdso.so.1";
const EM_X86_64: u16 = 62;

/// The ELF image for a mapping at `base`, at most a page long.
#[must_use]
pub fn image(base: u64) -> Vec<u8> {
    let functions = functions();
    let mut strings = Strings::default();
    let (soname, version) = (strings.add(SONAME), strings.add(VERSION));
    let mut symbols = Bytes::zeroed(SYMBOL);
    for (name, address) in functions {
        symbols.u32(strings.add(name)).raw(&[0x12, 0]); // a global function
        symbols.u16(1).u64(address.wrapping_sub(base)).u64(0); // any section will do, but not "undefined" and not "absolute"
    }
    let count = functions.len() + 1;
    // One bucket, one chain through all symbols.
    let mut hash = Bytes::default();
    hash.u32(1).u32(count as u32).u32(1).u32(0);
    for index in 1..count {
        hash.u32((index as u32 + 1) % count as u32);
    }
    // Version 1 is the object itself, 2 is ours.
    let mut versions = Bytes::default();
    versions.u16(0);
    for _ in 1..count {
        versions.u16(2);
    }
    let mut definitions = Bytes::default();
    for (index, name, text, flags, next) in [(1, soname, SONAME, 1, 28), (2, version, VERSION, 0, 0)] {
        definitions
            .u16(1)
            .u16(flags)
            .u16(index)
            .u16(1)
            .u32(elf_hash(text))
            .u32(20)
            .u32(next)
            .u32(name)
            .u32(0);
    }
    assemble(
        &[
            (elf::DT_HASH as u64, hash),
            (elf::DT_SYMTAB as u64, symbols),
            (elf::DT_VERSYM as u64, versions),
            (elf::DT_VERDEF as u64, definitions),
            (elf::DT_STRTAB as u64, strings.0),
        ],
        soname,
    )
}

/// Puts headers, dynamic section and tables one after another.
fn assemble(tables: &[(u64, Bytes)], soname: u32) -> Vec<u8> {
    let strings_len = tables.last().map_or(0, |(_, table)| table.0.len()) as u64;
    let constants = [
        (DT_STRSZ, strings_len),
        (elf::DT_SYMENT as u64, SYMBOL as u64),
        (DT_SONAME, u64::from(soname)),
        (DT_VERDEFNUM, 2),
        (elf::DT_NULL as u64, 0),
    ];
    let dynamic_at = HEADER + 2 * PROGRAM_HEADER;
    let dynamic_len = (tables.len() + constants.len()) * DYNAMIC_ENTRY;
    let mut dynamic = Bytes::default();
    let mut body = Bytes::default();
    for (tag, table) in tables {
        body.0.resize(body.0.len().next_multiple_of(8), 0);
        dynamic
            .u64(*tag)
            .u64((dynamic_at + dynamic_len + body.0.len()) as u64);
        body.raw(&table.0);
    }
    for (tag, value) in constants {
        dynamic.u64(tag).u64(value);
    }
    let total = (dynamic_at + dynamic_len + body.0.len()) as u64;
    let mut out = Bytes::default();
    out.raw(&elf::ELFMAG)
        .raw(&[elf::ELFCLASS, elf::ELFDATA, elf::EV_CURRENT, 0])
        .u64(0);
    out.u16(elf::ET_DYN)
        .u16(EM_X86_64)
        .u32(1)
        .u64(0)
        .u64(HEADER as u64)
        .u64(0)
        .u32(0);
    out.u16(HEADER as u16)
        .u16(PROGRAM_HEADER as u16)
        .u16(2)
        .u16(0)
        .u16(0)
        .u16(0);
    let segments = [
        (elf::PT_LOAD, elf::PF_R | elf::PF_X, 0, total, 4096),
        (
            elf::PT_DYNAMIC,
            elf::PF_R,
            dynamic_at as u64,
            dynamic_len as u64,
            8,
        ),
    ];
    for (kind, flags, at, len, alignment) in segments {
        out.u32(kind)
            .u32(flags)
            .u64(at)
            .u64(at)
            .u64(at)
            .u64(len)
            .u64(len)
            .u64(alignment);
    }
    out.raw(&dynamic.0).raw(&body.0);
    out.0
}

/// Bytes under construction, little-endian.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn zeroed(len: usize) -> Self {
        Self(alloc::vec![0; len])
    }

    fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.raw(&value.to_le_bytes())
    }
}

/// A string table.
struct Strings(Bytes);

impl Default for Strings {
    fn default() -> Self {
        Self(Bytes::zeroed(1))
    }
}

impl Strings {
    fn add(&mut self, text: &str) -> u32 {
        let at = self.0.0.len() as u32;
        self.0.raw(text.as_bytes()).raw(&[0]);
        at
    }
}

/// The hash function of `DT_HASH` tables and version definitions (System V ABI, chapter 5, "Hash Table").
fn elf_hash(text: &str) -> u32 {
    text.bytes().fold(0u32, |hash, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(byte));
        let high = hash & 0xf000_0000;
        (hash ^ high >> 24) & !high
    })
}

/// A system call from the program's side, for what the functions here cannot answer.
fn system_call(number: u32, first: u64, second: u64) -> i32 {
    let result: i64;
    // SAFETY: made on the program's behalf, with its arguments; the kernel checks them. RCX and R11 are lost.
    unsafe {
        core::arch::asm!("syscall", inlateout("rax") u64::from(number) => result, in("rdi") first, in("rsi") second,
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result as i32
}

/// `int clock_gettime(clockid_t, struct timespec *)`
unsafe extern "C" fn clock_gettime(clock: i32, target: *mut __kernel_timespec) -> i32 {
    let ns = match clock as u32 {
        raw::CLOCK_MONOTONIC
        | raw::CLOCK_MONOTONIC_RAW
        | raw::CLOCK_MONOTONIC_COARSE
        | raw::CLOCK_BOOTTIME => time::now().0,
        raw::CLOCK_REALTIME | raw::CLOCK_REALTIME_COARSE | raw::CLOCK_TAI => time::realtime(),
        _ => return system_call(raw::__NR_clock_gettime, clock as u64, target as u64),
    };
    // SAFETY: the program's pointer; if it is bad the program faults, as with Linux's vDSO.
    unsafe {
        target.write_unaligned(__kernel_timespec {
            tv_sec: (ns / SECOND) as i64,
            tv_nsec: (ns % SECOND) as i64,
        })
    };
    0
}

/// `int clock_getres(clockid_t, struct timespec *)`
unsafe extern "C" fn clock_getres(clock: i32, target: *mut __kernel_timespec) -> i32 {
    system_call(raw::__NR_clock_getres, clock as u64, target as u64)
}

/// `int gettimeofday(struct timeval *, struct timezone *)`
unsafe extern "C" fn gettimeofday(target: *mut __kernel_old_timeval, zone: *mut [i32; 2]) -> i32 {
    let ns = time::realtime();
    // SAFETY: the program's pointers; if they are bad the program faults, as with Linux's vDSO.
    unsafe {
        if !target.is_null() {
            let (tv_sec, tv_usec) = ((ns / SECOND) as i64, (ns % SECOND / 1000) as i64);
            target.write_unaligned(__kernel_old_timeval { tv_sec, tv_usec });
        }
        if !zone.is_null() {
            zone.write_unaligned([0; 2]);
        }
    }
    0
}

/// `time_t time(time_t *)`
unsafe extern "C" fn time_of_day(target: *mut i64) -> i64 {
    let seconds = (time::realtime() / SECOND) as i64;
    if !target.is_null() {
        // SAFETY: the program's pointer; if it is bad the program faults, as with Linux's vDSO.
        unsafe { target.write_unaligned(seconds) };
    }
    seconds
}

/// `int getcpu(unsigned *, unsigned *, void *)`
unsafe extern "C" fn getcpu(cpu: *mut u32, node: *mut u32, _: *mut u8) -> i32 {
    for target in [cpu, node].into_iter().filter(|target| !target.is_null()) {
        // SAFETY: the program's pointer; if it is bad the program faults, as with Linux's vDSO.
        unsafe { target.write_unaligned(0) };
    }
    0
}

#[cfg(test)]
mod tests;
