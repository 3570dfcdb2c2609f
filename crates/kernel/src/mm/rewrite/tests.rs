//! The rewriter over real programs of this machine, judged by another decoder (`iced-x86`) that knows where functions begin.

use super::{
    arena::{Arena, Memory, Origin},
    scan::{Site, Way, sites},
};
use crate::mm::PAGE_SIZE;
use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionKind, SymbolKind};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

const ENTRY: u64 = 0x7f80_0020_1000;

/// Memory for stubs as a map; pages go below each other, somewhat above the code.
#[derive(Default)]
struct Fake {
    pages: BTreeMap<u64, Vec<u8>>,
    refuse: bool,
}

impl Memory for Fake {
    fn page(&mut self, near: u64) -> Option<u64> {
        if self.refuse {
            return None;
        }
        let lowest = self
            .pages
            .keys()
            .next()
            .copied()
            .unwrap_or((near & !0xf_ffff) + (1 << 30));
        let at = lowest - PAGE_SIZE as u64;
        let mut page = vec![0xcc; PAGE_SIZE];
        page[..8].copy_from_slice(&ENTRY.to_le_bytes());
        self.pages.insert(at, page);
        Some(at)
    }

    fn holds(&self, page: u64) -> bool {
        self.pages.contains_key(&page)
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        let (&start, page) = self.pages.range_mut(..=address).next_back().unwrap();
        page[(address - start) as usize..][..bytes.len()].copy_from_slice(bytes);
    }
}

impl Fake {
    fn stub(&self, address: u64) -> &[u8] {
        let (&start, page) = self.pages.range(..=address).next_back().unwrap();
        &page[(address - start) as usize..][..32]
    }
}

/// A program as another decoder sees it.
struct Program {
    path: PathBuf,
    /// Executable sections: address and contents.
    sections: Vec<(u64, Vec<u8>)>,
    instructions: BTreeMap<u64, Instruction>,
    /// Targets of direct branches and calls.
    targets: BTreeSet<u64>,
    functions: BTreeMap<u64, String>,
}

