//! `uigniter build`, from outside.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use crate::support::{Daemon, SAYS, SERVER, compile_with};

/// Prints the arguments, a variable and the working directory, and who it is if not root. Compiled once: tests run side by side.
static TELLS: LazyLock<PathBuf> = LazyLock::new(|| compile_with("tells", &["-static"], TELLS_SOURCE));
const TELLS_SOURCE: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **words) {
    char folder[100];
    printf("%s in %s:", getenv("GREETING"), getcwd(folder, sizeof folder));
    for (int i = 1; i < count; i++)
        printf(" %s", words[i]);
    if (getuid())
        printf(" as %d:%d", getuid(), getgid());
    puts("");
}"#;

/// A folder that could be a root, with `tells` in `/usr/bin`.
fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("usr/bin")).unwrap();
    fs::create_dir_all(root.path().join("srv")).unwrap();
    fs::copy(&*TELLS, root.path().join("usr/bin/tells")).unwrap();
    root
}

fn tar(folder: &Path, archive: &Path) {
    let status = Command::new("tar")
        .arg("-C")
        .arg(folder)
        .arg("-cf")
        .arg(archive)
        .arg(".")
        .status();
    assert!(status.unwrap().success());
}

fn sha256(file: &Path) -> String {
    let output = Command::new("sha256sum").arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

#[test]
fn a_program_is_built_and_run_with_its_arguments_or_others() {
    let daemon = Daemon::start();
    let says = SAYS.to_str().unwrap();
    let built = daemon
        .ask(["build", "-t", "says", "--from-binary", says, "--", "5"])
        .ok();
    assert!(
        built.contains("Largest files:") && built.contains(says),
        "{built}"
    );
    assert_eq!(daemon.ask(["run", "--rm", "says"]).status, 5);
    assert_eq!(daemon.ask(["run", "--rm", "says", "6"]).status, 6);
}

#[test]
fn a_folder_becomes_a_root_and_its_program_is_looked_for() {
    let (daemon, root) = (Daemon::start(), root());
    let root = root.path().to_str().unwrap();
    let build = ["build", "-q", "-t", "tells", "--from-folder", root];
    let settings = [
        "--entrypoint",
        "tells",
        "-e",
        "GREETING=hello",
        "-w",
        "/srv",
        "--",
        "a",
    ];
    assert_eq!(daemon.ask([&build[..], &settings].concat()).ok(), "tells\n");
    assert_eq!(daemon.ask(["run", "--rm", "tells"]).ok(), "hello in /srv: a\n");
    let other = daemon.ask(["run", "--rm", "-e", "GREETING=hi", "tells", "b", "c"]);
    assert_eq!(other.ok(), "hi in /srv: b c\n");
    daemon.ask(build).fails(1, "no program to run");
    daemon
        .ask([&build[..], &["--entrypoint", "nothing"]].concat())
        .fails(1, "nothing");
}

#[test]
fn a_manifest_says_all_of_it() {
    let (daemon, folder) = (Daemon::start(), tempfile::tempdir().unwrap());
    fs::rename(root().keep(), folder.path().join("root")).unwrap();
    fs::write(folder.path().join("other"), "over it").unwrap();
    let manifest = folder.path().join("uigniter.toml");
    let text = "from-folder = 'root'\nentrypoint = 'tells'\nargs = ['a b', 'c']\nworkdir = '/srv'\n\
        add = ['other:/srv/new/file']\nmemory = '64M'\nports = ['80']\nenv = { GREETING = 'hello' }\n";
    fs::write(&manifest, text).unwrap();
    let at = folder.path().to_str().unwrap();
    daemon.ask(["build", "-t", "tells", "-f", at]).ok();
    assert_eq!(
        daemon.ask(["run", "--rm", "tells"]).ok(),
        "hello in /srv: a b c\n"
    );
    let with = ["build", "-t", "tells", "-f", at, "-w", "/srv/new", "--", "z"];
    daemon.ask(with).ok();
    assert_eq!(
        daemon.ask(["run", "--rm", "tells"]).ok(),
        "hello in /srv/new: z\n"
    );
    fs::write(&manifest, format!("{text}\nvolume = 5\n")).unwrap();
    daemon
        .ask(["build", "-t", "tells", "-f", at])
        .fails(1, "uigniter.toml, line 10: unknown field `volume`");
    let mut here = daemon.command_with(["build", "-t", "tells"]);
    here.current_dir(folder.path().join("root"));
    crate::support::Said::from(here.output().unwrap()).fails(1, "no uigniter.toml here");
}

#[test]
fn a_folder_of_osv_s_apps_is_packed_as_it_stands_in_either_format() {
    let (daemon, folder) = (Daemon::start(), tempfile::tempdir().unwrap());
    fs::copy(&*TELLS, folder.path().join("tells")).unwrap();
    fs::write(
        folder.path().join("usr.manifest"),
        "[manifest]\n/tells: ${MODULE_DIR}/tells\n/srv/**: %(site)s/**\n",
    )
    .unwrap();
    let module = "from osv.modules import api\n\ndefault = api.run('--env=GREETING=hello --cwd=/srv '\n    '/tells \"a b\"')\n";
    fs::write(folder.path().join("module.py"), module).unwrap();
    let (at, site) = (
        folder.path().to_str().unwrap(),
        format!("site={}", folder.path().display()),
    );
    let build = ["build", "-t", "tells", "--define", &site];
    for with in [
        ["-f", at, "--format", "rofs"],
        ["--from-osv", at, "--format", "erofs"],
    ] {
        daemon.ask([&build[..], &with].concat()).ok();
        assert_eq!(daemon.ask(["run", "--rm", "tells"]).ok(), "hello in /srv: a b\n");
    }
    let (above, name) = (
        folder.path().parent().unwrap(),
        folder.path().file_name().unwrap(),
    );
    let mut relative = daemon.command_with(build);
    relative.current_dir(above).arg("-f").arg(name);
    assert!(relative.status().unwrap().success());
    daemon
        .ask(["build", "-t", "tells", "--from-osv", at])
        .fails(1, "usr.manifest, line 3: 'site' has no value");
}

#[test]
fn an_image_that_does_not_boot_is_not_built() {
    let (daemon, folder) = (Daemon::start(), tempfile::tempdir().unwrap());
    let says = SAYS.to_str().unwrap();
    let with = ["build", "-t", "x", "--boot-check", "-o", "json"];
    let built = daemon
        .ask([&with[..], &["--from-binary", SERVER]].concat())
        .json();
    assert!(
        (1..30_000).contains(&built["boot_ms"].as_u64().unwrap()),
        "{built}"
    );
    assert!(built["build_ms"].as_u64() >= built["boot_ms"].as_u64(), "{built}");
    assert_eq!(built["name"], "x", "{built}");
    assert_eq!(built["largest"][0]["path"], SERVER, "{built}");
    let ends = daemon.ask([&with[..], &["--from-binary", says, "--", "5"]].concat());
    assert!(
        ends.json()["boot_ms"].is_u64(),
        "a program may end by itself, with what it likes"
    );
    fs::write(folder.path().join("text"), "no program").unwrap();
    let broken = [
        "--from-folder",
        folder.path().to_str().unwrap(),
        "--entrypoint",
        "/text",
    ];
    daemon
        .ask([&with[..], &broken].concat())
        .fails(1, "does not boot: uigniter: boot failed: '/text' is neither");
    let image = daemon.ask(["run", "--rm", "x", "6"]);
    assert_eq!(image.status, 6, "what had the name before has it still");
    assert_eq!(daemon.ask(["ps", "-aq"]).ok(), "");
    let images = daemon.ask(["image", "ls", "-q"]).ok();
    assert!(!images.contains("boot-check"), "{images}");
}

/// Reads a file in a thread, one in a child and one beside its working directory, writes one, and waits for its end.
const OPENS: &str = r#"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void say(const char *path) {
    char text[20] = {0};
    int file = open(path, O_RDONLY);
    if (file >= 0 && read(file, text, 19) > 0)
        printf("%s", text);
    close(file);
}
static void *thread(void *folder) {
    say("in-thread");
    return folder;
}
int main(int count, char **words) {
    pthread_t other;
    chdir(words[1]);
    pthread_create(&other, 0, thread, 0);
    pthread_join(other, 0);
    say("link");
    say("missing");
    access("looked-at", R_OK);
    close(open("written", O_WRONLY | O_CREAT, 0600));
    puts("");
    fflush(stdout);
    if (count > 2) {
        if (fork() == 0) {
            say("in-child");
            pause();
        }
        pause();
    }
}"#;

