use std::{
    collections::BTreeMap,
    fs,
    io::Cursor,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::Path,
    process::Command,
};

use proptest::prelude::*;

use super::*;
use crate::{
    contents::EntryKind,
    filesystem::{Filesystem, Metadata, Source},
    testing::{Tree, build, children, small},
};

fn image(tree: &Filesystem) -> Vec<u8> {
    let mut image = Cursor::new(Vec::new());
    let length = write(tree, &mut image).unwrap();
    assert_eq!(length, image.get_ref().len() as u64);
    image.into_inner()
}

fn open(image: &[u8]) -> Result<Reader<&[u8]>, Error> {
    Reader::open(image, 0, image.len() as u64)
}

/// Every path but the root's with what is there.
fn read_back(image: &[u8]) -> BTreeMap<Vec<u8>, Tree> {
    let reader = open(image).unwrap();
    let entries = reader.entries().iter().filter(|entry| entry.path != b"/");
    entries
        .map(|entry| {
            let tree = match &entry.kind {
                EntryKind::File(length) => {
                    let bytes = reader.read(&entry.path).unwrap();
                    assert_eq!(bytes.len() as u64, *length);
                    Tree::File(bytes, entry.metadata)
                }
                EntryKind::Link(target) => Tree::Link(target.clone()),
                EntryKind::Folder => Tree::Folder(BTreeMap::new(), entry.metadata),
            };
            (entry.path.clone(), tree)
        })
        .collect()
}

/// What `fsck.erofs` extracts, which also checks the superblock's checksum.
fn extracted(image: &[u8]) -> BTreeMap<Vec<u8>, Tree> {
    // In memory: a hundred thousand files take minutes on a busy disk.
    let shm = Path::new("/dev/shm");
    let folder = if shm.is_dir() {
        tempfile::tempdir_in(shm)
    } else {
        tempfile::tempdir()
    };
    let folder = folder.unwrap();
    let (file, to) = (folder.path().join("image"), folder.path().join("tree"));
    fs::write(&file, image).unwrap();
    let output = Command::new("fsck.erofs")
        .arg(format!("--extract={}", to.display()))
        .args(["--preserve", "--force"])
        .arg(&file)
        .output()
        .expect("fsck.erofs, of Debian's erofs-utils, is the judge");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut found = BTreeMap::new();
    list(&to, &to, &mut found);
    found
}

fn list(root: &Path, folder: &Path, found: &mut BTreeMap<Vec<u8>, Tree>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stat = fs::symlink_metadata(&path).unwrap();
        let metadata = Metadata {
            permissions: (stat.mode() & 0o7777) as u16,
            uid: stat.uid(),
            gid: stat.gid(),
            modified: stat.mtime(),
        };
        let tree = if stat.is_dir() {
            list(root, &path, found);
            Tree::Folder(BTreeMap::new(), metadata)
        } else if stat.is_symlink() {
            Tree::Link(fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec())
        } else {
            Tree::File(fs::read(&path).unwrap(), metadata)
        };
        let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes();
        found.insert([b"/", name].concat(), tree);
    }
}

