use std::os::unix::fs::symlink;

use super::*;

/// A host folder with files, folders and links.
fn host() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("usr/lib/deep")).unwrap();
    fs::create_dir(at("elsewhere")).unwrap();
    fs::write(at("usr/lib/libx.so.1.2"), "x").unwrap();
    fs::write(at("usr/lib/deep/data"), "data").unwrap();
    fs::write(at("elsewhere/conf"), "conf").unwrap();
    symlink("usr/lib", at("lib")).unwrap();
    symlink("libx.so.1.2", at("usr/lib/libx.so.1")).unwrap();
    symlink("../../elsewhere/conf", at("usr/lib/conf")).unwrap();
    symlink("../../elsewhere", at("usr/lib/folder")).unwrap();
    symlink("loop", at("loop")).unwrap();
    folder
}

/// What is at a path below the host folder.
fn node<'a>(tree: &'a Tree, host: &tempfile::TempDir, name: &str) -> Option<&'a Node> {
    tree.nodes.get(&host.path().canonicalize().unwrap().join(name))
}

#[test]
fn the_way_to_a_file_keeps_its_links() {
    let host = host();
    let mut tree = Tree::new();
    tree.add_same(&host.path().join("lib/libx.so.1")).unwrap();
    assert_eq!(node(&tree, &host, "lib"), Some(&Node::Link("usr/lib".into())));
    assert_eq!(
        node(&tree, &host, "usr/lib/libx.so.1"),
        Some(&Node::Link("libx.so.1.2".into()))
    );
    assert!(matches!(
        node(&tree, &host, "usr/lib/libx.so.1.2"),
        Some(Node::File(..))
    ));
    assert_eq!(node(&tree, &host, "usr/lib/deep"), None, "only the way is added");
    tree.build().unwrap();
}

#[test]
fn a_folder_at_its_own_path_brings_files_that_its_links_lead_to() {
    let host = host();
    let mut tree = Tree::new();
    tree.add_same(&host.path().join("lib")).unwrap();
    assert!(matches!(
        node(&tree, &host, "usr/lib/deep/data"),
        Some(Node::File(..))
    ));
    assert!(matches!(
        node(&tree, &host, "elsewhere/conf"),
        Some(Node::File(..))
    ));
    assert!(matches!(
        node(&tree, &host, "usr/lib/folder"),
        Some(Node::Link(_))
    ));
    tree.build().unwrap();
}

#[test]
fn another_path_may_lead_through_links_of_the_tree() {
    let host = host();
    let mut tree = Tree::new();
    tree.add_link(Path::new("/srv"), Path::new("var/www")).unwrap();
    tree.add(&host.path().join("usr"), Path::new("/srv/usr")).unwrap();
    let data = tree.files().find(|(path, _)| path.ends_with("lib/deep/data"));
    assert_eq!(data.unwrap().0, Path::new("/var/www/usr/lib/deep/data"));
    assert!(matches!(
        tree.add(
            &host.path().join("usr"),
            Path::new("/var/www/usr/lib/deep/data/x")
        ),
        Err(Error::BelowFile(_))
    ));
    assert!(matches!(
        tree.add(host.path(), Path::new("relative")),
        Err(Error::Relative(_))
    ));
    tree.build().unwrap();
}

#[test]
fn the_first_of_two_stays() {
    let host = host();
    let mut tree = Tree::new();
    tree.add(&host.path().join("elsewhere/conf"), Path::new("/etc/passwd"))
        .unwrap();
    tree.add_link(Path::new("/etc/passwd"), Path::new("other"))
        .unwrap();
    let node = tree.nodes.get(Path::new("/etc/passwd"));
    assert!(matches!(node, Some(Node::File(..))));
}

#[test]
fn links_in_a_circle_end() {
    let host = host();
    let mut tree = Tree::new();
    assert!(matches!(
        tree.add_same(&host.path().join("loop")),
        Err(Error::Links(_))
    ));
    tree.add_link(Path::new("/a"), Path::new("b")).unwrap();
    tree.add_link(Path::new("/b"), Path::new("a")).unwrap();
    assert!(matches!(
        tree.add_link(Path::new("/a/x"), Path::new("y")),
        Err(Error::Links(_))
    ));
    assert!(matches!(
        tree.add_same(&host.path().join("missing")),
        Err(Error::Read { .. })
    ));
}
