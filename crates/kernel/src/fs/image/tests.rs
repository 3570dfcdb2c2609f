//! EROFS as our packer and as `mkfs.erofs` write it, and as a stranger may.

use super::{super::Node, super::filesystem::Filesystem, super::node::Body, *};
use crate::fs::testing::{MemoryDisk, Random};
use std::{fs, io::Cursor, os::unix::fs::MetadataExt, path::Path, process::Command, string::String};
use uigniter_image::{Filesystem as Packed, Metadata, Source, erofs as writer};

fn mount_bytes(bytes: Vec<u8>) -> core::result::Result<ImageTree, MountError> {
    mount(Arc::new(MemoryDisk(bytes)), 64 << 10)
}

/// `/bin/app` of 300,000 bytes, `/etc/motd`, `/link`, an empty folder and one of 700 names, which takes several blocks.
fn packed() -> Vec<u8> {
    let mut tree = Packed::new();
    let large = crate::fs::testing::large_bytes();
    let owned = Metadata {
        uid: 70_000,
        gid: 7,
        modified: 1_600_000_000,
        ..Metadata::new(0o4751)
    };
    tree.file("/bin/app", Source::Bytes(large), owned).unwrap();
    tree.file(
        "/etc/motd",
        Source::Bytes(b"hello\n".to_vec()),
        Metadata::new(0o644),
    )
    .unwrap();
    tree.link("/link", "bin/app", Metadata::new(0o777)).unwrap();
    tree.folder("/empty", Metadata::new(0o1777)).unwrap();
    for number in 0..700 {
        let path = std::format!("/many/{number}");
        tree.file(
            path,
            Source::Bytes(std::vec![number as u8; number]),
            Metadata::new(0o600),
        )
        .unwrap();
    }
    let mut image = Cursor::new(Vec::new());
    writer::write(&tree, &mut image).unwrap();
    image.into_inner()
}

/// Paths, and what `stat` and `read` say of what is there; files' bytes by their checksum.
fn listing(tree: &Arc<ImageTree>) -> Vec<String> {
    let fs = Filesystem::new("test", 0, 16);
    let mut pending = std::vec![(String::new(), Node::root(&fs, Some(tree)))];
    let mut lines = Vec::new();
    while let Some((path, node)) = pending.pop() {
        assert!(lines.len() < 2000, "a loop");
        let meta = node.meta.lock();
        let (uid, gid, seconds) = (meta.uid, meta.gid, meta.mtime / 1_000_000_000);
        let (mode, names) = (meta.mode, meta.nlink);
        drop(meta);
        match &node.body {
            Body::Directory(entries) => {
                lines.push(std::format!("{path} {mode:o} {uid} {gid}"));
                let mut from = 0;
                while let Some(entry) = entries.next(&node, from) {
                    from = entry.cookie + 1;
                    let child = node.child(&entry.name).unwrap();
                    pending.push((std::format!("{path}/{}", entry.name), child));
                }
            }
            Body::Regular(data) => {
                let mut bytes = std::vec![0; data.size() as usize];
                let read = data.read(0, &mut bytes);
                let sum = read.map(|_| sum(&bytes));
                lines.push(std::format!(
                    "{path} {mode:o} {uid} {gid} {seconds} {names} {sum:?}"
                ));
            }
            Body::Link(target) => lines.push(std::format!("{path} -> {target}")),
            _ => panic!("{path} is nothing that an image has"),
        }
    }
    lines.sort();
    lines
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(bytes.len() as u64, |sum, byte| {
        sum.rotate_left(5) ^ u64::from(*byte).wrapping_mul(0x9E37_79B9)
    })
}

#[test]
fn what_was_packed_is_there() {
    let tree = Arc::new(mount_bytes(packed()).unwrap());
    let lines = listing(&tree);
    assert_eq!(lines.len(), 708);
    let large = sum(&crate::fs::testing::large_bytes());
    for line in [
        std::format!("/bin/app 104751 70000 7 1600000000 1 Ok({large})"),
        std::format!("/etc/motd 100644 0 0 0 1 Ok({})", sum(b"hello\n")),
        "/link -> bin/app".into(),
        "/empty 41777 0 0".into(),
        std::format!("/many/699 100600 0 0 0 1 Ok({})", sum(&[187; 699])),
    ] {
        assert!(lines.contains(&line), "{line} is not in {:?}", &lines[..8]);
    }
}

