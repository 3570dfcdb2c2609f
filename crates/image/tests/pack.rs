//! A program that this machine's compiler made becomes a disk and is found there again.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt, MetadataExt},
    path::PathBuf,
    process::Command,
};

use uigniter_image::{Disk, PackError, disk, elf, pack_elf, rofs::EntryKind};

/// Compiles a tiny C program in `folder`; a C compiler is part of every machine that builds Rust programs.
fn compile(folder: &std::path::Path, flags: &[&str]) -> PathBuf {
    let source = folder.join("hello.c");
    fs::write(
        &source,
        "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n",
    )
    .unwrap();
    let output = folder.join("hello");
    let status = Command::new("cc")
        .args(flags)
        .arg(&source)
        .arg("-o")
        .arg(&output)
        .status();
    assert!(status.expect("this test needs a C compiler, `cc`").success());
    output
}

#[test]
fn a_static_program_is_packed_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    for flags in [&["-static"][..], &["-static-pie"]] {
        let program = compile(folder.path(), flags);
        let disk_path = folder.path().join("hello.raw");
        let packed = pack_elf(&program, "hello", &mut File::create(&disk_path).unwrap()).unwrap();
        assert_eq!(packed.path, "/hello");
        assert_eq!(packed.elf.position_independent, flags == ["-static-pie"]);
        let disk = File::open(&disk_path).unwrap();
        assert_eq!(disk.metadata().unwrap().len(), packed.disk_bytes);
        assert!(Disk::inspect(&disk).unwrap().has_rofs);
        let rofs = Disk::open_rofs(&disk).unwrap();
        assert_eq!(rofs.read("/hello").unwrap(), fs::read(&program).unwrap());
        let hello = rofs
            .entries()
            .iter()
            .find(|entry| entry.path == b"/hello")
            .unwrap();
        assert_eq!(hello.permissions, 0o755);
        assert!(
            rofs.entries()
                .iter()
                .any(|entry| entry.path == b"/tmp" && entry.kind == EntryKind::Folder)
        );
        assert!(rofs.read("/etc/passwd").unwrap().starts_with(b"root:x:0:0:"));

        let again = folder.path().join("again.raw");
        pack_elf(&program, "hello", &mut File::create(&again).unwrap()).unwrap();
        assert_eq!(
            fs::read(&again).unwrap(),
            fs::read(&disk_path).unwrap(),
            "packing is deterministic"
        );
    }
}

#[test]
fn a_dynamic_program_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), &[]);
    let error = pack_elf(&program, "hello", &mut tempfile::tempfile().unwrap()).unwrap_err();
    assert!(matches!(
        &error,
        PackError::Refused {
            source: elf::Error::Dynamic(_),
            ..
        }
    ));
    let line = error.to_string();
    assert!(line.starts_with("hello: dynamically linked (needs /"), "{line}");
    assert!(line.ends_with("link with -static"), "{line}");
}

#[test]
fn a_truncated_disk_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), &["-static"]);
    let disk = File::create_new(folder.path().join("hello.raw")).unwrap();
    let length = pack_elf(&program, "hello", &mut disk.try_clone().unwrap())
        .unwrap()
        .disk_bytes;
    disk.set_len(length - 512).unwrap();
    let disk = File::open(folder.path().join("hello.raw")).unwrap();
    let error = Disk::inspect(&disk).unwrap_err();
    assert!(matches!(error, disk::Error::Truncated { slot: 2, .. }), "{error}");
    assert!(matches!(
        Disk::inspect(&b"#!/bin/sh".as_slice()),
        Err(disk::Error::NotADisk)
    ));
    assert!(matches!(
        Disk::inspect(&[0; 4096].as_slice()),
        Err(disk::Error::NotADisk)
    ));
}

#[test]
fn zeroes_stay_holes() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), &["-static"]);
    // Debug data that is all zero, 8 MiB of it, behind the program.
    let file = File::options().write(true).open(&program).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(length + (8 << 20)).unwrap();
    file.write_all_at(b"end", length + (8 << 20) - 3).unwrap();
    let disk = folder.path().join("hello.raw");
    let packed = pack_elf(&program, "hello", &mut File::create(&disk).unwrap()).unwrap();
    let metadata = fs::metadata(&disk).unwrap();
    assert!(packed.disk_bytes > 8 << 20);
    assert!(
        metadata.blocks() * 512 < length + (1 << 20),
        "{} blocks for {length} bytes",
        metadata.blocks()
    );
}
