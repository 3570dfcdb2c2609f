//! The image as a C library's loader sees it.

use super::*;

const BASE: u64 = 0x5555_0000_0000;

/// A view of the image through its dynamic section only, like a loader's.
struct Loaded(Vec<u8>);

impl Loaded {
    fn u16(&self, at: u64) -> u16 {
        u16::from_le_bytes(self.0[at as usize..][..2].try_into().unwrap())
    }

    fn u32(&self, at: u64) -> u32 {
        u32::from_le_bytes(self.0[at as usize..][..4].try_into().unwrap())
    }

    fn u64(&self, at: u64) -> u64 {
        u64::from_le_bytes(self.0[at as usize..][..8].try_into().unwrap())
    }

    fn segment(&self, kind: u32) -> (u64, u64) {
        let headers = self.u64(32);
        let at = (0..u64::from(self.u16(56)))
            .map(|index| headers + index * 56)
            .find(|&at| self.u32(at) == kind)
            .unwrap();
        (self.u64(at + 16), self.u64(at + 32))
    }

    fn dynamic(&self, tag: u64) -> u64 {
        let (at, len) = self.segment(elf::PT_DYNAMIC);
        let entry = (at..at + len).step_by(16).find(|&at| self.u64(at) == tag);
        self.u64(entry.unwrap_or_else(|| panic!("no dynamic entry {tag:#x}")) + 8)
    }

    fn string(&self, offset: u32) -> String {
        let at = (self.dynamic(elf::DT_STRTAB as u64) + u64::from(offset)) as usize;
        self.0[at..]
            .iter()
            .take_while(|&&byte| byte != 0)
            .map(|&byte| byte as char)
            .collect()
    }

    /// As `dl_vdso_vsym` of glibc and `__vdsosym` of musl: by hash chain, name, type and version.
    fn symbol(&self, name: &str) -> Option<u64> {
        let hash = self.dynamic(elf::DT_HASH as u64);
        let (buckets, chains) = (u64::from(self.u32(hash)), u64::from(self.u32(hash + 4)));
        let mut index = u64::from(self.u32(hash + 8 + u64::from(elf_hash(name)) % buckets * 4));
        while index != 0 {
            assert!(index < chains);
            let at = self.dynamic(elf::DT_SYMTAB as u64) + index * 24;
            let (kind, section) = (self.0[at as usize + 4], self.u16(at + 6));
            let version = self.u16(self.dynamic(elf::DT_VERSYM as u64) + index * 2) & 0x7fff;
            if self.string(self.u32(at)) == name
                && kind == 0x12
                && section != elf::SHN_UNDEF
                && section != elf::SHN_ABS
            {
                assert_eq!(self.version(version), VERSION);
                return Some(BASE.wrapping_add(self.u64(at + 8)));
            }
            index = u64::from(self.u32(hash + 8 + (buckets + index) * 4));
        }
        None
    }

    fn version(&self, wanted: u16) -> String {
        let mut at = self.dynamic(elf::DT_VERDEF as u64);
        loop {
            let name = self.string(self.u32(at + u64::from(self.u32(at + 12))));
            assert_eq!(self.u32(at + 8), elf_hash(&name));
            if self.u16(at + 2) & 1 == 0 && self.u16(at + 4) & 0x7fff == wanted {
                return name;
            }
            assert_ne!(self.u32(at + 16), 0, "no version {wanted}");
            at += u64::from(self.u32(at + 16));
        }
    }
}

fn load() -> Loaded {
    Loaded(image(BASE))
}

#[test]
fn the_image_is_one_loadable_page() {
    let loaded = load();
    assert!(loaded.0.len() <= 4096, "{} bytes", loaded.0.len());
    assert_eq!(loaded.segment(elf::PT_LOAD), (0, loaded.0.len() as u64));
    assert_eq!(
        (loaded.u16(16), loaded.u16(18), &loaded.0[..4]),
        (elf::ET_DYN, EM_X86_64, &b"\x7fELF"[..])
    );
    assert_eq!(loaded.string(loaded.dynamic(DT_SONAME) as u32), SONAME);
    assert_eq!(
        loaded.dynamic(DT_STRSZ) + loaded.dynamic(elf::DT_STRTAB as u64),
        loaded.0.len() as u64
    );
    // What glibc has built in for this version.
    assert_eq!(elf_hash(VERSION), 0x3ae_75f6);
}

#[test]
fn all_symbols_are_found_and_point_at_the_functions() {
    let loaded = load();
    for (name, address) in functions() {
        assert_eq!(loaded.symbol(name), Some(address), "{name}");
    }
    assert_eq!(loaded.symbol("__vdso_nothing"), None);
}

#[test]
fn the_functions_tell_the_kernels_time() {
    let mut spec = __kernel_timespec {
        tv_sec: -1,
        tv_nsec: -1,
    };
    let mut read = |clock: u32| {
        // SAFETY: a live `timespec`.
        assert_eq!(unsafe { clock_gettime(clock as i32, &raw mut spec) }, 0);
        spec.tv_sec as u64 * SECOND + spec.tv_nsec as u64
    };
    let before = time::now().0;
    let middle = read(raw::CLOCK_MONOTONIC);
    assert!((before..=time::now().0).contains(&middle));
    assert!(read(raw::CLOCK_REALTIME) <= time::realtime());
    // Not known here, so it is a system call, and this is Linux.
    assert!(read(raw::CLOCK_THREAD_CPUTIME_ID) > 0);
    let (mut value, mut zone) = (
        __kernel_old_timeval {
            tv_sec: -1,
            tv_usec: -1,
        },
        [7; 2],
    );
    // SAFETY: live targets, or null.
    unsafe {
        assert_eq!(gettimeofday(&raw mut value, &raw mut zone), 0);
        assert_eq!(zone, [0; 2]);
        assert!((value.tv_sec..=value.tv_sec + 1).contains(&time_of_day(core::ptr::null_mut())));
        let mut cpu = 9;
        assert_eq!(
            (
                getcpu(&raw mut cpu, core::ptr::null_mut(), core::ptr::null_mut()),
                cpu
            ),
            (0, 0)
        );
        assert_eq!(clock_gettime(99, &raw mut spec), -22);
    }
}