#[test]
fn what_mkfs_erofs_packs_is_what_the_host_has() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    fs::create_dir_all(root.join("many")).unwrap();
    let bytes = crate::fs::testing::large_bytes();
    // Ends behind the inode: all of it, the end of it, and none.
    for (name, length) in [
        ("small", 100),
        ("tail", 5000),
        ("whole", 8192),
        ("large", 123_456),
        ("empty", 0),
    ] {
        fs::write(root.join(name), &bytes[..length]).unwrap();
    }
    fs::hard_link(root.join("tail"), root.join("many/tail")).unwrap();
    std::os::unix::fs::symlink("../tail", root.join("many/link")).unwrap();
    for number in 0..600 {
        fs::write(
            root.join(std::format!("many/{number}-of-a-folder-with-long-names")),
            [1],
        )
        .unwrap();
    }
    let image = folder.path().join("image");
    let made = Command::new("mkfs.erofs").arg(&image).arg(&root).output();
    let made = made.expect("mkfs.erofs, of Debian's erofs-utils, is the judge");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let tree = Arc::new(mount_bytes(fs::read(&image).unwrap()).unwrap());
    let mut expected = Vec::new();
    host_listing(&root, "", &mut expected);
    expected.sort();
    assert_eq!(listing(&tree), expected);
}

/// As `listing`, of a folder of the host's.
fn host_listing(folder: &Path, path: &str, lines: &mut Vec<String>) {
    let stat = fs::symlink_metadata(folder).unwrap();
    let (mode, uid, gid) = (stat.mode(), stat.uid(), stat.gid());
    if stat.is_dir() {
        lines.push(std::format!("{path} {mode:o} {uid} {gid}"));
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            host_listing(&entry.path(), &std::format!("{path}/{name}"), lines);
        }
    } else if stat.is_symlink() {
        let target = fs::read_link(folder).unwrap();
        lines.push(std::format!("{path} -> {}", target.display()));
    } else {
        let (seconds, names) = (stat.mtime(), stat.nlink());
        let sum = Ok::<_, Errno>(sum(&fs::read(folder).unwrap()));
        lines.push(std::format!(
            "{path} {mode:o} {uid} {gid} {seconds} {names} {sum:?}"
        ));
    }
}

#[test]
fn changed_images_never_panic_or_hang() {
    let good = packed();
    let metadata = u32::from_le_bytes(good[1064..1068].try_into().unwrap()) as usize * 4096;
    let mut random = Random::new(11);
    let mut mounted = 0;
    for round in 0..4_000 {
        let mut bytes = good.clone();
        for _ in 0..=random.below(3) {
            // The superblock, or the first inodes and folders, where it hurts.
            let at = match round % 4 {
                0 => 1024 + random.below(128),
                _ => metadata + random.below(4096),
            };
            bytes[at] = match random.below(3) {
                0 => 0xff,
                1 => bytes[at] ^ (1 << random.below(8)),
                _ => random.next() as u8,
            };
        }
        let Ok(tree) = mount_bytes(bytes) else { continue };
        mounted += 1;
        if round % 8 == 0 {
            let _ = listing(&Arc::new(tree));
        }
    }
    // Some damage does not show (a permission bit, an owner); what mounts has to be walkable.
    assert!(mounted > 100, "{mounted}");
}

#[test]
fn what_is_not_read_is_named() {
    let good = packed();
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        mount_bytes(bytes).err()
    };
    assert_eq!(changed(1024, 0), Some(MountError::NoFileSystem));
    // Blocks of 512 bytes; a feature that readers must know.
    assert_eq!(changed(1024 + 12, 9), Some(MountError::Version));
    assert_eq!(changed(1024 + 80, 1), Some(MountError::Version));
    let cut = good[..good.len() - 4096].to_vec();
    assert_eq!(mount_bytes(cut).err(), Some(MountError::Truncated));
}

#[test]
fn an_extent_is_one_or_two_pieces() {
    let plain = Extent {
        start: 4096,
        size: 5000,
        tail: None,
    };
    assert_eq!(plain.piece(4999), (9095, 1));
    let split = Extent {
        tail: Some(100),
        ..plain
    };
    assert_eq!(split.piece(10), (4106, 4086));
    assert_eq!(split.piece(4096), (100, 904));
    assert!(split.fits(8192) && !split.fits(8191));
    let far = Extent {
        tail: Some(u64::MAX - 100),
        ..plain
    };
    assert!(!far.fits(u64::MAX));
}
