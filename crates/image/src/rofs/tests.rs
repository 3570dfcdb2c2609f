use std::{collections::BTreeMap, io::Cursor};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, PartialEq)]
enum Tree {
    File(Vec<u8>, u16),
    Link(Vec<u8>),
    Folder(BTreeMap<Vec<u8>, Tree>, u16),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("a part of a path", |byte| !matches!(byte, 0 | b'/'));
    prop::collection::vec(byte, 1..20).prop_filter("not a dot", |name| name != b"." && name != b"..")
}

fn tree() -> impl Strategy<Value = Tree> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..2000),
        (0usize..20_000).prop_map(|length| vec![0; length]),
        (0usize..9000, any::<u8>()).prop_map(|(at, byte)| {
            let mut bytes = vec![0; at];
            bytes.push(byte);
            bytes
        }),
    ];
    let leaf = prop_oneof![
        (bytes, 0u16..0o1000).prop_map(|(bytes, mode)| Tree::File(bytes, mode)),
        prop::collection::vec(1u8.., 1..60).prop_map(Tree::Link),
    ];
    let folder = |inner| {
        (prop::collection::btree_map(name(), inner, 0..6), 0u16..0o1000)
            .prop_map(|(map, mode)| Tree::Folder(map, mode))
    };
    leaf.prop_recursive(4, 40, 6, folder)
}

fn add(builder: &mut Builder, path: &[u8], tree: &Tree, expected: &mut BTreeMap<Vec<u8>, Tree>) {
    match tree {
        Tree::File(bytes, mode) => builder.file(path, Source::Bytes(bytes.clone()), *mode).unwrap(),
        Tree::Link(target) => builder.link(path, target).unwrap(),
        Tree::Folder(children, mode) => {
            builder.folder(path, *mode).unwrap();
            for (name, child) in children {
                add(builder, &[path, b"/", name].concat(), child, expected);
            }
            expected.insert(path.to_vec(), Tree::Folder(BTreeMap::new(), *mode));
            return;
        }
    }
    expected.insert(path.to_vec(), tree.clone());
}

fn image(builder: &Builder) -> Vec<u8> {
    let mut image = Cursor::new(Vec::new());
    let length = builder.write(&mut image).unwrap();
    assert_eq!(length, image.get_ref().len() as u64);
    image.into_inner()
}

fn open(image: &[u8]) -> Result<Reader<&[u8]>, Error> {
    Reader::open(image, 0, image.len() as u64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_tree_is_read_back_equal(children in prop::collection::btree_map(name(), tree(), 0..6)) {
        let (mut builder, mut expected) = (Builder::new(), BTreeMap::new());
        for (name, child) in &children {
            add(&mut builder, &[b"/", &name[..]].concat(), child, &mut expected);
        }
        let image = image(&builder);
        let reader = open(&image).unwrap();
        let mut found = BTreeMap::new();
        for entry in reader.entries().iter().filter(|entry| entry.path != b"/") {
            found.insert(entry.path.clone(), match &entry.kind {
                EntryKind::File(length) => {
                    let bytes = reader.read(&entry.path).unwrap();
                    prop_assert_eq!(bytes.len() as u64, *length);
                    Tree::File(bytes, entry.permissions)
                }
                EntryKind::Link(target) => Tree::Link(target.clone()),
                EntryKind::Folder => Tree::Folder(BTreeMap::new(), entry.permissions),
            });
        }
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

fn small() -> Builder {
    let mut builder = Builder::new();
    builder
        .file("/bin/x", Source::Bytes(vec![7; 5000]), 0o755)
        .unwrap();
    builder.file("/empty", Source::Bytes(Vec::new()), 0o644).unwrap();
    builder.folder("/tmp", 0o1777).unwrap();
    builder.link("/y", "bin/x").unwrap();
    builder
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
fn the_order_of_calls_does_not_matter() {
    let mut other = Builder::new();
    other.link("/y", "bin/x").unwrap();
    other.folder("/tmp", 0o1777).unwrap();
    other.file("/empty", Source::Bytes(Vec::new()), 0o644).unwrap();
    other.file("/bin/x", Source::Bytes(vec![7; 5000]), 0o755).unwrap();
    assert_eq!(image(&small()), image(&other));
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
    for path in ["", "/", "relative", "/a//b", "/a/../b", "/.", "/a\0b", "/a/"] {
        let error = builder.folder(path, 0o755).unwrap_err();
        assert!(matches!(error, BuildError::BadPath(_)), "{path:?}: {error}");
    }
    let twice = builder
        .file("/bin/x/y", Source::Bytes(Vec::new()), 0)
        .unwrap_err();
    assert_eq!(
        twice.to_string(),
        "'/bin/x/y' is in the image twice; leave one of them out"
    );
    assert!(matches!(builder.link("/tmp", "x"), Err(BuildError::Duplicate(_))));
    assert!(matches!(builder.link("/z", ""), Err(BuildError::BadTarget(_))));
}

#[test]
fn fuzz_rofs() {
    let mut builder = Builder::new();
    builder.folder("/bin", 0o755).unwrap();
    builder
        .file("/bin/app", Source::Bytes(vec![7; 700]), 0o755)
        .unwrap();
    builder.link("/link", "bin/app").unwrap();
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
