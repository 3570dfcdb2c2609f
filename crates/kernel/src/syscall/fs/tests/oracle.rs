//! Random and chosen calls to both kernels.

use super::{CALLS, Pair};
use crate::fs::testing::Random;
use linux_raw_sys::general as raw;
use std::ffi::CString;

const PATHS: [&str; 34] = [
    "a", "b", "c", "d", "a/b", "a/c", "b/a", "a/b/c", "b/c/d", "a/", "b/", "c//", "./a", "a/.", "a/..",
    "b/../c", "a/b/..", "a/./b", ".", "..", "a/b/", "l", "l/", "l/a", "m", "m/b", "l/../b", "n", "a/l", "",
    "/", "c/a", "c/b/a", "d/",
];
const TARGETS: [&str; 8] = ["a", "b", "l", "a/b", "m", "nothing", "..", "./c/"];
const OPEN_FLAGS: [u32; 12] = [
    raw::O_RDONLY,
    raw::O_WRONLY,
    raw::O_CREAT | raw::O_RDWR,
    raw::O_CREAT | raw::O_WRONLY,
    raw::O_CREAT | raw::O_EXCL | raw::O_RDWR,
    raw::O_CREAT | raw::O_TRUNC | raw::O_WRONLY,
    raw::O_CREAT | raw::O_NOFOLLOW | raw::O_RDWR,
    raw::O_TRUNC,
    raw::O_DIRECTORY,
    raw::O_NOFOLLOW,
    raw::O_PATH | raw::O_NOFOLLOW,
    raw::O_DIRECTORY | raw::O_NOFOLLOW,
];

/// One random call on names.
fn step(pair: &mut Pair, random: &mut Random) {
    let (first, second) = (*random.pick(&PATHS), *random.pick(&PATHS));
    // The root of the host is none of our business.
    let harmless = |path: &str| path != "/" && path != "..";
    let (c_first, c_second) = (CString::new(first).unwrap(), CString::new(second).unwrap());
    let (p, q) = (c_first.as_ptr() as u64, c_second.as_ptr() as u64);
    match random.below(12) {
        0 | 1 => {
            let flags = *random.pick(&OPEN_FLAGS);
            if let Some(fds) = pair.open(first, flags) {
                pair.on(
                    "fcntl(F_GETFL)",
                    fds,
                    raw::__NR_fcntl,
                    [u64::from(raw::F_GETFL), 0, 0, 0, 0],
                );
                let text = b"some text";
                pair.on(
                    "write",
                    fds,
                    raw::__NR_write,
                    [text.as_ptr() as u64, random.below(9) as u64, 0, 0, 0],
                );
                pair.close(fds);
            }
        }
        2 | 3 => {
            let what = format!("mkdirat({first:?})");
            pair.call(what, raw::__NR_mkdirat, &[0], [0, p, 0o755, 0, 0, 0]);
        }
        4 | 5 if harmless(first) && harmless(second) => {
            let flags = *random.pick(&[0, 0, raw::RENAME_NOREPLACE, raw::RENAME_EXCHANGE]);
            let what = format!("renameat2({first:?}, {second:?}, {flags})");
            pair.call(
                what,
                raw::__NR_renameat2,
                &[0, 2],
                [0, p, 0, q, u64::from(flags), 0],
            );
        }
        6 if harmless(first) => {
            pair.call(
                format!("unlinkat({first:?})"),
                raw::__NR_unlinkat,
                &[0],
                [0, p, 0, 0, 0, 0],
            );
        }
        7 if harmless(first) => {
            let flags = u64::from(raw::AT_REMOVEDIR);
            pair.call(
                format!("rmdir({first:?})"),
                raw::__NR_unlinkat,
                &[0],
                [0, p, flags, 0, 0, 0],
            );
        }
        8 => {
            let target = *random.pick(&TARGETS);
            let c_target = CString::new(target).unwrap();
            let what = format!("symlinkat({target:?}, {first:?})");
            pair.call(
                what,
                raw::__NR_symlinkat,
                &[1],
                [c_target.as_ptr() as u64, 0, p, 0, 0, 0],
            );
        }
        9 if harmless(first) && harmless(second) => {
            let flags = *random.pick(&[0, raw::AT_SYMLINK_FOLLOW]);
            let what = format!("linkat({first:?}, {second:?}, {flags:#x})");
            pair.call(what, raw::__NR_linkat, &[0, 2], [0, p, 0, q, u64::from(flags), 0]);
        }
        10 => {
            let mut buffer = [0u8; 64];
            let what = format!("readlinkat({first:?})");
            pair.call(
                what,
                raw::__NR_readlinkat,
                &[0],
                [0, p, buffer.as_mut_ptr() as u64, 64, 0, 0],
            );
        }
        _ => {
            let mode = random.below(10) as u64;
            pair.call(
                format!("faccessat({first:?}, {mode})"),
                raw::__NR_faccessat,
                &[0],
                [0, p, mode, 0, 0, 0],
            );
        }
    }
}

