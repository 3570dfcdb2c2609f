//! A program that this machine's compiler made becomes a disk and is found there again.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

use std::{
    fs::{self, File},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    process::Command,
};

use uigniter_image::{
    Addition, Disk, EntryKind, Filesystem, Format, Metadata, PackError, Packed, disk, elf, erofs,
    needs_others, pack, pack_elf,
};

/// Compiles a tiny C program in `folder`; a C compiler is part of every machine that builds Rust programs.
fn compile(folder: &Path, flags: &[&str]) -> PathBuf {
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
    for (flags, format) in [
        (&["-static"][..], Format::Erofs),
        (&["-static-pie"], Format::Rofs),
    ] {
        let program = compile(folder.path(), flags);
        let disk_path = folder.path().join("hello.raw");
        let packed = pack_elf(&program, "hello", format, &mut File::create(&disk_path).unwrap()).unwrap();
        assert_eq!(packed.path, "/hello");
        assert_eq!(packed.elf.position_independent, flags == ["-static-pie"]);
        let disk = File::open(&disk_path).unwrap();
        assert_eq!(disk.metadata().unwrap().len(), packed.disk_bytes);
        assert_eq!(Disk::inspect(&disk).unwrap().format, Some(format));
        let tree = Disk::contents(&disk).unwrap();
        assert_eq!(tree.read("/hello").unwrap(), fs::read(&program).unwrap());
        let hello = tree
            .entries()
            .iter()
            .find(|entry| entry.path == b"/hello")
            .unwrap();
        assert_eq!(hello.metadata.permissions, 0o755);
        assert!(
            tree.entries()
                .iter()
                .any(|entry| entry.path == b"/tmp" && entry.kind == EntryKind::Folder)
        );
        assert!(tree.read("/etc/passwd").unwrap().starts_with(b"root:x:0:0:"));

        let again = folder.path().join("again.raw");
        pack_elf(&program, "hello", format, &mut File::create(&again).unwrap()).unwrap();
        assert_eq!(
            fs::read(&again).unwrap(),
            fs::read(&disk_path).unwrap(),
            "packing is deterministic"
        );
    }
}

#[test]
fn a_dynamic_program_alone_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), &[]);
    assert!(needs_others(&program).unwrap());
    let error = pack_elf(
        &program,
        "hello",
        Format::Erofs,
        &mut tempfile::tempfile().unwrap(),
    )
    .unwrap_err();
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

/// Packs and gives the paths in the image.
fn packed(program: &Path, additions: &[Addition]) -> (Packed, Vec<String>) {
    let mut disk = tempfile::tempfile().unwrap();
    let packed = pack(program, additions, Format::Erofs, &mut disk).unwrap();
    let tree = Disk::contents(&disk).unwrap();
    let paths = tree
        .entries()
        .iter()
        .map(|entry| String::from_utf8(entry.path.clone()).unwrap());
    (packed, paths.collect())
}

/// A library `NAME` in `folder` that needs what `flags` say.
fn library(folder: &Path, name: &str, flags: &[&str]) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let source = folder.join(format!("{name}.c"));
    let function = name.replace(['.', '-'], "_");
    fs::write(&source, format!("int {function}(void) {{ return 0; }}\n")).unwrap();
    let output = folder.join(name);
    let status = Command::new("cc")
        .args([
            "-shared",
            "-fPIC",
            "-Wl,--no-as-needed",
            &format!("-Wl,-soname,{name}"),
        ])
        .arg(&source)
        .args(flags)
        .arg("-o")
        .arg(&output)
        .status();
    assert!(status.unwrap().success());
    output
}

