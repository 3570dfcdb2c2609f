use std::os::unix::fs::symlink;

use super::*;
use crate::filesystem::Kind;

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

/// What is at a path of the tree.
fn at(tree: &mut Tree, path: &Path) -> Option<Kind> {
    let found = tree.filesystem.find(path.as_os_str().as_bytes()).unwrap();
    found.map(|index| tree.filesystem.inode(index).kind.clone())
}

/// What is at a path below the host folder.
fn node(tree: &mut Tree, host: &tempfile::TempDir, name: &str) -> Option<Kind> {
    at(tree, &host.path().canonicalize().unwrap().join(name))
}

fn leads_to(kind: Option<Kind>, target: &str) -> bool {
    matches!(kind, Some(Kind::Link(bytes)) if bytes == target.as_bytes())
}

#[test]
fn the_way_to_a_file_keeps_its_links() {
    let host = host();
    let mut tree = Tree::new();
    tree.add_same(&host.path().join("lib/libx.so.1")).unwrap();
    assert!(leads_to(node(&mut tree, &host, "lib"), "usr/lib"));
    assert!(leads_to(
        node(&mut tree, &host, "usr/lib/libx.so.1"),
        "libx.so.1.2"
    ));
    assert!(matches!(
        node(&mut tree, &host, "usr/lib/libx.so.1.2"),
        Some(Kind::File(_))
    ));
    assert!(
        node(&mut tree, &host, "usr/lib/deep").is_none(),
        "only the way is added"
    );
}

#[test]
fn a_folder_at_its_own_path_brings_files_that_its_links_lead_to() {
    let host = host();
    let mut tree = Tree::new();
    tree.add_same(&host.path().join("lib")).unwrap();
    assert!(matches!(
        node(&mut tree, &host, "usr/lib/deep/data"),
        Some(Kind::File(_))
    ));
    assert!(matches!(
        node(&mut tree, &host, "elsewhere/conf"),
        Some(Kind::File(_))
    ));
    assert!(matches!(
        node(&mut tree, &host, "usr/lib/folder"),
        Some(Kind::Link(_))
    ));
}

#[test]
fn another_path_may_lead_through_links_of_the_tree() {
    let host = host();
    let mut tree = Tree::new();
    tree.add_link(Path::new("/srv"), Path::new("var/www")).unwrap();
    tree.add(&host.path().join("usr"), Path::new("/srv/usr")).unwrap();
    let data = tree.files().find(|(path, _)| path.ends_with("lib/deep/data"));
    assert_eq!(data.unwrap().0, Path::new("/srv/usr/lib/deep/data"));
    let there = at(&mut tree, Path::new("/var/www/usr/lib/deep/data"));
    assert!(matches!(there, Some(Kind::File(_))));
    assert!(matches!(
        tree.add(
            &host.path().join("usr"),
            Path::new("/var/www/usr/lib/deep/data/x")
        ),
        Err(Error::Place(BuildError::BelowFile(_)))
    ));
    assert!(matches!(
        tree.add(host.path(), Path::new("relative")),
        Err(Error::Relative(_))
    ));
}

#[test]
fn the_first_of_two_stays() {
    let host = host();
    let mut tree = Tree::new();
    tree.add(&host.path().join("elsewhere/conf"), Path::new("/etc/passwd"))
        .unwrap();
    tree.add_link(Path::new("/etc/passwd"), Path::new("other"))
        .unwrap();
    let node = at(&mut tree, Path::new("/etc/passwd"));
    assert!(matches!(node, Some(Kind::File(_))));
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
        Err(Error::Place(BuildError::Links(_)))
    ));
    assert!(matches!(
        tree.add_same(&host.path().join("missing")),
        Err(Error::Read { .. })
    ));
}