#[test]
fn names_behave_as_on_linux() {
    for seed in 1..=40 {
        let mut pair = Pair::new();
        let mut random = Random::new(seed * 7919);
        for _ in 0..400 {
            step(&mut pair, &mut random);
        }
        pair.compare_trees();
    }
}

/// One random call on an open file; its answer where it is a number only.
fn file_step(pair: &mut Pair, fds: [u64; 2], random: &mut Random) -> Option<i64> {
    let (at, len) = (random.below(30_000) as u64, random.below(9_000) as u64);
    let bytes: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
    let mut buffers = [vec![0u8; len as usize], vec![0u8; len as usize]];
    let (number, whence) = match random.below(9) {
        0 => {
            return Some(pair.on(
                "write",
                fds,
                raw::__NR_write,
                [bytes.as_ptr() as u64, len, 0, 0, 0],
            ));
        }
        1 => {
            return Some(pair.on(
                "pwrite",
                fds,
                raw::__NR_pwrite64,
                [bytes.as_ptr() as u64, len, at, 0, 0],
            ));
        }
        2 => return Some(pair.on("ftruncate", fds, raw::__NR_ftruncate, [at, 0, 0, 0, 0])),
        3 => {
            let mode = *random.pick(&[0, u64::from(raw::FALLOC_FL_KEEP_SIZE), 3, 2, 1 << 20]);
            return Some(pair.on("fallocate", fds, raw::__NR_fallocate, [mode, at, len, 0, 0]));
        }
        4 => {
            let whence = random.below(3) as u64;
            let offset = if random.below(2) == 0 {
                at
            } else {
                at.wrapping_neg()
            };
            return Some(pair.on("lseek", fds, raw::__NR_lseek, [offset, whence, 0, 0, 0]));
        }
        5 => {
            let parts = [
                (bytes.as_ptr() as u64, len / 3),
                (bytes.as_ptr() as u64, 0),
                (bytes.as_ptr() as u64, len / 2),
            ];
            return Some(pair.on(
                "writev",
                fds,
                raw::__NR_writev,
                [parts.as_ptr() as u64, 3, 0, 0, 0],
            ));
        }
        6 => (raw::__NR_read, 0),
        _ => (raw::__NR_pread64, at),
    };
    let counts: Vec<i64> = (0..2)
        .map(|side| {
            CALLS[side](
                number,
                [fds[side], buffers[side].as_mut_ptr() as u64, len, whence, 0, 0],
            )
        })
        .collect();
    pair.log.push(format!("read({len} at {whence}) = {counts:?}"));
    assert!(
        counts[0] == counts[1] && buffers[0] == buffers[1],
        "reads differ; last calls:\n{}",
        pair.recent()
    );
    None
}

#[test]
fn contents_behave_as_on_linux() {
    for (seed, flags) in [(1, 0), (2, raw::O_APPEND), (3, 0), (4, 0)] {
        let mut pair = Pair::new();
        let mut random = Random::new(seed * 104_729);
        let fds = pair.open("f", raw::O_CREAT | raw::O_RDWR | flags).unwrap();
        for _ in 0..600 {
            file_step(&mut pair, fds, &mut random);
        }
        pair.close(fds);
        pair.compare_trees();
    }
}

