//! Requests of honest and hostile drivers, against a real folder on a thread that is confined as it is for a guest.

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::{Path, PathBuf},
};

use uigniter_fuzz::{Reader, run};
use vm_memory::{Bytes, GuestAddress};

use super::*;
use crate::devices::virtio::testing::{DATA, Rig, WRITE};

const ROOT: u64 = 1;
const REPLY: u64 = DATA + 0x10_0000;
const REPLY_BYTES: u32 = 0x1_0000;

/// Opcodes of `linux/fuse.h`.
const LOOKUP: u32 = 1;
const GETATTR: u32 = 3;
const READLINK: u32 = 5;
const SYMLINK: u32 = 6;
const MKNOD: u32 = 8;
const MKDIR: u32 = 9;
const UNLINK: u32 = 10;
const READ: u32 = 15;
const WRITE_FILE: u32 = 16;
const INIT: u32 = 26;
const READDIR: u32 = 28;

struct Scene(PathBuf);

impl Scene {
    /// A folder with a file, a link that leads out, and a neighbour that is not shared.
    fn new(name: &str) -> Self {
        let top = std::env::temp_dir().join(format!("uigniter-fs-{name}-{}", std::process::id()));
        fs::create_dir_all(top.join("shared/sub")).unwrap();
        fs::write(top.join("secret"), "of the host").unwrap();
        fs::write(top.join("shared/file"), "of the folder").unwrap();
        symlink("../secret", top.join("shared/out")).unwrap();
        symlink("/etc/passwd", top.join("shared/away")).unwrap();
        Self(top)
    }