#[test]
fn a_dynamic_program_brings_its_interpreter_and_libraries_with_their_links() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let (one, two) = (root.join("one"), root.join("two"));
    library(&two, "libtwo.so", &[]);
    fs::rename(two.join("libtwo.so"), two.join("libtwo.so.1")).unwrap();
    std::os::unix::fs::symlink("libtwo.so.1", two.join("libtwo.so")).unwrap();
    let l_two = format!("-L{}", two.display());
    // One needs two by its own RUNPATH, which the program does not have.
    library(
        &one,
        "libone.so",
        &[&l_two, "-ltwo", "-Wl,--enable-new-dtags,-rpath,$ORIGIN/../two"],
    );
    let (l_one, link) = (
        format!("-L{}", one.display()),
        format!("-Wl,-rpath-link,{}", two.display()),
    );
    let flags = [
        "-Wl,--no-as-needed",
        &l_one,
        "-lone",
        &link,
        "-Wl,--enable-new-dtags,-rpath,${ORIGIN}/one",
    ];
    let program = compile(&root, &flags);
    let (packed, paths) = packed(&program, &[]);
    assert_eq!(packed.path, program.to_str().unwrap());
    assert_eq!(packed.unresolved, []);
    let has = |path: &Path| paths.iter().any(|known| Path::new(known) == path);
    for path in [
        program.clone(),
        one.join("libone.so"),
        one.join("../two/libtwo.so").components().collect(),
    ] {
        let plain = path.to_str().unwrap().replace("/one/..", "");
        assert!(has(Path::new(&plain)), "{plain} is missing");
    }
    assert!(has(&two.join("libtwo.so.1")), "what a link leads to is missing");
    assert!(paths.iter().any(|path| path.ends_with("/libc.so.6")), "{paths:?}");
    assert!(paths.iter().any(|path| path.ends_with("/ld-linux-x86-64.so.2")));
    assert!(has(Path::new("/etc/passwd")));
    // What glibc opens when a thread ends, and its converters: no header names them.
    for name in ["/libgcc_s.so.1", "/gconv/UTF-16.so", "/gconv/gconv-modules.cache"] {
        assert!(paths.iter().any(|path| path.ends_with(name)), "{name} is missing");
    }

    fs::remove_file(two.join("libtwo.so")).unwrap();
    let error = pack(&program, &[], Format::Erofs, &mut tempfile::tempfile().unwrap()).unwrap_err();
    let line = error.to_string();
    assert!(
        line.contains("libtwo.so (for ") && line.contains("one/libone.so)") && !line.contains('\n'),
        "{line}"
    );
    // The same from the hand of the user is a remark: such libraries are often never loaded.
    let plugin = Addition {
        host: one.join("libone.so"),
        guest: Some("/plugin.so".into()),
    };
    let plain = compile(&root, &[]);
    let (packed, paths) = self::packed(&plain, &[plugin]);
    assert_eq!(packed.unresolved.len(), 1);
    assert_eq!(packed.unresolved[0].library, "libtwo.so");
    assert!(paths.iter().any(|path| path == "/plugin.so"));
}

#[test]
fn the_older_rpath_serves_the_whole_chain() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let lib = root.join("lib");
    library(&lib, "libtwo.so", &[]);
    let l = format!("-L{}", lib.display());
    library(&lib, "libone.so", &[&l, "-ltwo"]);
    let flags = [
        "-Wl,--no-as-needed",
        &l,
        "-lone",
        "-Wl,--disable-new-dtags,-rpath,$ORIGIN/lib",
        "-Wl,--allow-shlib-undefined",
    ];
    let (_, paths) = packed(&compile(&root, &flags), &[]);
    for name in ["libone.so", "libtwo.so"] {
        let path = lib.join(name);
        assert!(
            paths.iter().any(|known| Path::new(known) == path),
            "{name} is missing"
        );
    }
}

#[test]
fn a_script_brings_its_interpreter() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), &[]);
    let script = folder.path().join("script");
    fs::write(&script, format!("#! {} -x\n", program.display())).unwrap();
    assert!(needs_others(&script).unwrap());
    let (packed, paths) = packed(&script, &[]);
    assert_eq!(packed.path, script.to_str().unwrap());
    for needed in ["/hello", "/script", "/libc.so.6"] {
        assert!(
            paths.iter().any(|path| path.ends_with(needed)),
            "{needed} is missing"
        );
    }
    fs::write(&script, format!("#!{}\n", script.display())).unwrap();
    let error = pack(&script, &[], Format::Erofs, &mut tempfile::tempfile().unwrap()).unwrap_err();
    assert!(matches!(error, PackError::ScriptDepth(_)), "{error}");
}

#[test]
fn a_script_brings_what_env_would_find() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    fs::write(&script, "#!/usr/bin/env sh\n").unwrap();
    let (_, paths) = packed(&script, &[]);
    let shell = fs::canonicalize("/bin/sh").unwrap();
    for path in [&shell, Path::new("/usr/bin/sh")] {
        let name = path.file_name().unwrap();
        assert!(
            paths.iter().any(|path| Path::new(path).file_name() == Some(name)),
            "{name:?} is missing"
        );
    }
    assert!(!paths.iter().any(|path| path.ends_with("/env")), "env never runs");

    fs::write(&script, "#!/usr/bin/env no-such-interpreter\n").unwrap();
    let error = pack(&script, &[], Format::Erofs, &mut tempfile::tempfile().unwrap()).unwrap_err();
    let line = error.to_string();
    assert!(
        line.contains("wants 'no-such-interpreter', which is not in /usr/local/bin:"),
        "{line}"
    );
}

