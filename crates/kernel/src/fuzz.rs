//! Fuzz targets: what a program and its files can feed the kernel. What the network can is in `net/tests/fuzz.rs`.
//!
//! Run by `cargo xtask fuzz`; a panic or a stall is what they look for. Pointers are the test's own, as the host has no memory map to check them against.

use crate::{
    boot::exec,
    errno::Result,
    file::{File, Stat},
    fs,
    syscall::{Args, dispatch},
};
use linux_raw_sys::{general::*, net as raw};
use std::{any::Any, ffi::CString, vec::Vec};
use uigniter_fuzz::{Reader, run};

/// A file that is these bytes.
struct Bytes(Vec<u8>);

impl File for Bytes {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let count = buffer.len().min(self.0.len() - start);
        buffer[..count].copy_from_slice(&self.0[start..start + count]);
        Ok(count)
    }

    fn seekable(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            size: self.0.len() as u64,
            ..Stat::default()
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A program with that many segments of a page each; `kind` is `e_type`.
fn program(kind: u8, segments: u8) -> Vec<u8> {
    let mut bytes = vec![0; 64 + 56 * usize::from(segments)];
    bytes[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\x00");
    (bytes[16], bytes[18], bytes[20], bytes[32], bytes[54], bytes[56]) = (kind, 62, 1, 64, 56, segments);
    bytes[24..32].copy_from_slice(&0x40_1000u64.to_le_bytes());
    for index in 0..segments {
        let row = &mut bytes[64 + 56 * usize::from(index)..][..56];
        let address = 0x40_0000 + u64::from(index) * 0x1000;
        (row[0], row[4]) = (1, 5);
        for (at, value) in [(8, 0), (16, address), (32, 0x40), (40, 0x800)] {
            row[at..at + 8].copy_from_slice(&u64::to_le_bytes(value));
        }
    }
    bytes
}

#[test]
fn fuzz_elf() {
    let (fixed, relocatable) = (program(2, 1), program(3, 4));
    run("elf", &[&fixed, &relocatable], |input| {
        let file = Bytes(input.to_vec());
        let Ok(headers) = exec::headers("/program", &file) else {
            return;
        };
        let (start, end) = exec::extent(&headers.segments);
        assert!(start <= end && end <= crate::arch::layout::PROGRAM_END);
        for segment in &headers.segments {
            assert!(
                segment.file_len <= segment.memory_len,
                "more in the file than in memory"
            );
        }
    });
}

fn call<const N: usize>(number: u32, args: [u64; N]) -> i64 {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&args);
    let value = dispatch(u64::from(number), &Args(all));
    assert!(value >= -4095, "{value} is no error number");
    value
}

/// One part of a path: names that are few, so that they meet, and those that are special.
fn part(choice: u8) -> Vec<u8> {
    match choice % 12 {
        0 => b".".to_vec(),
        1 => vec![b'n'; 255],
        2 => vec![b'n'; 256],
        3 => vec![0xff, 0xfe],
        4 => Vec::new(),
        5 => "\u{e9}".as_bytes().to_vec(),
        other => vec![b'a' + other],
    }
}

/// A path below a folder of the test's own: nothing in it leads out, as other tests use the same tree.
fn path(reader: &mut Reader<'_>) -> CString {
    let mut path = b"/tmp/fuzz".to_vec();
    for _ in 0..reader.u8() % 6 {
        path.push(b'/');
        path.extend(part(reader.u8()));
    }
    CString::new(path).unwrap()
}

fn change_tree(reader: &mut Reader<'_>) {
    let (one, two) = (path(reader), path(reader));
    let (one, two, number) = (one.as_ptr() as u64, two.as_ptr() as u64, u64::from(reader.u16()));
    match reader.u8() % 12 {
        0 => call(__NR_mkdir, [one, number]),
        1 => call(__NR_rmdir, [one]),
        2 => call(__NR_unlink, [one]),
        3 => call(__NR_rename, [one, two]),
        4 => call(__NR_link, [one, two]),
        5 => {
            let target = CString::new(part(reader.u8())).unwrap();
            call(__NR_symlink, [target.as_ptr() as u64, one])
        }
        6 => call(__NR_truncate, [one, number]),
        7 => call(__NR_chmod, [one, number]),
        8 => call(__NR_access, [one, number % 8]),
        9 => {
            let mut buffer = [0u8; 64];
            call(__NR_readlink, [one, buffer.as_mut_ptr() as u64, number % 65])
        }
        10 => call(
            __NR_renameat2,
            [AT_FDCWD as u64, one, AT_FDCWD as u64, two, number % 8],
        ),
        _ => {
            let fd = call(__NR_open, [one, u64::from(reader.u32()), number]);
            if fd >= 0 {
                call(__NR_write, [fd as u64, two, 4]);
                call(__NR_close, [fd as u64]);
            }
            fd
        }
    };
}

/// Looks at a path of any bytes.
fn look(bytes: &[u8]) {
    let Ok(path) = CString::new(bytes) else { return };
    let mut stat = [0u64; 18];
    let (path, stat) = (path.as_ptr() as u64, stat.as_mut_ptr() as u64);
    call(__NR_stat, [path, stat]);
    call(__NR_lstat, [path, stat]);
    let fd = call(__NR_open, [path, u64::from(O_RDONLY | O_NONBLOCK)]);
    if fd >= 0 {
        call(__NR_close, [fd as u64]);
    }
}

#[test]
fn fuzz_paths() {
    fs::testing::boot();
    call(__NR_mkdir, [c"/tmp/fuzz".as_ptr() as u64, 0o755]);
    let seeds: [&[u8]; 4] = [
        b"\x00/proc/self/fd/../maps",
        b"\x00//tmp/./../bin/app/x",
        b"\x01\x01\x06\x00\x00\x00\x00\x02\x06\x07\x01\x08\x00\x00\x03",
        b"\x01\x01\x06\x00\x00\x00\x05\x07\x01\x07\x00\x00\x00\x0b\x42\x00\x00\x00",
    ];
    run("paths", &seeds, |input| {
        let mut reader = Reader::new(input);
        if reader.u8().is_multiple_of(2) {
            look(reader.bytes(4096));
        } else {
            while !reader.is_empty() {
                change_tree(&mut reader);
            }
            clear(c"/tmp/fuzz".to_bytes());
        }
    });
}

/// Takes everything below a folder away.
fn clear(folder: &[u8]) {
    let open = |path: &[u8]| {
        let path = CString::new(path).unwrap();
        call(
            __NR_open,
            [
                path.as_ptr() as u64,
                u64::from(O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
            ],
        )
    };
    let fd = open(folder);
    let mut entries = vec![0u8; 1 << 16];
    let mut names = Vec::new();
    loop {
        let got = call(
            __NR_getdents64,
            [fd as u64, entries.as_mut_ptr() as u64, entries.len() as u64],
        );
        if got <= 0 {
            break;
        }
        let mut rest = &entries[..got as usize];
        while let [
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            low,
            high,
            kind,
            name @ ..,
        ] = rest
        {
            let name = name.split(|byte| *byte == 0).next().unwrap_or(name);
            if name != b"." && name != b".." {
                names.push((*kind, [folder, b"/", name].concat()));
            }
            rest = &rest[usize::from(u16::from_le_bytes([*low, *high]))..];
        }
    }
    call(__NR_close, [fd as u64]);
    for (kind, path) in names {
        let name = CString::new(path.as_slice()).unwrap();
        if u32::from(kind) == DT_DIR {
            clear(&path);
            assert_eq!(call(__NR_rmdir, [name.as_ptr() as u64]), 0);
        } else {
            assert_eq!(call(__NR_unlink, [name.as_ptr() as u64]), 0);
        }
    }
}

/// A buffer for whatever a call writes.
fn scratch() -> [u8; 512] {
    [0; 512]
}

fn on_socket(fd: u64, other: u64, reader: &mut Reader<'_>) {
    let len = usize::from(reader.u8() % 140);
    let mut address = scratch();
    let given = reader.bytes(len);
    address[..given.len()].copy_from_slice(given);
    let (at, len) = (address.as_mut_ptr() as u64, len as u64);
    let mut size = [reader.u32() % 512; 1];
    let size = size.as_mut_ptr() as u64;
    let flags = u64::from(reader.u32()) | u64::from(raw::MSG_DONTWAIT);
    match reader.u8() % 14 {
        0 => call(__NR_bind, [fd, at, len]),
        1 => call(__NR_connect, [fd, at, len]),
        2 => call(__NR_sendto, [fd, at, len, flags, at, len]),
        3 => call(__NR_recvfrom, [fd, at, len, flags, at, size]),
        4 => call(__NR_listen, [fd, u64::from(reader.u8())]),
        5 => {
            let accepted = call(__NR_accept4, [fd, at, size, u64::from(O_NONBLOCK)]);
            if accepted >= 0 {
                call(__NR_close, [accepted as u64]);
            }
            accepted
        }
        6 => call(__NR_shutdown, [fd, u64::from(reader.u8() % 4)]),
        7 => call(__NR_getsockname, [fd, at, size]),
        8 => call(__NR_getpeername, [fd, at, size]),
        9 => call(
            __NR_setsockopt,
            [fd, flags & 0xff, u64::from(reader.u8()), at, len],
        ),
        10 => call(
            __NR_getsockopt,
            [fd, flags & 0xff, u64::from(reader.u8()), at, size],
        ),
        11 => call(__NR_ioctl, [fd, u64::from(reader.u32()), at]),
        kind => {
            let mut control = scratch();
            let wanted = usize::from(reader.u8());
            let given = reader.bytes(wanted);
            control[..given.len()].copy_from_slice(given);
            // Descriptors that are passed are the test's own.
            for chunk in control[16..].chunks_exact_mut(4) {
                chunk.copy_from_slice(&(other as u32).to_ne_bytes());
            }
            let mut text = scratch();
            let mut vectors = [iovec {
                iov_base: text.as_mut_ptr().cast(),
                iov_len: len,
            }; 3];
            let mut header = raw::msghdr {
                msg_name: address.as_mut_ptr().cast(),
                msg_namelen: len as _,
                msg_iov: vectors.as_mut_ptr().cast(),
                msg_iovlen: u64::from(reader.u8() % 4) as _,
                msg_control: control.as_mut_ptr().cast(),
                msg_controllen: given.len() as _,
                msg_flags: 0,
            };
            let header = &raw mut header as u64;
            let number = if kind == 12 { __NR_sendmsg } else { __NR_recvmsg };
            call(number, [fd, header, flags])
        }
    };
}

#[test]
fn fuzz_sockets() {
    fs::testing::boot();
    let seeds: [&[u8]; 3] = [
        b"\x00\x10\x02\x00\x12\x34\x7f\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x02\x0a\x01\x00\x00name123\x10\x00\x00\x00\x00\x00\x00\x00\x00\x0a\x01\x00\x00name123\x10\x00\x00\x00\x00\x00\x00\x00\x04\x05",
        b"\x01\x10\x02\x00\x12\x34\x7f\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x0c\x10\x00\x00\x00",
    ];
    let families = [raw::AF_INET, raw::AF_UNIX];
    run("sockets", &seeds, |input| {
        let mut reader = Reader::new(input);
        let choice = reader.u8();
        let family = families[usize::from(choice / 2 % 2)];
        let kind = if choice.is_multiple_of(2) {
            raw::SOCK_STREAM
        } else {
            raw::SOCK_DGRAM
        };
        let open = || call(__NR_socket, [u64::from(family), u64::from(kind | O_NONBLOCK), 0]);
        let sockets = [open(), open()].map(|fd| fd as u64);
        for step in 0..24 {
            if reader.is_empty() {
                break;
            }
            on_socket(sockets[step % 2], sockets[1 - step % 2], &mut reader);
        }
        for socket in sockets {
            call(__NR_close, [socket]);
        }
    });
}
