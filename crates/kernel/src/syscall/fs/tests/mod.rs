//! Linux is the oracle: the same calls go to the host's kernel (below a directory on a tmpfs) and to ours, and the answers must be the same.

mod oracle;
mod own;

use crate::{
    fs::testing::boot,
    syscall::{Args, dispatch},
};
use linux_raw_sys::general as raw;
use std::{
    ffi::CString,
    fs,
    os::fd::{AsRawFd, OwnedFd},
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

unsafe extern "C" {
    fn syscall(number: i64, ...) -> i64;
}

/// A call to the host's kernel: the value, or the negative error number.
fn host(number: u32, args: [u64; 6]) -> i64 {
    // SAFETY: the tests pass valid pointers and lengths.
    let value = unsafe {
        syscall(
            i64::from(number),
            args[0],
            args[1],
            args[2],
            args[3],
            args[4],
            args[5],
        )
    };
    if value == -1 {
        -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap())
    } else {
        value
    }
}

/// A call to our kernel.
fn ours(number: u32, args: [u64; 6]) -> i64 {
    dispatch(u64::from(number), &Args(args))
}

/// The same working place in both kernels.
struct Pair {
    host: OwnedFd,
    ours: i64,
    path: PathBuf,
    log: Vec<String>,
}

const CALLS: [fn(u32, [u64; 6]) -> i64; 2] = [host, ours];