impl Program {
    fn open(path: &Path) -> Self {
        let data = std::fs::read(path).unwrap();
        let file = object::File::parse(&*data).unwrap();
        let functions: BTreeMap<u64, String> = file
            .symbols()
            .chain(file.dynamic_symbols())
            .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.address() != 0)
            .map(|symbol| (symbol.address(), symbol.name().unwrap_or_default().to_owned()))
            .collect();
        let executable = |section: &object::Section<'_, '_>| section.kind() == SectionKind::Text;
        let sections = file
            .sections()
            .filter(executable)
            .map(|section| (section.address(), section.data().unwrap().to_vec()))
            .collect();
        let mut program = Self {
            path: path.to_owned(),
            sections,
            instructions: BTreeMap::new(),
            targets: BTreeSet::new(),
            functions,
        };
        program.sweep();
        program
    }

    /// Decodes from each function to the next, so that what lies between functions cannot shift what comes after.
    fn sweep(&mut self) {
        for (base, bytes) in &self.sections {
            let end = base + bytes.len() as u64;
            let inner = self.functions.range(base + 1..end).map(|(&start, _)| start);
            let starts: Vec<u64> = [*base].into_iter().chain(inner).chain([end]).collect();
            for pair in starts.windows(2) {
                let code = &bytes[(pair[0] - base) as usize..(pair[1] - base) as usize];
                for instruction in Decoder::with_ip(64, code, pair[0], DecoderOptions::NONE) {
                    if instruction.op0_kind() == OpKind::NearBranch64 {
                        self.targets.insert(instruction.near_branch_target());
                    }
                    self.instructions.insert(instruction.ip(), instruction);
                }
            }
        }
    }

    /// The pages of a section as they would be mapped, with zeros around it.
    fn pages(base: u64, bytes: &[u8]) -> impl Iterator<Item = (u64, Vec<u8>)> {
        let lead = base as usize % PAGE_SIZE;
        let mut all = vec![0; lead];
        all.extend(bytes);
        all.resize(all.len().next_multiple_of(PAGE_SIZE), 0);
        let first = base - lead as u64;
        (0..all.len() / PAGE_SIZE).map(move |index| {
            let at = index * PAGE_SIZE;
            (first + at as u64, all[at..at + PAGE_SIZE].to_vec())
        })
    }

    /// Rewrites the program page by page, and holds each change against the sweep.
    fn check(&self) -> Tally {
        let mut tally = Tally::default();
        let (mut arena, mut memory) = (Arena::new(), Fake::default());
        for (base, bytes) in &self.sections {
            for (page_base, page) in Self::pages(*base, bytes) {
                let mut changed = page.clone();
                for patch in arena.plan(&mut memory, page_base, &page) {
                    changed[patch.offset..][..patch.bytes().len()].copy_from_slice(patch.bytes());
                }
                let mut expected = page.clone();
                for site in sites(&page) {
                    let what = format!(
                        "{} at {:#x}: {site:?}",
                        self.path.display(),
                        page_base + site.syscall as u64
                    );
                    self.check_place(page_base, &site, &what);
                    follow(&page, &changed, page_base, &site, (&arena, &memory), &what);
                    for range in site.overwritten() {
                        expected[range.clone()].copy_from_slice(&changed[range]);
                    }
                    tally.count(self, page_base, &site);
                }
                assert!(
                    expected == changed,
                    "{}: more was changed than the sites of {page_base:#x}",
                    self.path.display()
                );
                // A page that is dropped and comes back gets the same stubs.
                let pages = memory.pages.len();
                arena.plan(&mut memory, page_base, &page);
                assert_eq!(pages, memory.pages.len());
            }
        }
        let all = self
            .instructions
            .values()
            .filter(|instruction| instruction.code() == Code::Syscall);
        tally.traps = all.count() - tally.before - tally.hops;
        println!(
            "{}: {} before, {} hops, {} traps",
            self.path.display(),
            tally.before,
            tally.hops,
            tally.traps
        );
        tally
    }

    /// To the sweep too it is a `syscall`, what makes way is one instruction that runs anywhere, padding is unreachable, and no branch enters what is overwritten.
    fn check_place(&self, base: u64, site: &Site, what: &str) {
        let syscall = base + site.syscall as u64;
        assert_eq!(
            self.instructions.get(&syscall).map(Instruction::code),
            Some(Code::Syscall),
            "{what}"
        );
        match site.way {
            Way::Before(len) => {
                let moved = self.instructions.get(&(syscall - len as u64)).expect(what);
                assert_eq!(moved.len(), len, "{what}");
                assert!(
                    !moved.is_ip_rel_memory_operand() && moved.flow_control() == FlowControl::Next,
                    "{what}"
                );
            }
            Way::Hop(pad) => {
                let pad = base + pad as u64;
                let mut at = *self.instructions.range(..=pad).next_back().unwrap().0;
                while at < pad + 5 {
                    let filling = &self.instructions[&at];
                    assert!(
                        matches!(filling.mnemonic(), Mnemonic::Nop | Mnemonic::Int3),
                        "{what}"
                    );
                    at = filling.next_ip();
                }
                assert_eq!(self.targets.range(pad..pad + 5).next(), None, "{what}");
            }
        }
        for range in site.overwritten() {
            let inside = base + range.start as u64 + 1..base + range.end as u64;
            assert_eq!(self.targets.range(inside).next(), None, "{what}");
        }
    }
}

/// What came of one program.
#[derive(Debug, Default)]
struct Tally {
    before: usize,
    hops: usize,
    traps: usize,
    /// Functions that have a site.
    functions: BTreeSet<String>,
}

impl Tally {
    fn count(&mut self, program: &Program, base: u64, site: &Site) {
        match site.way {
            Way::Before(_) => self.before += 1,
            Way::Hop(_) => self.hops += 1,
        }
        if let Some((_, name)) = program.functions.range(..=base + site.syscall as u64).next_back() {
            self.functions.insert(name.clone());
        }
    }

    fn part(&self) -> f64 {
        (self.before + self.hops) as f64 / (self.before + self.hops + self.traps) as f64
    }
}

impl Site {
    fn overwritten(&self) -> impl Iterator<Item = Range<usize>> {
        let (first, second) = match self.way {
            Way::Before(len) => (self.syscall - len..self.syscall, None),
            Way::Hop(pad) => (self.syscall..self.syscall + 2, Some(pad..pad + 5)),
        };
        [first].into_iter().chain(second)
    }
}

