//! What cannot be asked of the host as it is: the image, `/proc`, the working directory.

use super::{Pair, ours};
use crate::fs::testing::boot;
use linux_raw_sys::general as raw;
use std::ffi::CString;

#[test]
fn directories_can_be_emptied_while_they_are_read() {
    let mut pair = Pair::new();
    for index in 0..200 {
        let fds = pair
            .open(&format!("file-with-a-name-{index}"), raw::O_CREAT | raw::O_WRONLY)
            .unwrap();
        pair.close(fds);
    }
    let fd = pair.ours as u64;
    let mut buffer = [0u8; 512];
    let mut removed = 0;
    loop {
        let count = ours(
            raw::__NR_getdents64,
            [fd, buffer.as_mut_ptr() as u64, 512, 0, 0, 0],
        );
        assert!(count >= 0);
        if count == 0 {
            break;
        }
        let mut at = 0;
        while at < count as usize {
            let len = usize::from(u16::from_le_bytes([buffer[at + 16], buffer[at + 17]]));
            let name = buffer[at + 19..at + len].as_ptr() as u64;
            if buffer[at + 19] == b'f' {
                assert_eq!(ours(raw::__NR_unlinkat, [fd, name, 0, 0, 0, 0]), 0);
                removed += 1;
            }
            at += len;
        }
    }
    assert_eq!(removed, 200);
}

#[test]
fn files_are_copied_and_sealed() {
    boot();
    let name = c"memory".as_ptr() as u64;
    let fd = ours(
        raw::__NR_memfd_create,
        [name, u64::from(raw::MFD_ALLOW_SEALING), 0, 0, 0, 0],
    ) as u64;
    let app = ours(raw::__NR_open, [c"/bin/app".as_ptr() as u64, 0, 0, 0, 0, 0]) as u64;
    let mut total = 0;
    loop {
        let count = ours(raw::__NR_sendfile, [fd, app, 0, 100_000, 0, 0]);
        assert!(count >= 0);
        if count == 0 {
            break;
        }
        total += count;
    }
    let expected = crate::fs::testing::large_bytes();
    assert_eq!(total as usize, expected.len());
    let mut copy = vec![0u8; expected.len()];
    assert_eq!(
        ours(
            raw::__NR_pread64,
            [fd, copy.as_mut_ptr() as u64, copy.len() as u64, 0, 0, 0]
        ),
        total
    );
    assert!(copy == expected);
    let seal = u64::from(raw::F_SEAL_WRITE | raw::F_SEAL_GROW);
    assert_eq!(
        ours(raw::__NR_fcntl, [fd, u64::from(raw::F_ADD_SEALS), seal, 0, 0, 0]),
        0
    );
    assert_eq!(
        ours(raw::__NR_write, [fd, copy.as_ptr() as u64, 1, 0, 0, 0]),
        -1,
        "EPERM"
    );
    assert_eq!(ours(raw::__NR_ftruncate, [fd, 1 << 30, 0, 0, 0, 0]), -1, "EPERM");
    assert_eq!(ours(raw::__NR_ftruncate, [fd, 10, 0, 0, 0, 0]), 0);
    for fd in [fd, app] {
        assert_eq!(ours(raw::__NR_close, [fd, 0, 0, 0, 0, 0]), 0);
    }
}

fn stat_of(fd: u64) -> raw::stat {
    // SAFETY: zeros are a stat.
    let mut stat: raw::stat = unsafe { core::mem::zeroed() };
    assert_eq!(ours(raw::__NR_fstat, [fd, (&raw mut stat) as u64, 0, 0, 0, 0]), 0);
    stat
}

fn link_target(path: &std::ffi::CStr) -> String {
    let mut buffer = [0u8; 256];
    let count = ours(
        raw::__NR_readlink,
        [path.as_ptr() as u64, buffer.as_mut_ptr() as u64, 256, 0, 0, 0],
    );
    assert!(count > 0, "{path:?}: {count}");
    String::from_utf8(buffer[..count as usize].to_vec()).unwrap()
}

#[test]
fn standard_streams_and_magic_links() {
    boot();
    assert_eq!(link_target(c"/proc/self/fd/0"), "/dev/null");
    assert_eq!(link_target(c"/proc/self/fd/1"), "pipe:[1]");
    assert_eq!(link_target(c"/proc/self/exe"), "/bin/app");
    assert_eq!(stat_of(1).st_mode & raw::S_IFMT, raw::S_IFIFO);
    // Programs log to this path.
    let out = ours(
        raw::__NR_open,
        [
            c"/dev/stdout".as_ptr() as u64,
            u64::from(raw::O_WRONLY),
            0,
            0,
            0,
            0,
        ],
    );
    assert!(out > 2);
    assert_eq!(
        ours(raw::__NR_write, [out as u64, c"".as_ptr() as u64, 0, 0, 0, 0]),
        0
    );
    assert_eq!(ours(raw::__NR_lseek, [out as u64, 0, 0, 0, 0, 0]), -29, "ESPIPE");
    assert_eq!(ours(raw::__NR_close, [out as u64, 0, 0, 0, 0, 0]), 0);

    let path = c"/tmp/deleted".as_ptr() as u64;
    let fd = ours(raw::__NR_creat, [path, 0o600, 0, 0, 0, 0]) as u64;
    assert_eq!(
        ours(raw::__NR_write, [fd, c"kept".as_ptr() as u64, 4, 0, 0, 0]),
        4
    );
    assert_eq!(ours(raw::__NR_unlink, [path, 0, 0, 0, 0, 0]), 0);
    let link = CString::new(format!("/proc/self/fd/{fd}")).unwrap();
    assert_eq!(link_target(&link), "/tmp/deleted (deleted)");
    assert_eq!(stat_of(fd).st_nlink, 0);
    // By the magic link it can be opened although it has no name.
    let again = ours(raw::__NR_open, [link.as_ptr() as u64, 0, 0, 0, 0, 0]) as u64;
    let mut text = [0u8; 8];
    assert_eq!(
        ours(raw::__NR_read, [again, text.as_mut_ptr() as u64, 8, 0, 0, 0]),
        4
    );
    assert_eq!(&text[..4], b"kept");
    for fd in [fd, again] {
        assert_eq!(ours(raw::__NR_close, [fd, 0, 0, 0, 0, 0]), 0);
    }
}