#[test]
fn a_library_among_the_users_files_is_found_by_the_link_that_leads_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    // As Debian's alternatives have it: the linker finds a link, and the user adds the folder that it leads to.
    let (real, found) = (root.join("real"), root.join("found"));
    library(&real, "libone.so", &[]);
    fs::create_dir(&found).unwrap();
    std::os::unix::fs::symlink("../real/libone.so", found.join("libone.so")).unwrap();
    let l = format!("-L{}", real.display());
    let flags = ["-Wl,--no-as-needed", &l, "-lone", "-Wl,-rpath,$ORIGIN/found"];
    let program = compile(&root, &flags);
    let plugin = library(&root, "plugin.so", &flags);
    let plain = compile(&root, &[]);
    for (program, added) in [(&program, &real), (&plain, &real)] {
        let addition = |host: &Path| Addition {
            host: host.to_owned(),
            guest: None,
        };
        let (_, paths) = packed(program, &[addition(added), addition(&plugin)]);
        for path in [real.join("libone.so"), found.join("libone.so")] {
            let is_there = paths.iter().any(|known| Path::new(known) == path);
            assert!(is_there, "{} is missing", path.display());
        }
    }
}

#[test]
fn every_image_has_the_folders_of_a_system() {
    let folder = tempfile::tempdir().unwrap();
    for (program, both) in [
        (compile(folder.path(), &[]), false),
        (compile(folder.path(), &["-static"]), true),
    ] {
        let mut disk = tempfile::tempfile().unwrap();
        if both {
            pack_elf(&program, "hello", Format::Erofs, &mut disk).unwrap();
        } else {
            pack(&program, &[], Format::Erofs, &mut disk).unwrap();
        }
        let rofs = Disk::contents(&disk).unwrap();
        let kind = |path: &str| {
            let entry = rofs.entries().iter().find(|entry| entry.path == path.as_bytes());
            entry.map(|entry| entry.kind.clone())
        };
        assert_eq!(kind("/var/run"), Some(EntryKind::Link(b"/run".to_vec())));
        for path in ["/run/lock", "/var/log", "/var/lib", "/var/cache"] {
            assert_eq!(kind(path), Some(EntryKind::Folder), "{path}");
        }
    }
}

#[test]
fn files_of_the_user_come_before_ours_and_the_later_before_the_earlier() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), &["-static"]);
    assert!(!needs_others(&program).unwrap());
    let at = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    };
    at("etc/passwd", "mine");
    at("etc/motd", "first");
    let second = at("motd", "second");
    let additions = [
        Addition {
            host: folder.path().join("etc"),
            guest: Some("/etc".into()),
        },
        Addition {
            host: second,
            guest: Some("/etc/motd".into()),
        },
    ];
    let mut disk = tempfile::tempfile().unwrap();
    pack(&program, &additions, Format::Erofs, &mut disk).unwrap();
    let tree = Disk::contents(&disk).unwrap();
    assert_eq!(tree.read("/etc/passwd").unwrap(), b"mine");
    assert_eq!(tree.read("/etc/motd").unwrap(), b"second");
    assert!(!tree.read("/etc/group").unwrap().is_empty());
}

#[test]
fn a_truncated_disk_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), &["-static"]);
    for format in [Format::Erofs, Format::Rofs] {
        let mut disk = tempfile::tempfile().unwrap();
        let packed = pack_elf(&program, "hello", format, &mut disk).unwrap();
        disk.set_len(packed.disk_bytes - 512).unwrap();
        let error = Disk::inspect(&disk).unwrap_err();
        let named = match format {
            Format::Erofs => matches!(error, disk::Error::Erofs(erofs::Error::Truncated { .. })),
            Format::Rofs => matches!(error, disk::Error::Truncated { slot: 2, .. }),
        };
        assert!(named, "{error}");
    }
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
    let packed = pack_elf(
        &program,
        "hello",
        Format::Erofs,
        &mut File::create(&disk).unwrap(),
    )
    .unwrap();
    let metadata = fs::metadata(&disk).unwrap();
    assert!(packed.disk_bytes > 8 << 20);
    assert!(
        metadata.blocks() * 512 < length + (1 << 20),
        "{} blocks for {length} bytes",
        metadata.blocks()
    );
}

#[test]
fn a_name_that_the_library_os_refuses_is_named() {
    let check = |name: &[u8], target: &[u8]| {
        let mut tree = Filesystem::new();
        tree.link([b"/etc/", name].concat(), target, Metadata::new(0o777))
            .unwrap();
        tree.check_text().map_err(|error| error.to_string())
    };
    assert!(check("ä".as_bytes(), b"x").is_ok());
    for (name, target) in [(&b"caf\xe9"[..], &b"x"[..]), (b"x", b"caf\xe9")] {
        let error = check(name, target).unwrap_err();
        assert!(error.contains("'/etc/") && error.contains("UTF-8"), "{error}");
    }
}
