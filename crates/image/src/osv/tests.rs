use std::{fs, os::unix::fs::symlink, process::Command};

use super::*;
use crate::{EntryKind, Format, disk};

fn defines() -> BTreeMap<String, String> {
    BTreeMap::from([("libs".to_owned(), "libs/deep".to_owned())])
}

/// A folder with one line of each kind.
fn app() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("ROOTFS/usr/share")).unwrap();
    fs::create_dir_all(at("libs/deep/more")).unwrap();
    fs::write(at("conf"), "conf").unwrap();
    fs::write(at("ROOTFS/usr/share/data"), "data").unwrap();
    fs::write(at("libs/deep/more/libx.so"), "x").unwrap();
    symlink("conf", at("link")).unwrap();
    symlink("../../../conf", at("ROOTFS/usr/share/link")).unwrap();
    fs::write(
        at(MANIFEST),
        "[manifest]\n# all of it\n\n/etc/conf: conf\ntools/conf : ${MODULE_DIR}/conf\n/**: ${MODULE_DIR}/ROOTFS/**\n\
         /usr/lib/&/more/libx.so: %(libs)s/&\n/lib64: ->/usr/lib\n/kept: !link\n/resolved: link\n/empty: libs\n",
    )
    .unwrap();
    folder
}

#[test]
fn every_kind_of_line_is_packed() {
    let folder = app();
    let loaded = load(folder.path(), &defines()).unwrap();
    assert_eq!(loaded.run, None);
    let mut image = tempfile::tempfile().unwrap();
    disk::write(&loaded.tree, Format::Rofs, &mut image).unwrap();
    let contents = crate::Disk::contents(&image).unwrap();
    for (path, text) in [
        ("/etc/conf", "conf"),
        ("/tools/conf", "conf"),
        ("/usr/share/data", "data"),
        ("/usr/share/link", "conf"),
        ("/usr/lib/more/libx.so", "x"),
        ("/resolved", "conf"),
    ] {
        assert_eq!(contents.read(path).unwrap(), text.as_bytes(), "{path}");
    }
    let kind = |path: &str| {
        let entry = contents
            .entries()
            .iter()
            .find(|entry| entry.path == path.as_bytes());
        entry.map(|entry| entry.kind.clone())
    };
    assert_eq!(kind("/lib64"), Some(EntryKind::Link(b"/usr/lib".to_vec())));
    assert_eq!(kind("/kept"), Some(EntryKind::Link(b"conf".to_vec())));
    assert_eq!(kind("/empty"), Some(EntryKind::Folder));
    assert_eq!(kind("/empty/deep"), None);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let folder = app();
    for (text, line, what) in [
        ("/a: conf\n/b: missing", 2, "make it first"),
        ("# x\n/b: %(jdk)s/x", 2, "--define jdk=VALUE"),
        ("/b: ${OSV_BASE}/x", 1, "OSV_BASE"),
        ("words", 1, "GUEST: HOST"),
        ("/b:", 1, "empty"),
        ("/../x: conf", 1, "cannot be a path"),
        ("/a: conf\n/a/b: conf", 2, "below a file"),
    ] {
        fs::write(folder.path().join(MANIFEST), text).unwrap();
        let error = load(folder.path(), &defines()).unwrap_err();
        assert!(
            matches!(&error, Error::Line { line: at, .. } if *at == line),
            "{error}"
        );
        assert!(error.to_string().contains(what), "{error}");
    }
    let nothing = tempfile::tempdir().unwrap();
    let error = load(nothing.path(), &defines()).unwrap_err();
    assert!(matches!(error, Error::Read { .. }), "{error}");
}

#[test]
fn a_dynamic_program_brings_what_osv_would_be_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("hello.c"), "int main(void) { return 0; }\n").unwrap();
    let built = Command::new("cc")
        .arg("-o")
        .arg(at("hello"))
        .arg(at("hello.c"))
        .status();
    assert!(built.unwrap().success());
    fs::write(at(MANIFEST), "/hello: ${MODULE_DIR}/hello\n").unwrap();
    fs::write(
        at(MODULE),
        "from osv.modules import api\n\ndefault = api.run(\"/hello\")\n",
    )
    .unwrap();
    let mut loaded = load(folder.path(), &BTreeMap::new()).unwrap();
    assert_eq!(loaded.run.unwrap().command, ["/hello"]);
    assert!(loaded.tree.has("/lib64/ld-linux-x86-64.so.2").unwrap());
    assert!(loaded.tree.has("/etc/passwd").unwrap());
}

