//! Trees for property tests of the formats.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::filesystem::{Filesystem, Metadata, Source};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    File(Vec<u8>, Metadata),
    Link(Vec<u8>),
    Folder(BTreeMap<Vec<u8>, Tree>, Metadata),
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("a part of a path", |byte| !matches!(byte, 0 | b'/'));
    prop::collection::vec(byte, 1..20).prop_filter("not a dot", |name| name != b"." && name != b"..")
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let id = prop_oneof![Just(0), 0u32..70_000, any::<u32>()];
    let time = prop_oneof![Just(0), 0i64..2_000_000_000, any::<i64>()];
    (0u16..0o10000, id.clone(), id, time).prop_map(|(permissions, uid, gid, modified)| Metadata {
        permissions,
        uid,
        gid,
        modified,
    })
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
        (bytes, metadata()).prop_map(|(bytes, metadata)| Tree::File(bytes, metadata)),
        prop::collection::vec(1u8.., 1..60).prop_map(Tree::Link),
    ];
    let folder = |inner| {
        (prop::collection::btree_map(name(), inner, 0..6), metadata())
            .prop_map(|(map, metadata)| Tree::Folder(map, metadata))
    };
    leaf.prop_recursive(4, 40, 6, folder)
}

/// What is in a root.
pub(crate) fn children() -> impl Strategy<Value = BTreeMap<Vec<u8>, Tree>> {
    prop::collection::btree_map(name(), tree(), 0..6)
}

/// The tree of a root, and each path in it with what is there (folders without what is in them).
pub(crate) fn build(children: &BTreeMap<Vec<u8>, Tree>) -> (Filesystem, BTreeMap<Vec<u8>, Tree>) {
    let (mut filesystem, mut paths) = (Filesystem::new(), BTreeMap::new());
    for (name, child) in children {
        add(&mut filesystem, &[b"/", &name[..]].concat(), child, &mut paths);
    }
    (filesystem, paths)
}

fn add(filesystem: &mut Filesystem, path: &[u8], tree: &Tree, paths: &mut BTreeMap<Vec<u8>, Tree>) {
    match tree {
        Tree::File(bytes, metadata) => {
            filesystem
                .file(path, Source::Bytes(bytes.clone()), *metadata)
                .unwrap();
        }
        Tree::Link(target) => filesystem.link(path, target, Metadata::new(0o777)).unwrap(),
        Tree::Folder(children, metadata) => {
            filesystem.folder(path, *metadata).unwrap();
            for (name, child) in children {
                add(filesystem, &[path, b"/", name].concat(), child, paths);
            }
            paths.insert(path.to_vec(), Tree::Folder(BTreeMap::new(), *metadata));
            return;
        }
    }
    paths.insert(path.to_vec(), tree.clone());
}

/// A tree with one of each.
pub(crate) fn small() -> Filesystem {
    let mut tree = Filesystem::new();
    tree.file("/bin/x", Source::Bytes(vec![7; 5000]), Metadata::new(0o755))
        .unwrap();
    tree.file("/empty", Source::Bytes(Vec::new()), Metadata::new(0o644))
        .unwrap();
    tree.folder("/tmp", Metadata::new(0o1777)).unwrap();
    tree.link("/y", "bin/x", Metadata::new(0o777)).unwrap();
    tree
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn the_order_of_calls_does_not_matter(children in children()) {
        let (one, paths) = build(&children);
        let mut other = Filesystem::new();
        // From the last path to the first, so that a folder gets its metadata after what is in it.
        for (path, tree) in paths.iter().rev() {
            match tree {
                Tree::File(bytes, metadata) => other.file(path, Source::Bytes(bytes.clone()), *metadata).unwrap(),
                Tree::Link(target) => other.link(path, target, Metadata::new(0o777)).unwrap(),
                Tree::Folder(_, metadata) => other.folder(path, *metadata).unwrap(),
            }
        }
        for write in [crate::rofs::write, crate::erofs::write] {
            let mut images = [&one, &other].map(|tree| {
                let mut image = std::io::Cursor::new(Vec::new());
                write(tree, &mut image).unwrap();
                image.into_inner()
            });
            let [one, other] = &mut images;
            prop_assert!(one == other);
        }
    }
}
