use std::fs;

use oci_spec::image::MediaType;
use serde_json::json;
use tar::{Builder, Header};

use super::*;
use crate::{Contents, EntryKind, erofs};

/// An entry of a layer: its type, path, and contents or target.
type Entry<'a> = (EntryType, &'a str, &'a str);
use tar::EntryType::{self, Directory, Fifo, Link, Regular, Symlink};

fn layer(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    for (kind, path, text) in entries {
        let mut header = Header::new_gnu();
        // As the bytes are: the library's own way refuses what a stranger may write.
        let name = &mut header.as_gnu_mut().unwrap().name;
        name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o750);
        header.set_uid(7);
        header.set_gid(8);
        header.set_mtime(1_500_000_000);
        let content = if matches!(kind, Regular) {
            text.as_bytes()
        } else {
            b""
        };
        header.set_size(content.len() as u64);
        if matches!(kind, Link | Symlink) {
            header.set_link_name_literal(text).unwrap();
        }
        header.set_cksum();
        archive.append(&header, content).unwrap();
    }
    archive.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes a layout of these layers (uncompressed, as stored) and gives its folder.
fn layout(layers: &[(Vec<u8>, Vec<u8>)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let blobs = folder.path().join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |media: MediaType, bytes: &[u8]| {
        let hex = blobs::sha256(bytes);
        fs::write(blobs.join(&hex), bytes).unwrap();
        json!({"mediaType": media, "digest": format!("sha256:{hex}"), "size": bytes.len()})
    };
    let digests: Vec<_> = layers
        .iter()
        .map(|(plain, _)| format!("sha256:{}", blobs::sha256(plain)))
        .collect();
    let configuration = json!({
        "architecture": "amd64", "os": "linux",
        "config": {"Entrypoint": ["/app"], "Env": ["A=b"], "WorkingDir": "/srv"},
        "rootfs": {"type": "layers", "diff_ids": digests},
    });
    let configuration = put(MediaType::ImageConfig, configuration.to_string().as_bytes());
    let layers: Vec<_> = layers
        .iter()
        .map(|(_, stored)| put(MediaType::ImageLayerGzip, stored))
        .collect();
    let manifest = json!({"schemaVersion": 2, "config": configuration, "layers": layers});
    let mut manifest = put(MediaType::ImageManifest, manifest.to_string().as_bytes());
    manifest["annotations"] = json!({REFERENCE: "app:1"});
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    fs::write(folder.path().join("index.json"), index.to_string()).unwrap();
    fs::write(
        folder.path().join("oci-layout"),
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    )
    .unwrap();
    folder
}

fn plain(layers: &[&[Entry<'_>]]) -> tempfile::TempDir {
    let layers: Vec<_> = layers.iter().map(|entries| layer(entries)).collect();
    layout(
        &layers
            .iter()
            .map(|layer| (layer.clone(), layer.clone()))
            .collect::<Vec<_>>(),
    )
}

/// What is in the tree: paths with contents, targets, or nothing for folders.
fn listing(loaded: &Loaded) -> Vec<(String, String)> {
    let mut image = io::Cursor::new(Vec::new());
    erofs::write(&loaded.tree, &mut image).unwrap();
    let image = image.into_inner();
    let reader = Contents::Erofs(erofs::Reader::open(&image[..], 0, image.len() as u64).unwrap());
    let mut lines: Vec<_> = reader
        .entries()
        .iter()
        .skip(1)
        .map(|entry| {
            let text = match &entry.kind {
                EntryKind::Folder => Vec::new(),
                EntryKind::File(_) => reader.read(&entry.path).unwrap(),
                EntryKind::Link(target) => [b"-> ", &target[..]].concat(),
            };
            let path = String::from_utf8(entry.path.clone()).unwrap();
            (path, String::from_utf8(text).unwrap())
        })
        .collect();
    lines.sort();
    lines
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = expected
        .iter()
        .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    owned.collect()
}

fn opened(folder: &tempfile::TempDir) -> Result<Loaded, Error> {
    load(folder.path(), None, Limits::default())
}

#[test]
fn later_layers_add_replace_and_take_away() {
    let folder = plain(&[
        &[
            (Directory, "etc/", ""),
            (Regular, "etc/a", "old"),
            (Regular, "etc/b", "stays"),
            (Regular, "etc/c", "goes"),
            (Directory, "var/", ""),
            (Regular, "var/x/deep", "goes too"),
            (Directory, "usr/lib/", ""),
            (Symlink, "lib", "usr/lib"),
        ],
        &[
            // A whiteout is about the layers below, even behind a file of the same folder.
            (Regular, "var/new", "new"),
            (Regular, "var/.wh..wh..opq", ""),
            (Regular, "etc/a", "new"),
            (Regular, "etc/.wh.c", ""),
            (Regular, "etc/.wh.nothing", ""),
            (Regular, "./lib/libx.so", "through a link"),
            (Link, "also", "etc/b"),
            (Fifo, "pipe", ""),
        ],
    ]);
    let loaded = opened(&folder).unwrap();
    assert_eq!(loaded.left_out, 1);
    assert_eq!(
        listing(&loaded),
        pairs(&[
            ("/also", "stays"),
            ("/etc", ""),
            ("/etc/a", "new"),
            ("/etc/b", "stays"),
            ("/lib", "-> usr/lib"),
            ("/usr", ""),
            ("/usr/lib", ""),
            ("/usr/lib/libx.so", "through a link"),
            ("/var", ""),
            ("/var/new", "new"),
        ])
    );
    let config = loaded.configuration.config().clone().unwrap();
    assert_eq!(config.entrypoint().clone().unwrap(), ["/app"]);
}

#[test]
fn a_thing_of_another_kind_replaces_what_was_there() {
    let folder = plain(&[
        &[
            (Regular, "a", "file"),
            (Regular, "b/c", "in a folder"),
            (Symlink, "d", "b"),
        ],
        &[(Regular, "a/x", "")],
    ]);
    assert!(matches!(
        opened(&folder),
        Err(Error::Tree(BuildError::BelowFile(_)))
    ));
    let folder = plain(&[
        &[
            (Regular, "a", "file"),
            (Regular, "b/c", "in a folder"),
            (Symlink, "d", "b"),
        ],
        &[(Directory, "a", ""), (Regular, "b", "file"), (Directory, "d", "")],
    ]);
    let found = listing(&opened(&folder).unwrap());
    assert_eq!(found, pairs(&[("/a", ""), ("/b", "file"), ("/d", "")]));
}

#[test]
fn gzip_and_archives_of_layouts_are_read() {
    let bytes = layer(&[(Regular, "a", "x")]);
    let folder = layout(&[(bytes.clone(), gzip(&bytes))]);
    assert_eq!(listing(&opened(&folder).unwrap()), pairs(&[("/a", "x")]));
    let archive = tempfile::NamedTempFile::new().unwrap();
    let mut builder = Builder::new(archive.reopen().unwrap());
    builder.append_dir_all(".", folder.path()).unwrap();
    builder.finish().unwrap();
    let loaded = load(archive.path(), Some("app:1"), Limits::default()).unwrap();
    assert_eq!(listing(&loaded), pairs(&[("/a", "x")]));
    let error = load(archive.path(), Some("other"), Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "holds no image 'other'; it has: app:1");
}

#[test]
fn an_archive_may_lack_the_padding_at_its_end() {
    let mut bytes = layer(&[(Regular, "a", "12345")]);
    bytes.truncate(512 + 5);
    let folder = layout(&[(bytes.clone(), bytes)]);
    assert_eq!(listing(&opened(&folder).unwrap()), pairs(&[("/a", "12345")]));
}

#[test]
fn what_docker_saves_is_read() {
    let bytes = layer(&[(Regular, "a", "x")]);
    let digest = format!("sha256:{}", blobs::sha256(&bytes));
    let configuration = json!({
        "architecture": "amd64", "os": "linux", "config": {"Cmd": ["/a"]},
        "rootfs": {"type": "layers", "diff_ids": [digest]},
    });
    let configuration = configuration.to_string();
    let name = format!("{}.json", blobs::sha256(configuration.as_bytes()));
    let manifest =
        json!([{"Config": name, "RepoTags": ["docker.io/library/app:1"], "Layers": ["one/layer.tar"]}]);
    let archive = tempfile::NamedTempFile::new().unwrap();
    let mut builder = Builder::new(archive.reopen().unwrap());
    for (name, bytes) in [
        (&*name, configuration.as_bytes()),
        ("manifest.json", manifest.to_string().as_bytes()),
        ("one/layer.tar", &bytes),
    ] {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, name, bytes).unwrap();
    }
    builder.finish().unwrap();
    for reference in [None, Some("app:1"), Some("docker.io/library/app:1")] {
        let loaded = load(archive.path(), reference, Limits::default()).unwrap();
        assert_eq!(listing(&loaded), pairs(&[("/a", "x")]));
    }
}

#[test]
fn nothing_leaves_the_tree() {
    for (entries, what) in [
        (&[(Regular, "../evil", "x")][..], "a path"),
        (&[(Regular, "a/../../evil", "x")], "a path in between"),
        (&[(Link, "a", "../etc/passwd")], "a hard link"),
        (&[(Link, "a", "nothing")], "a hard link to nothing"),
    ] {
        assert!(opened(&plain(&[entries])).is_err(), "{what}");
    }
    // Links of the tree lead to places in the tree, as they would in the guest.
    let folder = plain(&[&[
        (Symlink, "out", "../../../tmp"),
        (Regular, "out/x", "inside"),
        (Symlink, "root", "/"),
        (Regular, "root/root/y", "inside"),
    ]]);
    let found = listing(&opened(&folder).unwrap());
    assert!(found.contains(&("/tmp/x".into(), "inside".into())), "{found:?}");
    assert!(found.contains(&("/y".into(), "inside".into())), "{found:?}");
    let folder = plain(&[&[(Symlink, "a", "b"), (Symlink, "b", "a"), (Regular, "a/x", "")]]);
    assert!(matches!(opened(&folder), Err(Error::Tree(BuildError::Links(_)))));
}

#[test]
fn changes_are_noticed() {
    let folder = plain(&[&[(Regular, "a", "x")]]);
    let blobs = folder.path().join("blobs/sha256");
    for blob in fs::read_dir(&blobs).unwrap() {
        let path = blob.unwrap().path();
        let good = fs::read(&path).unwrap();
        let mut bad = good.clone();
        let last = bad.len() - 1;
        bad[last] ^= 1;
        fs::write(&path, &bad).unwrap();
        let error = opened(&folder).unwrap_err();
        assert!(matches!(error, Error::Digest(_)), "{error}");
        fs::remove_file(&path).unwrap();
        assert!(matches!(opened(&folder).unwrap_err(), Error::Missing(_)));
        fs::write(&path, &good).unwrap();
    }
    opened(&folder).unwrap();
}

#[test]
fn bombs_are_not_unpacked() {
    // Two thousand times as long as it looks.
    let bytes = layer(&[(Regular, "zeroes", &"\0".repeat(4 << 20))]);
    let folder = layout(&[(bytes.clone(), gzip(&bytes))]);
    let limits = Limits {
        bytes: 1 << 20,
        ..Limits::default()
    };
    let error = load(folder.path(), None, limits).unwrap_err();
    assert!(matches!(error, Error::TooLarge(_)), "{error}");
    let many: Vec<_> = (0..100).map(|number| format!("f{number}")).collect();
    let entries: Vec<_> = many.iter().map(|name| (Regular, &**name, "")).collect();
    let limits = Limits {
        entries: 99,
        ..Limits::default()
    };
    let error = load(plain(&[&entries]).path(), None, limits).unwrap_err();
    assert!(matches!(error, Error::TooLarge(_)), "{error}");
}

#[test]
fn what_is_no_image_is_named() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(opened(&folder), Err(Error::NoImage)));
    fs::write(folder.path().join("index.json"), "{}").unwrap();
    assert!(matches!(opened(&folder), Err(Error::Json(..))));
    fs::write(folder.path().join("file"), [7; 2000]).unwrap();
    let error = load(&folder.path().join("file"), None, Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Archive(..)), "{error}");
}

#[test]
fn fuzz_oci_layer() {
    let seed = layer(&[
        (Directory, "etc/", ""),
        (Regular, "etc/a", "text"),
        (Symlink, "l", "etc"),
        (Regular, "l/.wh.a", ""),
        (Link, "h", "etc/a"),
    ]);
    uigniter_fuzz::run("oci-layer", &[&seed], |input| {
        let spool = Arc::new(tempfile::tempfile().unwrap());
        let limits = Limits {
            bytes: 1 << 20,
            entries: 1000,
        };
        let mut stack = layer::Stack::new(spool, limits);
        // Whatever it is, its digest is right: what comes behind the comparison is what is tried.
        let digest = format!("sha256:{}", blobs::sha256(input));
        let owned = io::Cursor::new(input.to_vec());
        if stack.apply("layer", Box::new(owned), &digest).is_ok() {
            let (tree, ..) = stack.finish();
            let mut image = io::Cursor::new(Vec::new());
            let length = erofs::write(&tree, &mut image).unwrap();
            erofs::Reader::open(&image.into_inner()[..], 0, length).unwrap();
        }
    });
}
