//! Folders whose host answers anything: nothing of it is believed that cannot be.

use super::*;
use crate::drivers::folder::REPLY_HEADER;
use std::{sync::Mutex, vec};
use uigniter_fuzz::{Reader, run};

/// Answers with the bytes that it has; as itself, with good ones, for a mount.
#[derive(Default)]
struct Host {
    bytes: Mutex<Vec<u8>>,
    asked: Mutex<Vec<u32>>,
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// `struct fuse_attr` of a node.
fn attr(ino: u8, mode: u32, size: u8) -> Vec<u8> {
    let mut bytes = vec![0; 88];
    (bytes[0], bytes[8]) = (ino, size);
    bytes[60..64].copy_from_slice(&mode.to_le_bytes());
    bytes[64] = 1;
    bytes
}

/// `struct fuse_entry_out`.
fn entry(node: u8, mode: u32, size: u8) -> Vec<u8> {
    let mut bytes = vec![0; 40];
    bytes[0] = node;
    bytes.extend(attr(node, mode, size));
    bytes
}

fn attr_out(mode: u32) -> Vec<u8> {
    [vec![0; 16], attr(1, mode, 0)].concat()
}

fn dirent(name: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    bytes[0] = 9;
    bytes.extend(words(&[name.len() as u32, 8]));
    bytes.extend(name);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

impl Exchange for Host {
    fn exchange(&self, head: &[u8], _data: &[u8], body: &mut [u8]) -> Option<([u8; REPLY_HEADER], usize)> {
        let operation = u32::from_le_bytes(head[4..8].try_into().unwrap());
        self.asked.lock().unwrap().push(operation);
        let mut bytes = self.bytes.lock().unwrap();
        let (error, answer) = if bytes.is_empty() {
            match operation {
                26 => (0, words(&[7, 31, 0, 1 << 17 | 1 << 24, 0, 4096])),
                3 => (0, attr_out(0o040_755)),
                _ => (-2, Vec::new()),
            }
        } else {
            let mut reader = Reader::new(&bytes);
            let error = match reader.u8() {
                0..200 => 0,
                _ => reader.u32() as i32,
            };
            let length = usize::from(reader.u16() % 2048);
            let answer = reader.bytes(length).to_vec();
            let rest = reader.bytes(usize::MAX).to_vec();
            *bytes = rest;
            (error, answer)
        };
        let count = answer.len().min(body.len());
        body[..count].copy_from_slice(&answer[..count]);
        let mut header = [0; REPLY_HEADER];
        header[..4].copy_from_slice(&(16 + count as u32).to_le_bytes());
        header[4..8].copy_from_slice(&error.to_le_bytes());
        header[8..].copy_from_slice(&head[8..16]);
        Some((header, count))
    }

    fn tell(&self, _head: &[u8], _data: &[u8]) {}
}

/// A mounted folder of a host that answers so from then on.
fn mounted(bytes: Vec<u8>) -> (Arc<Node>, &'static Host) {
    let host: &'static Host = Box::leak(Box::default());
    let root = mount(host, false).unwrap();
    *host.bytes.lock().unwrap() = bytes;
    (root, host)
}

/// An answer as [`Host`] reads it.
fn answer(body: &[u8]) -> Vec<u8> {
    [&[0][..], &(body.len() as u16).to_le_bytes(), body].concat()
}

#[test]
fn names_are_asked_for_and_nodes_are_one() {
    let file = answer(&entry(5, 0o100_644, 3));
    let (root, host) = mounted([file.clone(), file].concat());
    let one = root.child("one").unwrap();
    let other = root.child("other").unwrap();
    assert!(Arc::ptr_eq(&one, &other), "two names of one node");
    assert_eq!((one.number(), one.meta.lock().mode), (5, 0o100_644));
    assert_eq!(root.child("none").unwrap_err(), Errno::ENOENT);
    assert_eq!(*host.asked.lock().unwrap(), [26, 3, 1, 1, 1]);
}

#[test]
fn a_listing_has_what_the_host_has() {
    let answers = [dirent(b"."), dirent(b".."), dirent(b"a"), dirent(b"\xff")].concat();
    let (root, _) = mounted([answer(&answers), answer(&[])].concat());
    list(&root).unwrap();
    let Body::Directory(entries) = &root.body else {
        panic!()
    };
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(entry) = entries.next(&root, from) {
        from = entry.cookie + 1;
        found.push((names::to_bytes(&entry.name).into_owned(), entry.ino, entry.kind));
    }
    assert_eq!(found, [(b"a".to_vec(), 9, 8), (b"\xff".to_vec(), 9, 8)]);
}

#[test]
fn what_cannot_be_is_an_error() {
    let huge = {
        let mut bytes = entry(5, 0o100_644, 0);
        bytes[55] = 0xff;
        bytes
    };
    for wrong in [entry(5, 0o644, 0), entry(5, 0o100_644, 0)[..100].to_vec(), huge] {
        let (root, _) = mounted(answer(&wrong));
        assert_eq!(root.child("x").unwrap_err(), Errno::EIO);
    }
    for name in [&b"a/b"[..], b"", b"nul\0"] {
        let (root, _) = mounted(answer(&dirent(name)));
        assert_eq!(list(&root).unwrap_err(), Errno::EIO, "{name:?}");
    }
}

#[test]
fn fuzz_fs_replies() {
    let file = answer(&entry(5, 0o100_644, 200));
    let read = answer(b"of the host");
    let folder = answer(&entry(6, 0o040_755, 0));
    let names = [answer(&[dirent(b"a"), dirent(b"b")].concat()), answer(&[])].concat();
    let link = [answer(&entry(7, 0o120_777, 1)), answer(b"x")].concat();
    let seeds = [[file, read].concat(), [folder, names].concat(), link];
    let seeds: Vec<&[u8]> = seeds.iter().map(|seed| &seed[..]).collect();
    run("fs-replies", &seeds, |input| {
        let (root, _) = mounted(input.to_vec());
        for name in ["a", "b", "a"] {
            let Ok(node) = root.child(name) else { continue };
            let _ = node.stat();
            let _ = node.set(|meta| meta.mode ^= 0o100);
            let _ = list(&node);
            let _ = node.child("c");
            if let (Some(data), Some(inode)) = (node.data(), &node.remote) {
                let _ = data.read(0, &mut [0; 5000]);
                let _ = write(inode, data, 100, b"words");
                let _ = node.truncate(7);
                let _ = inode.sync(false, true);
            }
            let _ = node.statfs();
            let _ = make(&root, "d", &Node::regular(&root.fs, 0o600));
        }
        let _ = list(&root);
    });
}
