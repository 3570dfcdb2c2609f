//! Files of the instance's own (`run --file`, `--secret`, a time zone), from a RAM disk, put over what the image has.
//!
//! A file takes the place of whatever has its name. Folders on the way are those of the image, also where links lead to them, or else those of the RAM disk.

use super::{
    image::{ImageKind, ImageTree},
    names::replace,
    node::Node,
    path::{At, Limits},
    permission::Asker,
};
use alloc::{sync::Arc, vec};

/// Puts the files of a tree below `root`.
pub(super) fn lay(root: &Arc<Node>, files: &Arc<ImageTree>) {
    let mut pending = vec![(root.clone(), ImageTree::ROOT)];
    while let Some((dir, inode)) = pending.pop() {
        for (name, child) in files.children(inode) {
            if files.kind(child) == Some(ImageKind::Directory)
                && let Some(known) = folder(root, &dir, name)
            {
                pending.push((known, child));
            } else if let Some(node) = Node::of_image(&dir.fs, Arc::downgrade(&dir), files, child) {
                replace(&dir, name, node);
            }
        }
    }
}

/// The folder that a name in `dir` leads to, if it does.
fn folder(root: &Arc<Node>, dir: &Arc<Node>, name: &str) -> Option<Arc<Node>> {
    let at = At {
        root: root.clone(),
        start: dir.clone(),
        path: name,
        limits: Limits::empty(),
        asker: Asker::current(),
    };
    at.directory().ok()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{filesystem::Filesystem, image::mount, testing::MemoryDisk},
        *,
    };
    use linux_raw_sys::general as raw;
    use uigniter_image::{Filesystem as Tree, Metadata, Source, erofs};

    fn image(files: &[(&str, &str, u16, u32)], links: &[(&str, &str)]) -> Arc<ImageTree> {
        let mut tree = Tree::new();
        for &(path, text, permissions, uid) in files {
            let metadata = Metadata {
                uid,
                ..Metadata::new(permissions)
            };
            tree.file(path, Source::Bytes(text.into()), metadata).unwrap();
        }
        for (path, target) in links {
            tree.link(path, target, Metadata::new(0o777)).unwrap();
        }
        let mut bytes = std::io::Cursor::new(Vec::new());
        erofs::write(&tree, &mut bytes).unwrap();
        let tree = mount(Arc::new(MemoryDisk(bytes.into_inner())), 1 << 20);
        Arc::new(tree.map_err(|error| error.to_string()).unwrap())
    }

    #[test]
    fn files_take_their_places_and_leave_the_rest() {
        let base = image(
            &[
                ("/etc/conf", "old", 0o644, 0),
                ("/etc/other", "kept", 0o644, 0),
                ("/run/x", "", 0o644, 0),
            ],
            &[("/var/run", "/run"), ("/etc/localtime", "conf")],
        );
        let files = image(
            &[
                ("/etc/conf", "newer", 0o600, 5),
                ("/etc/localtime", "zone", 0o644, 0),
                ("/var/run/secrets/key", "secret", 0o400, 7),
                ("/new/deep/file", "deep!", 0o644, 0),
            ],
            &[],
        );
        let fs = Filesystem::new("overlay", raw::OVERLAYFS_SUPER_MAGIC, 16);
        let root = Node::root(&fs, Some(&base));
        lay(&root, &files);
        for (path, bytes, mode, uid) in [
            ("etc/conf", 5, 0o600, 5),
            ("etc/other", 4, 0o644, 0),
            ("etc/localtime", 4, 0o644, 0),
            ("run/secrets/key", 6, 0o400, 7),
            ("run/x", 0, 0o644, 0),
            ("new/deep/file", 5, 0o644, 0),
        ] {
            let node = path
                .split('/')
                .fold(root.clone(), |dir, name| dir.child(name).unwrap());
            let stat = node.stat();
            assert_eq!(
                (stat.mode, stat.uid, stat.size),
                (raw::S_IFREG | mode, uid, bytes),
                "{path}"
            );
        }
        assert!(
            root.child("var").unwrap().child("run").unwrap().is_link(),
            "a link of the image stays"
        );
        assert!(Arc::ptr_eq(&root.child("new").unwrap().parent().unwrap(), &root));
    }
}