#[test]
fn refusals_are_those_of_linux() {
    let mut pair = Pair::new();
    let fds = pair.open("f", raw::O_CREAT | raw::O_RDWR).unwrap();
    let reader = pair.open("f", raw::O_RDONLY).unwrap();
    let dir = pair.open(".", raw::O_RDONLY).unwrap();
    let place = pair.open("f", raw::O_PATH).unwrap();
    let mut byte = [0u8; 8];
    let at = byte.as_mut_ptr() as u64;
    for fds in [fds, reader, dir, place, [u64::MAX, u64::MAX], [9999, 9999]] {
        pair.on("read", fds, raw::__NR_read, [at, 1, 0, 0, 0]);
        pair.on("write", fds, raw::__NR_write, [at, 1, 0, 0, 0]);
        pair.on("pread", fds, raw::__NR_pread64, [at, 1, u64::MAX, 0, 0]);
        pair.on("pread", fds, raw::__NR_pread64, [at, 1, 0, 0, 0]);
        pair.on("pwrite", fds, raw::__NR_pwrite64, [at, 1, u64::MAX, 0, 0]);
        pair.on("ftruncate", fds, raw::__NR_ftruncate, [u64::MAX, 0, 0, 0, 0]);
        pair.on("ftruncate", fds, raw::__NR_ftruncate, [1, 0, 0, 0, 0]);
        pair.on("lseek", fds, raw::__NR_lseek, [0, 9, 0, 0, 0]);
        pair.on("lseek", fds, raw::__NR_lseek, [u64::MAX, 0, 0, 0, 0]);
        pair.on("fsync", fds, raw::__NR_fsync, [0; 5]);
        pair.on("fchmod", fds, raw::__NR_fchmod, [0o600, 0, 0, 0, 0]);
        pair.on("flock", fds, raw::__NR_flock, [77, 0, 0, 0, 0]);
        pair.on("fallocate", fds, raw::__NR_fallocate, [0, 0, 0, 0, 0]);
        pair.on("fallocate", fds, raw::__NR_fallocate, [0, 0, 1, 0, 0]);
        pair.on(
            "F_SETFD",
            fds,
            raw::__NR_fcntl,
            [u64::from(raw::F_SETFD), 1, 0, 0, 0],
        );
        pair.on(
            "F_GETFD",
            fds,
            raw::__NR_fcntl,
            [u64::from(raw::F_GETFD), 0, 0, 0, 0],
        );
        pair.on(
            "F_GETFL",
            fds,
            raw::__NR_fcntl,
            [u64::from(raw::F_GETFL), 0, 0, 0, 0],
        );
        pair.on(
            "F_DUPFD",
            fds,
            raw::__NR_fcntl,
            [u64::from(raw::F_DUPFD), u64::MAX, 0, 0, 0],
        );
        pair.on(
            "F_GETPIPE_SZ",
            fds,
            raw::__NR_fcntl,
            [u64::from(raw::F_GETPIPE_SZ), 0, 0, 0, 0],
        );
        pair.on("unknown fcntl", fds, raw::__NR_fcntl, [9999, 0, 0, 0, 0]);
        pair.on("TCGETS", fds, raw::__NR_ioctl, [0x5401, at, 0, 0, 0]);
        pair.on("readv", fds, raw::__NR_readv, [at, 2000, 0, 0, 0]);
        let onto_itself = [0, 1].map(|side| CALLS[side](raw::__NR_dup3, [fds[side], fds[side], 0, 0, 0, 0]));
        assert_eq!(onto_itself[0], onto_itself[1], "dup3 onto itself");
        pair.on(
            "F_GET_SEALS",
            fds,
            raw::__NR_fcntl,
            [u64::from(raw::F_GET_SEALS), 0, 0, 0, 0],
        );
    }
    for fds in [fds, reader, dir, place] {
        pair.close(fds);
    }
}

#[test]
fn whole_file_locks_conflict_between_openings() {
    let mut pair = Pair::new();
    let one = pair.open("f", raw::O_CREAT | raw::O_RDWR).unwrap();
    let two = pair.open("f", raw::O_RDWR).unwrap();
    let [shared, exclusive, unlock] = [5u64, 6, 8];
    for (fds, operation) in [
        (one, shared),
        (two, shared),
        (two, exclusive),
        (one, exclusive),
        (two, unlock),
        (one, exclusive),
        (two, shared),
        (one, unlock),
        (two, exclusive),
    ] {
        pair.on("flock", fds, raw::__NR_flock, [operation | 4, 0, 0, 0, 0]);
    }
    pair.close(two);
    assert_eq!(pair.on("flock", one, raw::__NR_flock, [exclusive, 0, 0, 0, 0]), 0);
    pair.close(one);
}
