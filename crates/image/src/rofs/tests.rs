use std::{collections::BTreeMap, io::Cursor};

use proptest::prelude::*;

use super::*;
use crate::{
    contents::EntryKind,
    filesystem::{BuildError, Filesystem, Metadata, Source},
    testing::{Tree, build, children, small},
};

fn image(builder: &Filesystem) -> Vec<u8> {
    let mut image = Cursor::new(Vec::new());
    let length = write(builder, &mut image).unwrap();
    assert_eq!(length, image.get_ref().len() as u64);
    image.into_inner()
}

fn open(image: &[u8]) -> Result<Reader<&[u8]>, Error> {
    Reader::open(image, 0, image.len() as u64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_tree_is_read_back_equal(children in children()) {
        let (tree, expected) = build(&children);
        let image = image(&tree);
        let reader = open(&image).unwrap();
        let mut found = BTreeMap::new();
        for entry in reader.entries().iter().filter(|entry| entry.path != b"/") {
            let metadata = entry.metadata;
            found.insert(entry.path.clone(), match &entry.kind {
                EntryKind::File(length) => {
                    let bytes = reader.read(&entry.path).unwrap();
                    prop_assert_eq!(bytes.len() as u64, *length);
                    Tree::File(bytes, metadata)
                }
                EntryKind::Link(target) => Tree::Link(target.clone()),
                EntryKind::Folder => Tree::Folder(BTreeMap::new(), metadata),
            });
        }
        // The format knows no owners and no times.
        let known = |tree| match tree {
            Tree::File(bytes, metadata) => Tree::File(bytes, Metadata::new(metadata.permissions)),
            Tree::Folder(children, metadata) => Tree::Folder(children, Metadata::new(metadata.permissions)),
            link @ Tree::Link(_) => link,
        };
        let expected: BTreeMap<_, _> = expected.into_iter().map(|(path, tree)| (path, known(tree))).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_change_of_an_image_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..10),
        length in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut image = image(&small());
        for (at, byte) in changes {
            let at = at.index(image.len());
            image[at] = byte;
        }
        if cut {
            image.truncate(length.index(image.len()));
        }
        if let Ok(reader) = open(&image) {
            for entry in reader.entries() {
                let _ = reader.read(&entry.path);
            }
        }
    }

    #[test]
    fn no_numbers_in_the_superblock_panic(fields in prop::array::uniform5(prop_oneof![0u64..40, any::<u64>()])) {
        let mut image = image(&small());
        for (place, field) in fields.iter().enumerate() {
            image[24 + place * 8..32 + place * 8].copy_from_slice(&field.to_le_bytes());
        }
        let _ = open(&image);
    }
}

#[test]
fn the_layout_is_osvs() {
    let image = image(&small());
    let number = |at: usize| u64::from_le_bytes(image[at..at + 8].try_into().unwrap());
    let header: Vec<_> = (0..8).map(|field| number(field * 8)).collect();
    // 5000 bytes are ten blocks from block 1 on; 5 entries, 1 link, 6 inodes.
    assert_eq!(header, [0xDEAD_BEAD, 1, 512, 11, 1, 5, 1, 6]);
    let structure = &image[11 * 512..];
    assert_eq!(structure[..13], [2, 0, 0, 0, 0, 0, 0, 0, 3, 0, b'b', b'i', b'n']);
    assert_eq!(&image[512..512 + 5000], &[7; 5000]);
}

#[test]
fn a_cut_image_says_so() {
    let image = image(&small());
    let short = open(&image[..image.len() - 512]).unwrap_err();
    assert!(matches!(short, Error::Truncated { .. }), "{short}");
    assert!(matches!(open(&[0; 4096]), Err(Error::NotRofs)));
    assert!(matches!(open(&[]), Err(Error::Truncated { .. })));
}

#[test]
fn cycles_are_refused() {
    let mut image = image(&small());
    // The root's first entry, `bin`, becomes the root itself.
    image[11 * 512] = 1;
    assert!(matches!(
        open(&image),
        Err(Error::Broken("an inode is in two folders"))
    ));
}

#[test]
fn bad_paths_are_named() {
    let mut builder = small();
    for path in ["", "relative", "/a//b", "/a/../b", "/.", "/a\0b", "/a/"] {
        let error = builder.folder(path, Metadata::new(0o755)).unwrap_err();
        assert!(matches!(error, BuildError::BadPath(_)), "{path:?}: {error}");
    }
    let twice = builder
        .file("/bin/x/y", Source::Bytes(Vec::new()), Metadata::new(0))
        .unwrap_err();
    assert_eq!(
        twice.to_string(),
        "'/bin/x/y' is in the image twice; leave one of them out"
    );
    assert!(matches!(
        builder.link("/tmp", "x", Metadata::new(0o777)),
        Err(BuildError::Duplicate(_))
    ));
    assert!(matches!(
        builder.link("/z", "", Metadata::new(0o777)),
        Err(BuildError::BadTarget(_))
    ));
}

#[test]
fn fuzz_rofs() {
    let mut builder = Filesystem::new();
    builder.folder("/bin", Metadata::new(0o755)).unwrap();
    builder
        .file("/bin/app", Source::Bytes(vec![7; 700]), Metadata::new(0o755))
        .unwrap();
    builder.link("/link", "bin/app", Metadata::new(0o777)).unwrap();
    let image = image(&builder);
    uigniter_fuzz::run("rofs", &[&image, &image[..512]], |input| {
        let Ok(reader) = Reader::open(input, 0, input.len() as u64) else {
            return;
        };
        for entry in reader.entries() {
            if let EntryKind::File(length) = entry.kind
                && let Ok(bytes) = reader.read(&entry.path)
            {
                assert_eq!(bytes.len() as u64, length);
            }
        }
    });
}