    fn shared(&self) -> PathBuf {
        self.0.join("shared")
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A message of this length.
fn message(opcode: u32, node: u64, uid: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(((IN_HEADER + body.len()) as u32).to_le_bytes());
    bytes.extend(opcode.to_le_bytes());
    bytes.extend(7u64.to_le_bytes());
    bytes.extend(node.to_le_bytes());
    bytes.extend(uid.to_le_bytes());
    bytes.extend([0; 12]);
    bytes.extend(body);
    bytes
}

/// One request; its error, and what came behind the reply's header.
fn ask(rig: &mut Rig, opcode: u32, node: u64, uid: u32, body: &[u8]) -> Result<Vec<u8>, i32> {
    let bytes = message(opcode, node, uid, body);
    rig.memory.write_slice(&bytes, GuestAddress(DATA)).unwrap();
    let before = rig.used(1);
    rig.offer(1, &[(DATA, bytes.len() as u32, 0), (REPLY, REPLY_BYTES, WRITE)]);
    rig.ring(1);
    assert_eq!(rig.used(1), before.wrapping_add(1));
    let written = rig.used_element(1, before).1 as usize;
    assert!(written >= OUT_HEADER, "no reply to {opcode}");
    let reply = rig.bytes(REPLY, written);
    assert_eq!(reply[8..16], 7u64.to_le_bytes());
    match i32::from_le_bytes(reply[4..8].try_into().unwrap()) {
        0 => Ok(reply[OUT_HEADER..].to_vec()),
        error => Err(-error),
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn named(words: &[u8], name: &str) -> Vec<u8> {
    [words, name.as_bytes(), b"\0"].concat()
}

fn node_of(reply: &[u8]) -> u64 {
    u64::from_le_bytes(reply[..8].try_into().unwrap())
}

fn init(rig: &mut Rig) {
    rig.activate(0, 2);
    let reply = ask(rig, INIT, 0, 0, &words(&[7, 31, 0, 1 << 17 | 1 << 24])).unwrap();
    assert_eq!(reply[..4], 7u32.to_le_bytes());
    let flags = u32::from_le_bytes(reply[12..16].try_into().unwrap());
    assert_eq!(
        flags & (1 << 17 | 1 << 24),
        1 << 17 | 1 << 24,
        "nothing need be opened"
    );
}

/// `struct fuse_read_in`, `fuse_write_in`: offset 0.
fn at_start(length: u32) -> Vec<u8> {
    words(&[0, 0, 0, 0, length, 0, 0, 0, 0, 0])
}

/// What `act` gives on a thread that sees nothing but the folder.
fn confined<T: Send + 'static>(
    scene: &Scene,
    is_read_only: bool,
    act: impl FnOnce(&mut Rig) -> T + Send + 'static,
) -> T {
    let backing = Backing::open("folder0", &scene.shared(), is_read_only).unwrap();
    let folder = backing.folder();
    let mut rig = Rig::new(Fs::new(backing));
    let thread = std::thread::spawn(move || {
        folder.enter().unwrap();
        init(&mut rig);
        act(&mut rig)
    });
    thread.join().unwrap()
}

#[test]
fn files_are_read_and_written_as_who_asks() {
    let scene = Scene::new("honest");
    let read = confined(&scene, false, |rig| {
        let file = node_of(&ask(rig, LOOKUP, ROOT, 0, b"file\0").unwrap());
        let made = named(&words(&[0o100_640, 0, 0, 0]), "made");
        let made = node_of(&ask(rig, MKNOD, ROOT, 1000, &made).unwrap_or_else(|_| {
            // The folder is root's: a user may make something where root lets it.
            let folder = named(&words(&[0o777, 0]), "open");
            let folder = node_of(&ask(rig, MKDIR, ROOT, 0, &folder).unwrap());
            let made = named(&words(&[0o100_640, 0, 0, 0]), "made");
            ask(rig, MKNOD, folder, 1000, &made).unwrap()
        }));
        let data = [at_start(5), b"words".to_vec()].concat();
        assert_eq!(
            ask(rig, WRITE_FILE, made, 1000, &data).unwrap()[..4],
            5u32.to_le_bytes()
        );
        let entries = ask(rig, READDIR, ROOT, 0, &at_start(0x1000)).unwrap();
        let has = |name: &[u8]| entries.windows(name.len()).any(|part| part == name);
        assert!(has(b"file") && has(b"out") && !has(b"secret"));
        ask(rig, READ, file, 0, &at_start(100)).unwrap()
    });
    assert_eq!(read, b"of the folder");
    let made = scene.shared().join("open/made");
    assert_eq!(fs::read(&made).unwrap(), b"words");
    let metadata = fs::metadata(&made).unwrap();
    assert_eq!((metadata.uid(), metadata.mode() & 0o7777), (1000, 0o640));
}

#[test]
fn nothing_leads_out_of_the_folder() {
    let scene = Scene::new("hostile");
    let inode = fs::metadata(scene.shared()).unwrap().ino();
    confined(&scene, false, move |rig| {
        // Above the root is the root; a name is one component.
        let attributes = ask(rig, GETATTR, ROOT, 0, &words(&[0; 4])).unwrap();
        assert_eq!(attributes[16..24], inode.to_le_bytes());
        match ask(rig, LOOKUP, ROOT, 0, b"..\0") {
            Ok(reply) => assert_eq!(reply[40..48], inode.to_le_bytes(), "'..' of the root"),
            Err(error) => assert!([libc::EINVAL, libc::ENOENT].contains(&error), "{error}"),
        }
        let sub = node_of(&ask(rig, LOOKUP, ROOT, 0, b"sub\0").unwrap());
        for name in ["../../secret", "../file", "sub/../../secret", "/etc/passwd", "/"] {
            for node in [ROOT, sub] {
                let error = ask(rig, LOOKUP, node, 0, &named(&[], name)).unwrap_err();
                assert!([libc::EINVAL, libc::ENOENT].contains(&error), "{name}: {error}");
            }
        }
        // Links are told of, never followed.
        for link in ["out", "away"] {
            let link = node_of(&ask(rig, LOOKUP, ROOT, 0, &named(&[], link)).unwrap());
            assert!(ask(rig, READ, link, 0, &at_start(100)).is_err());
            assert!(ask(rig, LOOKUP, link, 0, b"x\0").is_err());
        }
        ask(rig, SYMLINK, ROOT, 0, b"mine\0/etc/shadow\0").unwrap();
        let mine = node_of(&ask(rig, LOOKUP, ROOT, 0, b"mine\0").unwrap());
        assert_eq!(ask(rig, READLINK, mine, 0, &[]).unwrap(), b"/etc/shadow");
        assert!(ask(rig, READ, mine, 0, &at_start(100)).is_err());
        // Devices: null (1, 3) and a disk (8, 0).
        for (mode, device) in [(0o020_666, 0x103), (0o060_666, 0x800)] {
            let device = named(&words(&[mode, device, 0, 0]), "device");
            assert_eq!(ask(rig, MKNOD, ROOT, 0, &device), Err(libc::EPERM));
        }
        // The thread itself sees nothing else, either.
        assert!(File::open("/etc/passwd").is_err() && File::open("/secret").is_err());
        assert!(File::open("/../secret").is_err() && File::open("/file").is_ok());
    });
    assert_eq!(fs::read(scene.0.join("secret")).unwrap(), b"of the host");
}

#[test]
fn a_read_only_folder_is_not_written() {
    let scene = Scene::new("read-only");
    confined(&scene, true, |rig| {
        let file = node_of(&ask(rig, LOOKUP, ROOT, 0, b"file\0").unwrap());
        let data = [at_start(1), b"x".to_vec()].concat();
        assert_eq!(ask(rig, WRITE_FILE, file, 0, &data), Err(libc::EROFS));
        let made = named(&words(&[0o100_600, 0, 0, 0]), "made");
        assert_eq!(ask(rig, MKNOD, ROOT, 0, &made), Err(libc::EROFS));
        assert_eq!(ask(rig, UNLINK, ROOT, 0, b"file\0"), Err(libc::EROFS));
        assert_eq!(ask(rig, READ, file, 0, &at_start(100)).unwrap(), b"of the folder");
    });
}

#[test]
fn what_is_no_folder_is_named() {
    let scene = Scene::new("wrong");
    let wrong = |path: &Path| Backing::open("x", path, false).err().unwrap().to_string();
    assert!(wrong(&scene.shared().join("none")).contains("No such file"));
    assert!(wrong(&scene.shared().join("file")).contains("Not a directory"));
    assert!(Backing::open("", &scene.shared(), false).is_err());
}

/// In a folder of its own, but not confined: the fuzzer writes what fails.
#[test]
fn fuzz_fs_requests() {
    let scene = Scene::new("fuzz");
    let backing = Backing::open_at("fuzz", &scene.shared(), scene.shared().to_str().unwrap()).unwrap();
    let rig = std::cell::RefCell::new(Rig::new(Fs::new(backing)));
    let lookup = message(LOOKUP, ROOT, 0, b"file\0");
    let read = message(READ, 2, 0, &at_start(100));
    let write = message(WRITE_FILE, 2, 0, &[at_start(5), b"words".to_vec()].concat());
    let list = message(READDIR, ROOT, 0, &at_start(0x1000));
    run("fs-requests", &[&lookup, &read, &write, &list], |input| {
        let rig = &mut *rig.borrow_mut();
        init(rig);
        let mut reader = Reader::new(input);
        while !reader.is_empty() {
            let length = 40 + usize::from(reader.u8());
            let mut bytes = reader.bytes(length).to_vec();
            // Lengths that lie are refused at once; the others get far.
            if reader.u8() > 8 && bytes.len() >= 4 {
                let length = (bytes.len() as u32).to_le_bytes();
                bytes[..4].copy_from_slice(&length);
            }
            rig.memory.write_slice(&bytes, GuestAddress(DATA)).unwrap();
            let room = u32::from(reader.u8()) * 64;
            rig.offer(1, &[(DATA, bytes.len() as u32, 0), (REPLY, room, WRITE)]);
            rig.ring(1);
        }
    });
    assert_eq!(fs::read(scene.0.join("secret")).unwrap(), b"of the host");
}

#[test]
fn hostile_rings_are_survived() {
    let scene = Scene::new("rings");
    for seed in 0..4 {
        let backing = Backing::open_at("rings", &scene.shared(), scene.shared().to_str().unwrap()).unwrap();
        Rig::new(Fs::new(backing)).torment(seed, 5_000, 1 << 28 | (seed & 1) << 29, 2);
    }
}