/// As the extracting process can set it: a set-id bit is lost with a change of owner, and times have limits in the host's file system.
fn settable(tree: Tree) -> Tree {
    let possible = |metadata: Metadata| Metadata {
        permissions: metadata.permissions & 0o777 | 0o600,
        uid: metadata.uid % 60_000,
        gid: metadata.gid % 60_000,
        modified: metadata.modified.rem_euclid(2_000_000_000),
    };
    match tree {
        Tree::File(bytes, metadata) => Tree::File(bytes, possible(metadata)),
        Tree::Folder(children, metadata) => {
            let children = children.into_iter().map(|(name, child)| (name, settable(child)));
            let mut metadata = possible(metadata);
            metadata.permissions |= 0o700;
            Tree::Folder(children.collect(), metadata)
        }
        link @ Tree::Link(_) => link,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_tree_is_read_back_equal(children in children()) {
        let (tree, expected) = build(&children);
        prop_assert_eq!(read_back(&image(&tree)), expected);
    }

    #[test]
    fn no_change_of_an_image_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut image = image(&small());
        for (at, byte) in changes {
            // Most of the image is a file's bytes and padding; changes belong into the superblock, the inodes and the folders.
            let at = at.index(image.len());
            let metadata = image.len() - 4096;
            let place = if at % 2 == 0 { 1024 + at % 128 } else { metadata + at % 512 };
            image[place] = byte;
        }
        if cut {
            image.truncate(length.index(image.len()));
        }
        if let Ok(reader) = open(&image) {
            for entry in reader.entries() {
                if reader.file_length(&entry.path).is_some() {
                    reader.read(&entry.path).unwrap();
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_tree_is_what_erofs_utils_extract(children in children()) {
        let children = children.into_iter().map(|(name, child)| (name, settable(child))).collect();
        let (tree, expected) = build(&children);
        prop_assert_eq!(extracted(&image(&tree)), expected);
    }
}

/// The root and 254 empty files have 255 records of 32 bytes, behind the one that is left free: two whole blocks.
#[test]
fn an_image_does_not_end_with_a_bare_inode() {
    let mut tree = Filesystem::new();
    for number in 0..254 {
        tree.file(
            format!("/{number}"),
            Source::Bytes(Vec::new()),
            Metadata::new(0o644),
        )
        .unwrap();
    }
    assert_eq!(extracted(&image(&tree)).len(), 254);
}

#[test]
fn a_hundred_thousand_names_in_one_folder_are_found() {
    let mut tree = Filesystem::new();
    for number in 0..100_000 {
        // Most are empty: it is about the names.
        let bytes = if number % 100 == 99 {
            number.to_string()
        } else {
            String::new()
        };
        tree.file(
            format!("/many/{number:x}"),
            Source::Bytes(bytes.into_bytes()),
            Metadata::new(0o644),
        )
        .unwrap();
    }
    let image = image(&tree);
    let reader = open(&image).unwrap();
    assert_eq!(reader.entries().len(), 100_002);
    assert_eq!(reader.read("/many/1869f").unwrap(), b"99999");
    let extracted = extracted(&image);
    assert_eq!(extracted.len(), 100_001);
    let last = extracted.get(&b"/many/1869f"[..]);
    assert!(
        matches!(last, Some(Tree::File(bytes, _)) if bytes == b"99999"),
        "{last:?}"
    );
}

#[test]
fn a_long_link_and_the_longest_name_are_kept() {
    let (name, target) = ("n".repeat(255), "t".repeat(4095));
    let mut tree = Filesystem::new();
    tree.link(format!("/{name}"), &target, Metadata::new(0o777))
        .unwrap();
    let image = image(&tree);
    let reader = open(&image).unwrap();
    assert_eq!(reader.entries()[1].kind, EntryKind::Link(target.into_bytes()));
}

#[test]
fn files_that_can_be_mapped_begin_at_pages() {
    let mut tree = Filesystem::new();
    for (name, length) in [("/a", 2049), ("/b", 5000), ("/c", 4096)] {
        tree.file(
            name,
            Source::Bytes(name.as_bytes().repeat(length)),
            Metadata::new(0o644),
        )
        .unwrap();
    }
    let image = image(&tree);
    for name in ["/a", "/b", "/c"] {
        let at = image
            .chunks(4096)
            .position(|page| page.starts_with(name.as_bytes()));
        assert!(at.is_some(), "{name}");
    }
}

#[test]
fn a_cut_image_says_so() {
    let image = image(&small());
    let short = open(&image[..image.len() - 4096]).unwrap_err();
    assert!(matches!(short, Error::Truncated { .. }), "{short}");
    assert!(matches!(open(&[0; 8192]), Err(Error::NotErofs)));
    assert!(matches!(open(&[]), Err(Error::NotErofs)));
}

#[test]
fn cycles_are_refused() {
    let mut image = image(&small());
    let metadata = image.len() - 4096;
    // The root's inode is in the second slot, its entries behind it; `.`, `..`, then `bin`, which becomes the root itself.
    image[metadata + 64 + 2 * 12] = 1;
    let error = open(&image).unwrap_err();
    assert!(
        matches!(error, Error::Broken("a folder has two names")),
        "{error}"
    );
}

#[test]
fn fuzz_erofs() {
    let image = image(&small());
    uigniter_fuzz::run("erofs", &[&image, &image[..4096]], |input| {
        let Ok(reader) = open(input) else { return };
        for entry in reader.entries() {
            if let Some(length) = reader.file_length(&entry.path) {
                assert_eq!(reader.read(&entry.path).unwrap().len() as u64, length);
            }
        }
    });
}