#[test]
fn what_a_program_opens_is_found_by_running_it() {
    let daemon = Daemon::start();
    // Not below /tmp, of which nothing is packed.
    let files = tempfile::tempdir_in("/srv").unwrap();
    for name in ["in-thread", "in-child", "real", "looked-at"] {
        fs::write(files.path().join(name), format!("<{name}>")).unwrap();
    }
    std::os::unix::fs::symlink("real", files.path().join("link")).unwrap();
    let program = compile_with("opens", &["-pthread"], OPENS);
    let (program, at) = (program.to_str().unwrap(), files.path().to_str().unwrap());
    let build = [
        "build",
        "-t",
        "opens",
        "--from-binary",
        program,
        "--trace",
        "--trace-seconds",
        "1",
        "--",
        at,
    ];
    let built = daemon.ask(build);
    for name in ["in-thread", "link", "looked-at"] {
        assert!(
            built.stderr.contains(&format!("uses {at}/{name}; it is packed")),
            "{built:?}"
        );
    }
    for name in ["missing", "written", "in-child", "/etc/ld.so.cache", "/proc"] {
        assert!(!built.stderr.contains(name), "{name}: {built:?}");
    }
    built.ok();
    assert_eq!(daemon.ask(["run", "--rm", "opens"]).ok(), "<in-thread><real>\n");
    let waits = daemon.ask([&build[..], &["wait"]].concat());
    assert!(waits.stderr.contains("in-child"), "{waits:?}");
    waits.ok();
    let runs = |entry: fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).starts_with(&format!("{program}\0{at}"))
    };
    let left = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir());
    assert_eq!(
        left.map(runs).filter(|runs| *runs).count(),
        0,
        "nothing of it runs any more"
    );
    daemon
        .ask([
            "build",
            "-t",
            "x",
            "--from-folder",
            at,
            "--entrypoint",
            "x",
            "--trace",
        ])
        .fails(1, "--trace");
}