#[test]
fn working_directory_follows_a_rename() {
    boot();
    let call =
        |number, path: &std::ffi::CStr, second: u64| ours(number, [path.as_ptr() as u64, second, 0, 0, 0, 0]);
    let cwd = || {
        let mut buffer = [0u8; 64];
        let len = ours(raw::__NR_getcwd, [buffer.as_mut_ptr() as u64, 64, 0, 0, 0, 0]);
        (
            len,
            String::from_utf8_lossy(&buffer[..(len.max(1) - 1) as usize]).into_owned(),
        )
    };
    assert_eq!(call(raw::__NR_mkdir, c"/tmp/here", 0o755), 0);
    assert_eq!(call(raw::__NR_chdir, c"/tmp/here", 0), 0);
    assert_eq!(cwd(), (10, "/tmp/here".into()));
    assert_eq!(
        call(raw::__NR_rename, c"/tmp/here", c"/tmp/there".as_ptr() as u64),
        0
    );
    assert_eq!(cwd(), (11, "/tmp/there".into()));
    let mut small = [0u8; 4];
    assert_eq!(
        ours(raw::__NR_getcwd, [small.as_mut_ptr() as u64, 4, 0, 0, 0, 0]),
        -34,
        "ERANGE"
    );
    assert_eq!(call(raw::__NR_rmdir, c"../there", 0), 0);
    assert_eq!(cwd().0, -2, "ENOENT");
    assert_eq!(call(raw::__NR_mkdir, c"sub", 0o755), -2, "ENOENT");
    assert_eq!(call(raw::__NR_chdir, c"/", 0), 0);
    assert_eq!(cwd().1, "/");
}

#[test]
fn image_files_are_changed_in_memory() {
    boot();
    let path = c"/etc/motd".as_ptr() as u64;
    let fd = ours(
        raw::__NR_open,
        [path, u64::from(raw::O_RDWR | raw::O_APPEND), 0, 0, 0, 0],
    ) as u64;
    let copy = c"/etc/motd.new".as_ptr() as u64;
    assert_eq!(ours(raw::__NR_link, [path, copy, 0, 0, 0, 0]), 0);
    assert_eq!(stat_of(fd).st_nlink, 2);
    assert_eq!(
        ours(
            raw::__NR_rename,
            [copy, c"/empty/motd".as_ptr() as u64, 0, 0, 0, 0]
        ),
        0
    );
    assert_eq!(
        ours(raw::__NR_write, [fd, c"more".as_ptr() as u64, 4, 0, 0, 0]),
        4
    );
    let mut text = [0u8; 16];
    assert_eq!(
        ours(raw::__NR_pread64, [fd, text.as_mut_ptr() as u64, 16, 0, 0, 0]),
        10
    );
    assert_eq!(&text[..10], b"hello\nmore");
    // As it was, for the other tests.
    assert_eq!(ours(raw::__NR_ftruncate, [fd, 6, 0, 0, 0, 0]), 0);
    assert_eq!(
        ours(raw::__NR_unlink, [c"/empty/motd".as_ptr() as u64, 0, 0, 0, 0, 0]),
        0
    );
    let times = [[1i64, 5], [2, i64::from(raw::UTIME_OMIT)]];
    let before = stat_of(fd);
    assert_eq!(
        ours(raw::__NR_utimensat, [fd, 0, times.as_ptr() as u64, 0, 0, 0]),
        0
    );
    let after = stat_of(fd);
    assert_eq!(
        (after.st_atime, after.st_atime_nsec, after.st_mtime),
        (1, 5, before.st_mtime)
    );
    assert_eq!(ours(raw::__NR_close, [fd, 0, 0, 0, 0, 0]), 0);
    let full = ours(
        raw::__NR_open,
        [c"/dev/full".as_ptr() as u64, u64::from(raw::O_RDWR), 0, 0, 0, 0],
    ) as u64;
    assert_eq!(
        ours(raw::__NR_write, [full, text.as_ptr() as u64, 1, 0, 0, 0]),
        -28,
        "ENOSPC"
    );
    assert_eq!(ours(raw::__NR_close, [full, 0, 0, 0, 0, 0]), 0);
    assert_eq!(
        ours(raw::__NR_creat, [c"/proc/new".as_ptr() as u64, 0o600, 0, 0, 0, 0]),
        -2,
        "ENOENT"
    );
    assert_eq!(
        ours(raw::__NR_rmdir, [c"/proc".as_ptr() as u64, 0, 0, 0, 0, 0]),
        -16,
        "EBUSY"
    );
}