impl Drop for Pair {
    fn drop(&mut self) {
        // Fails only if the test was about to say so anyway.
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Pair {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        boot();
        let name = format!(
            "uigniter-fs-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let path = PathBuf::from("/dev/shm").join(&name);
        fs::create_dir(&path).expect("the tests need a tmpfs at /dev/shm to compare with");
        // Deep enough that links to `..` stay on the tmpfs.
        let inside = format!("/tmp/{name}");
        let deep: Vec<String> = ["", "/p", "/p/p", "/p/p/p", "/p/p/p/p"]
            .map(|below| format!("{inside}{below}"))
            .to_vec();
        for place in &deep {
            let place = CString::new(place.as_str()).unwrap();
            assert_eq!(
                ours(raw::__NR_mkdir, [place.as_ptr() as u64, 0o755, 0, 0, 0, 0]),
                0
            );
        }
        fs::create_dir_all(path.join("p/p/p/p")).unwrap();
        let host = fs::File::open(path.join("p/p/p/p")).unwrap().into();
        let inside = CString::new(deep[4].as_str()).unwrap();
        let fd = ours(
            raw::__NR_open,
            [inside.as_ptr() as u64, u64::from(raw::O_DIRECTORY), 0, 0, 0, 0],
        );
        assert!(fd >= 0);
        Self {
            host,
            ours: fd,
            path,
            log: Vec::new(),
        }
    }

    fn dirs(&self) -> [u64; 2] {
        [self.host.as_raw_fd() as u64, self.ours as u64]
    }

    /// Makes the same call in both, with the directory at the places in `dirfds`, and compares; gives both answers if they are descriptors.
    fn call(&mut self, what: String, number: u32, dirfds: &[usize], args: [u64; 6]) -> i64 {
        let dirs = self.dirs();
        let mut answers = [0; 2];
        for side in 0..2 {
            let mut args = args;
            for &place in dirfds {
                args[place] = dirs[side];
            }
            answers[side] = CALLS[side](number, args);
        }
        self.log.push(format!("{what} = {}", answers[0]));
        assert_eq!(
            answers[0],
            answers[1],
            "host and ours differ; last calls:\n{}",
            self.recent()
        );
        answers[0]
    }

    fn recent(&self) -> String {
        self.log[self.log.len().saturating_sub(60)..].join("\n")
    }

    /// Opens the same file in both.
    fn open(&mut self, path: &str, flags: u32) -> Option<[u64; 2]> {
        let name = CString::new(path).unwrap();
        let dirs = self.dirs();
        let fds: Vec<i64> = (0..2)
            .map(|side| {
                CALLS[side](
                    raw::__NR_openat,
                    [dirs[side], name.as_ptr() as u64, u64::from(flags), 0o644, 0, 0],
                )
            })
            .collect();
        self.log.push(format!("openat({path:?}, {flags:#o}) = {fds:?}"));
        assert_eq!(
            fds[0].min(0),
            fds[1].min(0),
            "host and ours differ; last calls:\n{}",
            self.recent()
        );
        (fds[0] >= 0).then_some([fds[0] as u64, fds[1] as u64])
    }

    fn close(&self, fds: [u64; 2]) {
        for side in 0..2 {
            assert_eq!(CALLS[side](raw::__NR_close, [fds[side], 0, 0, 0, 0, 0]), 0);
        }
    }

    /// The same call on a pair of descriptors.
    fn on(&mut self, what: &str, fds: [u64; 2], number: u32, args: [u64; 5]) -> i64 {
        let answers: Vec<i64> = (0..2)
            .map(|side| CALLS[side](number, [fds[side], args[0], args[1], args[2], args[3], args[4]]))
            .collect();
        self.log.push(format!("{what}{args:?} = {answers:?}"));
        assert_eq!(
            answers[0],
            answers[1],
            "host and ours differ; last calls:\n{}",
            self.recent()
        );
        answers[0]
    }

    /// Type, permissions, links and size of all below a directory, read by `getdents64` and `newfstatat` on one side.
    fn listing(&self, side: usize, fd: u64, prefix: &str, out: &mut Vec<String>) {
        let mut buffer = vec![0u8; 300];
        let mut names = Vec::new();
        loop {
            let count = CALLS[side](
                raw::__NR_getdents64,
                [fd, buffer.as_mut_ptr() as u64, buffer.len() as u64, 0, 0, 0],
            );
            assert!(count >= 0, "getdents64: {count}");
            if count == 0 {
                break;
            }
            let mut at = 0;
            while at < count as usize {
                let len = usize::from(u16::from_le_bytes([buffer[at + 16], buffer[at + 17]]));
                let name = buffer[at + 19..at + len].split(|&byte| byte == 0).next().unwrap();
                names.push(String::from_utf8(name.to_vec()).unwrap());
                at += len;
            }
        }
        names.sort();
        for name in names {
            let c_name = CString::new(&*name).unwrap();
            // SAFETY: zeros are a stat.
            let mut stat: raw::stat = unsafe { core::mem::zeroed() };
            let args = [
                fd,
                c_name.as_ptr() as u64,
                (&raw mut stat) as u64,
                u64::from(raw::AT_SYMLINK_NOFOLLOW),
                0,
                0,
            ];
            assert_eq!(CALLS[side](raw::__NR_newfstatat, args), 0, "{prefix}{name}");
            let directory = stat.st_mode & raw::S_IFMT == raw::S_IFDIR;
            if name != ".." {
                let size = if directory { 0 } else { stat.st_size };
                out.push(format!(
                    "{prefix}{name} {:o} {} {size}",
                    stat.st_mode, stat.st_nlink
                ));
            }
            if directory && name != "." && name != ".." {
                let sub = CALLS[side](
                    raw::__NR_openat,
                    [fd, c_name.as_ptr() as u64, u64::from(raw::O_DIRECTORY), 0, 0, 0],
                );
                self.listing(side, sub as u64, &format!("{prefix}{name}/"), out);
                CALLS[side](raw::__NR_close, [sub as u64, 0, 0, 0, 0, 0]);
            }
        }
    }

    fn compare_trees(&self) {
        let dirs = self.dirs();
        let up = c"../../../..".as_ptr() as u64;
        let lists = [0, 1].map(|side| {
            let top = CALLS[side](
                raw::__NR_openat,
                [dirs[side], up, u64::from(raw::O_DIRECTORY), 0, 0, 0],
            );
            let mut out = Vec::new();
            self.listing(side, top as u64, "", &mut out);
            assert_eq!(CALLS[side](raw::__NR_close, [top as u64, 0, 0, 0, 0, 0]), 0);
            out
        });
        assert_eq!(lists[0], lists[1], "trees differ; last calls:\n{}", self.recent());
    }
}