/// The forms that the apps of OSv have.
#[test]
fn the_default_is_read_without_being_run() {
    let line = |text: &str| match module::default_line(text) {
        module::Default::Line(line) => line,
        other => panic!("{text}: {other:?}"),
    };
    for (text, expected) in [
        ("default = api.run('/fio /example.fio')", "/fio /example.fio"),
        (
            "from osv.modules.api import *\ndefault = run(cmdline = \"a\" )\n",
            "a",
        ),
        (
            "default = api.run('/tools/cyclictest.so');\n",
            "/tools/cyclictest.so",
        ),
        (
            "default = api.run(\n    '--cwd=/x '\n    '/java.so ' # why\n    '-cp \"y\"'\n)\n",
            "--cwd=/x /java.so -cp \"y\"",
        ),
        (
            "_exe = '/lib.so --x'\ndaemon = api.run_on_init(_exe + ' &!')\nfg = api.run(_exe)\ndefault = daemon\n",
            "/lib.so --x &!",
        ),
        (
            "c = 'java'\nall = api.run('%s a' % c)\ndefault = api.run(cmdline='%s %s!' % (c, 'b')) # words",
            "java b!",
        ),
        ("x = 'a' \\\n  'b'\ndefault = api.run('''c\n''' + x)", "c\nab"),
        ("def default():\n    default = 5\ndefault = api.run('a')", "a"),
    ] {
        assert_eq!(line(text), expected, "{text}");
    }
    for text in [
        "default = api.run_java(classpath=['/x'], args=['y'])",
        "default = api.run(' '.join(words))",
        "x = open('y').read()\ndefault = api.run(x)",
        "default = api.run('a' % x)",
        "default = 'a'",
        "default = api.run('a",
        "default = api.run('a') if b else api.run('c')",
        "a = 'aaaaaaaaaaaaaaaa'\nb = a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a\nc = b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b\n\
         d = c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c\ne = d+d+d\ndefault = api.run(e)",
    ] {
        assert_eq!(module::default_line(text), module::Default::Code, "{text}");
    }
    assert_eq!(module::default_line("fg = api.run('a')"), module::Default::None);
    let run = run_line("default = api.run('--env=A=b --cwd=/x /libhttp.so --c=d &!')")
        .unwrap()
        .unwrap();
    assert_eq!(run.command, ["/libhttp.so", "--c=d"]);
    assert_eq!(
        (run.env, run.cwd),
        (vec![("A".to_owned(), "b".to_owned())], Some("/x".to_owned()))
    );
    assert!(matches!(
        run_line("default = api.run('--maxnic=0 /x')"),
        Err(Error::RunLine(_))
    ));
}

#[test]
fn fuzz_usr_manifest() {
    let seeds: [&[u8]; 2] = [
        b"[manifest]\n# x\n/a/**: ${MODULE_DIR}/b/**\n/c/&/d: %(e)s/&\n/f: ->g\n/h: !i\n",
        b"/a: b%%c",
    ];
    let defines = BTreeMap::from([
        ("MODULE_DIR".to_owned(), "/m".to_owned()),
        ("e".to_owned(), "%(e)s".to_owned()),
    ]);
    uigniter_fuzz::run("usr-manifest", &seeds, |input| {
        let text = String::from_utf8_lossy(input);
        if let Ok(lines) = manifest::parse(&text, &defines) {
            assert!(lines.len() <= text.lines().count());
        }
    });
}

#[test]
fn fuzz_module() {
    let seeds: [&[u8]; 3] = [
        b"from osv.modules import api\n_e = '/x' \"y\"\ndefault = api.run(cmdline=_e + ' &!') # z\n",
        b"a = '''b\n''' \\\n 'c'\ndefault = api.run('%s %s' % (a, ('d')),)\n",
        b"default = run_on_init(\n 'a'\n #b\n)\nx=5",
    ];
    uigniter_fuzz::run("module-py", &seeds, |input| {
        let text = String::from_utf8_lossy(input);
        if let module::Default::Line(line) = module::default_line(&text) {
            assert!(line.len() <= 64 << 10);
        }
    });
}