#[test]
fn an_instance_has_what_its_image_says_unless_it_says_otherwise() {
    let (daemon, folder) = (Daemon::start(), tempfile::tempdir().unwrap());
    let manifest = folder.path().join("web.toml");
    let text =
        format!("entrypoint = '{SERVER}'\nmemory = 64\ncpus = 2\nports = ['80']\nvolumes = ['/data']\n");
    fs::write(&manifest, text).unwrap();
    daemon
        .ask(["build", "-t", "web", "-f", manifest.to_str().unwrap()])
        .ok();
    let image = &daemon.ask(["image", "ls", "-o", "json"]).json()[0];
    assert_eq!(image["volumes"][0], "/data", "{image}");
    daemon.ask(["run", "-d", "--name", "as-it-says", "web"]).ok();
    daemon
        .ask([
            "run",
            "-d",
            "--name",
            "otherwise",
            "-m",
            "32",
            "--cpus",
            "1",
            "-p",
            "81",
            "web",
        ])
        .ok();
    for (name, memory, cpus, port) in [("as-it-says", 64, 2, 80), ("otherwise", 32, 1, 81)] {
        let instance = &daemon.ask(["inspect", name]).json()[0];
        assert_eq!(instance["memory_mib"], memory, "{instance}");
        assert_eq!(instance["cpus"], cpus, "{instance}");
        assert_eq!(instance["publish"][0]["guest_port"], port, "{instance}");
        assert_ne!(instance["publish"][0]["host_port"], 0, "{instance}");
        daemon.ask(["rm", "-f", name]).ok();
    }
}

#[test]
fn what_docker_saves_is_built_and_run() {
    let (daemon, root, saved) = (Daemon::start(), root(), tempfile::tempdir().unwrap());
    let layer = saved.path().join("layer.tar");
    fs::create_dir(root.path().join("etc")).unwrap();
    fs::write(root.path().join("etc/passwd"), "app:x:1001:102::/:\n").unwrap();
    tar(root.path(), &layer);
    let configuration = format!(
        r#"{{"architecture":"amd64","os":"linux","config":{{"Entrypoint":["tells"],"Cmd":["x"],"Env":["GREETING=hey"],"WorkingDir":"/srv","User":"app"}},
            "rootfs":{{"type":"layers","diff_ids":["sha256:{}"]}}}}"#,
        sha256(&layer)
    );
    fs::write(saved.path().join("config"), configuration).unwrap();
    let name = format!("{}.json", sha256(&saved.path().join("config")));
    fs::rename(saved.path().join("config"), saved.path().join(&name)).unwrap();
    let manifest =
        format!(r#"[{{"Config":"{name}","RepoTags":["docker.io/library/tells:1"],"Layers":["layer.tar"]}}]"#);
    fs::write(saved.path().join("manifest.json"), manifest).unwrap();
    let archives = tempfile::tempdir().unwrap();
    let archive = archives.path().join("saved.tar");
    tar(saved.path(), &archive);
    let archive = archive.to_str().unwrap();
    let packed = Command::new("gzip").args(["-k", archive]).status();
    assert!(packed.unwrap().success());
    for source in [
        archive.to_owned(),
        format!("{archive}@tells:1"),
        format!("{archive}.gz"),
    ] {
        daemon.ask(["build", "-t", "tells", "--from-oci", &source]).ok();
        assert_eq!(
            daemon.ask(["run", "--rm", "tells"]).ok(),
            "hey in /srv: x as 1001:102\n"
        );
    }
    let as_root = daemon.ask(["run", "--rm", "--user", "root:root", "tells"]);
    as_root.fails(125, "no user 'root'");
    let as_root = daemon.ask(["run", "--rm", "--user", "0:0", "tells"]);
    assert_eq!(as_root.ok(), "hey in /srv: x\n");
    assert_eq!(daemon.ask(["inspect", "tells"]).json()[0]["user"], "app");
    let other = format!("{archive}@other");
    daemon
        .ask(["build", "-t", "tells", "--from-oci", &other])
        .fails(1, "docker.io/library/tells:1");
    daemon
        .ask(["build", "-t", "tells", "--from-oci", "/no/such"])
        .fails(1, "/no/such");
}