fn decode(bytes: &[u8], ip: u64) -> Instruction {
    Decoder::with_ip(64, bytes, ip, DecoderOptions::NONE).decode()
}

/// Walks from the site to the kernel's entry as the processor would.
fn follow(page: &[u8], changed: &[u8], base: u64, site: &Site, (arena, memory): (&Arena, &Fake), what: &str) {
    let syscall = base + site.syscall as u64;
    let jump = |at: usize| decode(&changed[at..], base + at as u64).near_branch_target();
    let (slot, moved) = match site.way {
        Way::Before(len) => {
            assert_eq!(
                changed[site.syscall..][..2],
                [0x0f, 0x05],
                "{what}: who jumps to it must find it"
            );
            (jump(site.syscall - len), &page[site.syscall - len..site.syscall])
        }
        Way::Hop(pad) => {
            assert_eq!(jump(site.syscall), base + pad as u64, "{what}");
            assert_eq!(
                arena.origin(base + pad as u64),
                Some(Origin::Padding(syscall)),
                "{what}"
            );
            (jump(pad), &[][..])
        }
    };
    let code = memory.stub(slot);
    let mut at = moved.len();
    assert_eq!(&code[..at], moved, "{what}");
    let lea = decode(&code[at..], slot + at as u64);
    assert_eq!(
        (lea.code(), lea.op0_register()),
        (Code::Lea_r64_m, Register::RCX),
        "{what}"
    );
    assert_eq!(lea.ip_rel_memory_address(), syscall + 2, "{what}");
    at += lea.len();
    let enter = decode(&code[at..], slot + at as u64);
    assert_eq!(enter.code(), Code::Jmp_rm64, "{what}");
    assert_eq!(
        memory.stub(enter.ip_rel_memory_address())[..8],
        ENTRY.to_le_bytes(),
        "{what}"
    );
    for (offset, stands) in [
        (0, syscall - moved.len() as u64),
        (moved.len(), syscall),
        (at, syscall),
    ] {
        match arena.origin(slot + offset as u64) {
            Some(Origin::Stub { at, .. }) => assert_eq!(at, stands, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// Compiles a program that uses much of a C library.
fn compile(compiler: &str, flags: &[&str], dir: &Path) -> PathBuf {
    let source = dir.join("program.c");
    let text = "#define _GNU_SOURCE\n#include <pthread.h>\n#include <stdio.h>\n#include <sys/socket.h>\n#include <unistd.h>\n\
        static void *f(void *p) { char c; return (void *)read(*(int *)p, &c, 1); }\n\
        int main(void) { int fd = socket(1, 1, 0); pthread_t t; pthread_create(&t, 0, f, &fd); pthread_cancel(t);\n\
        pthread_join(t, 0); return printf(\"%ld\", syscall(39, 0)) + getpid(); }\n";
    std::fs::write(&source, text).unwrap();
    let program = dir.join(compiler);
    let done = Command::new(compiler)
        .args(flags)
        .arg("-o")
        .arg(&program)
        .arg(&source)
        .status();
    assert!(done.unwrap().success(), "{compiler}");
    program
}

#[test]
fn the_c_library_of_this_machine() {
    let tally = Program::open(Path::new("/lib/x86_64-linux-gnu/libc.so.6")).check();
    assert!(tally.part() > 0.8, "{tally:?}");
    let all: Vec<&str> = tally.functions.iter().map(String::as_str).collect();
    for name in ["read", "write", "getpid", "epoll_wait", "recv", "send", "syscall"] {
        assert!(
            all.iter()
                .any(|function| function.trim_start_matches('_') == name),
            "{name}: {all:?}"
        );
    }
}

#[test]
fn the_program_interpreter_of_this_machine() {
    Program::open(Path::new("/lib64/ld-linux-x86-64.so.2")).check();
}

#[test]
fn static_programs_of_both_c_libraries() {
    let dir = tempfile::tempdir().unwrap();
    let glibc = Program::open(&compile("gcc", &["-static", "-O2", "-pthread"], dir.path())).check();
    assert!(glibc.part() > 0.7, "{glibc:?}");
    let musl = Program::open(&compile("musl-gcc", &["-static", "-O2", "-pthread"], dir.path())).check();
    assert!(musl.part() > 0.3, "{musl:?}");
    assert!(
        musl.functions.contains("__cp_begin") || musl.functions.contains("__syscall_cp_asm"),
        "{musl:?}"
    );
}

/// Go's way of making system calls: `runc` is written in it.
#[test]
fn a_go_program() {
    let tally = Program::open(Path::new("/usr/sbin/runc")).check();
    assert!(tally.before + tally.hops > 0, "{tally:?}");
}

/// Whatever bytes are mapped executable: nothing panics, and what is changed lies in the page and does not overlap.
#[test]
fn random_pages_are_taken_calmly() {
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    // Pieces of real code in a random order, as pure noise is never rewritten.
    let pieces: [&[u8]; 9] = [
        &[0x0f, 0x05],
        &[0xb8, 0x27, 0, 0, 0],
        &[0x48, 0xc7, 0xc0, 1, 0, 0, 0],
        &[0xc3],
        &[0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
        &[0xcc, 0xcc, 0xcc, 0xcc, 0xcc],
        &[0x48, 0x89, 0xc7],
        &[0xeb, 0x05],
        &[0x0f, 0x1f, 0x44, 0, 0],
    ];
    let mut seen = 0;
    for _ in 0..300 {
        let mut page = Vec::new();
        while page.len() < PAGE_SIZE {
            match random() % 12 {
                0 => page.extend(random().to_le_bytes()),
                1 => page.resize(page.len().next_multiple_of(16), 0xcc),
                _ => page.extend(pieces[(random() % pieces.len() as u64) as usize]),
            }
        }
        page.truncate(PAGE_SIZE);
        let mut taken = vec![false; PAGE_SIZE];
        let patches = Arena::new().plan(&mut Fake::default(), 0x40_0000, &page);
        for patch in &patches {
            for slot in &mut taken[patch.offset..patch.offset + patch.bytes().len()] {
                assert!(!std::mem::replace(slot, true), "two patches overlap");
            }
        }
        seen += patches.len();
    }
    assert!(seen > 1000, "{seen}");
}

#[test]
fn without_memory_all_stay_traps() {
    let page = [
        [0x90; 100].as_slice(),
        &[0xb8, 0x27, 0, 0, 0, 0x0f, 0x05, 0xc3],
        &[0x90; 100],
    ]
    .concat();
    let mut memory = Fake {
        refuse: true,
        ..Fake::default()
    };
    assert_eq!(sites(&page).len(), 1);
    assert_eq!(Arena::new().plan(&mut memory, 0x40_0000, &page), []);
}

/// A signal frame is known by the bytes of `rt_sigreturn`, which therefore stay.
#[test]
fn the_return_from_a_handler_stays() {
    for (mov, number) in [(&[0x48, 0xc7, 0xc0][..], 2), (&[0xb8], 4)] {
        // 112 bytes of one instruction each, so that the padding behind is where it should be.
        let page = |call: u8| {
            let mut page = [
                &[0x53; 112 - 16][..],
                &[0x53; 7][number..],
                mov,
                &[call, 0, 0, 0, 0x0f, 0x05, 0xc3],
            ]
            .concat();
            page.resize(112, 0xcc);
            page.extend([0x53; 16]);
            page
        };
        assert_eq!(sites(&page(14)).len(), 1);
        assert_eq!(sites(&page(15)), []);
    }
}

#[test]
fn padding_that_something_branches_to_is_left_alone() {
    let code = |first: &[u8]| {
        let mut page = [0x53u8; 128].to_vec();
        page[64..64 + first.len()].copy_from_slice(first);
        page.extend([
            0x31, 0xc0, 0x0f, 0x05, 0xc3, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0, 0x90,
        ]);
        page.extend([0x53; 64]);
        page
    };
    assert_eq!(
        sites(&code(&[0x53, 0x53])),
        [Site {
            syscall: 130,
            way: Way::Hop(133)
        }]
    );
    // jmp rel8 to the first byte of the padding, to the last that a jump takes, and behind it.
    for (distance, free) in [(133 - 66, false), (137 - 66, false), (138 - 66, true)] {
        assert_eq!(
            sites(&code(&[0xeb, distance])).len(),
            usize::from(free),
            "{distance}"
        );
    }
}
