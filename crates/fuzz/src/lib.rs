//! Fuzzing on stable Rust, from within ordinary tests.
//!
//! A target is a test whose name begins with `fuzz_` and that calls [`run`]. In `cargo test` it replays what once failed and tries a few thousand mutations of
//! its seeds, the same each time. `cargo xtask fuzz` builds the tests with coverage counters and runs each for some seconds: inputs that reach
//! new code are kept (in `target/fuzz/corpus`) and mutated further. An input that fails is written to `crates/fuzz/failures/TARGET`; checked in, it is a
//! regression test from then on.
//!
//! Why not a crate: `cargo fuzz` and the engines of `bolero` that look at coverage want nightly Rust or its sanitizer flags, AFL an instrumented build by a
//! compiler of its own, and both want targets outside of the crates, where what is to be fuzzed would have to be public. `-C instrument-coverage` is
//! stable, and its counters can be read in the process that counts.

mod counters;
mod mutate;

use std::{
    env, fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use mutate::Mutator;

/// Seconds for each target; without it, [`ROUNDS`] rounds.
pub const SECONDS: &str = "UIGNITER_FUZZ_SECONDS";
/// Rounds of a target in an ordinary test run.
const ROUNDS: u64 = 3000;
/// An input that takes longer has found something: a stall.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest input in bytes.
const MAX_LEN: usize = 4096;
/// Most inputs that are kept of one run.
const MAX_CORPUS: usize = 4000;

/// Runs `target` on what once failed, on the seeds, and on mutations of those.
///
/// # Panics
///
/// When the target panics or stalls, after writing the input to a file; `name` is the folder of its failures.
pub fn run(name: &str, seeds: &[&[u8]], target: impl Fn(&[u8])) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let failures = root.join("failures").join(name);
    let kept = root.join("../../target/fuzz/corpus").join(name);
    for (path, input) in inputs(&failures) {
        eprintln!("{name}: replaying {}", path.display());
        target(&input);
    }
    let budget = env::var(SECONDS).ok().and_then(|seconds| seconds.parse().ok());
    let mut corpus: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.to_vec()).collect();
    if budget.is_some() {
        corpus.extend(inputs(&kept).into_iter().map(|(_, input)| input));
    }
    corpus.push(Vec::new());
    let fuzzer = Fuzzer {
        name,
        failures,
        kept: budget.map(|_| kept),
        target,
    };
    fuzzer.run(corpus, budget.map(Duration::from_secs));
}

/// The files of a folder, if there is one, in the order of their names.
fn inputs(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: PathBuf| fs::read(&path).ok().map(|input| (path, input));
    paths.into_iter().filter_map(read).collect()
}

struct Fuzzer<'a, F> {
    name: &'a str,
    failures: PathBuf,
    /// Where inputs that reach new code are kept.
    kept: Option<PathBuf>,
    target: F,
}

impl<F: Fn(&[u8])> Fuzzer<'_, F> {
    fn run(&self, mut corpus: Vec<Vec<u8>>, budget: Option<Duration>) {
        let begin = Instant::now();
        // The clock only where time is the bound: an ordinary test does the same each time.
        let seed = budget.map_or(1, |_| begin_seed());
        let mut mutator = Mutator::new(seed, MAX_LEN);
        let mut coverage = counters::Coverage::default();
        for input in &corpus {
            self.try_one(input, &mut coverage);
        }
        let mut rounds = 0;
        while budget.map_or(rounds < ROUNDS, |budget| begin.elapsed() < budget) {
            rounds += 1;
            let input = mutator.next(&corpus);
            if self.try_one(&input, &mut coverage) && corpus.len() < MAX_CORPUS {
                self.keep(&input);
                corpus.push(input);
            }
        }
        if budget.is_some() {
            let spent = begin.elapsed().as_secs_f32();
            eprintln!(
                "{}: {rounds} inputs in {spent:.1} s, {} kept, {} places reached",
                self.name,
                corpus.len(),
                coverage.reached()
            );
        }
    }

    /// True if the input reached code that none did before.
    fn try_one(&self, input: &[u8], coverage: &mut counters::Coverage) -> bool {
        let begin = Instant::now();
        let new = coverage.of(|| {
            if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| (self.target)(input))) {
                self.save(input, "panicked");
                panic::resume_unwind(payload);
            }
        });
        if begin.elapsed() > PATIENCE {
            self.save(input, "stalled");
        }
        assert!(begin.elapsed() <= PATIENCE, "{} stalled", self.name);
        new
    }

    fn save(&self, input: &[u8], what: &str) {
        let path = self.failures.join(file_name(input));
        let written = fs::create_dir_all(&self.failures).and_then(|()| fs::write(&path, input));
        eprintln!(
            "{}: the target {what}; input in {}: {written:?}",
            self.name,
            path.display()
        );
    }

    fn keep(&self, input: &[u8]) {
        let Some(folder) = &self.kept else { return };
        // What is kept only saves time in the next run.
        let _ = fs::create_dir_all(folder).and_then(|()| fs::write(folder.join(file_name(input)), input));
    }
}

fn begin_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(1, |now| now.as_nanos() as u64)
}

/// A name that the bytes have (FNV-1a).
fn file_name(input: &[u8]) -> String {
    let fold = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    format!("{:016x}", input.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// Takes values out of an input, for targets that want more than bytes; after its end everything is 0.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads from the start.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self(input)
    }

    /// True when nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next bytes, at most `count`.
    pub fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        bytes
    }

    /// The next byte.
    pub fn u8(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or(0)
    }

    /// The next two bytes.
    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    /// The next four bytes.
    pub fn u32(&mut self) -> u32 {
        u32::from(self.u16()) | u32::from(self.u16()) << 16
    }

    /// The next eight bytes.
    pub fn u64(&mut self) -> u64 {
        u64::from(self.u32()) | u64::from(self.u32()) << 32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_planted_defect_is_found_saved_and_replayed() {
        let name = format!("self-test-{}", std::process::id());
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("failures").join(&name);
        let defect = |input: &[u8]| assert!(input.len() < 2 || input[..2] != [0xff, 0xff], "planted");
        let found = panic::catch_unwind(|| run(&name, &[b"abcd"], defect));
        let saved = inputs(&folder);
        let again = panic::catch_unwind(|| run(&name, &[], defect));
        let mended = panic::catch_unwind(|| run(&name, &[], |_| {}));
        fs::remove_dir_all(&folder).unwrap();
        assert!(found.is_err() && again.is_err() && mended.is_ok());
        assert_eq!(saved.len(), 1);
    }

    #[test]
    fn a_reader_ends_in_zeros() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!((reader.u16(), reader.u32(), reader.is_empty()), (0x0201, 3, true));
        assert_eq!(reader.bytes(9), b"");
    }
}
