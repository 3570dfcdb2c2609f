//! What `uigniter run` gives an instance beside its image: environment, files, secrets, names, a user.

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::LazyLock,
};

use crate::support::{Daemon, Said, compile_with, until};

/// Does what its arguments say: `cat FILE` shows a file with its mode and owner, `who` its users and groups, `env NAME` a variable, `host NAME` what the C library finds
/// for a name, `clock` the hour at noon of a summer's day in UTC, `name` the host name, `sums FILE` says `ready` and sums a file up on SIGTERM.
static TELLS: LazyLock<PathBuf> = LazyLock::new(|| {
    compile_with(
        "given",
        &["-O1"],
        r#"
        #define _GNU_SOURCE
        #include <arpa/inet.h>
        #include <netdb.h>
        #include <signal.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/stat.h>
        #include <time.h>
        #include <unistd.h>
        static const char *summed;
        static long sum(const char *path) {
            long total = 0;
            FILE *file = fopen(path, "r");
            if (!file) return -1;
            for (int c; (c = getc(file)) != EOF;) total += c;
            fclose(file);
            return total;
        }
        static void cat(const char *path) {
            struct stat st;
            FILE *file = fopen(path, "r");
            if (!file || fstat(fileno(file), &st)) { perror(path); return; }
            printf("%s %o %d:%d\n", path, st.st_mode & 07777, st.st_uid, st.st_gid);
            for (int c; (c = getc(file)) != EOF;) putchar(c);
            fclose(file);
        }
        static void host(const char *name) {
            struct addrinfo *list, hints = { .ai_socktype = SOCK_STREAM };
            if (getaddrinfo(name, 0, &hints, &list)) { printf("%s unknown\n", name); return; }
            for (; list; list = list->ai_next) {
                char text[64];
                getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof text, 0, 0, NI_NUMERICHOST);
                printf("%s is %s\n", name, text);
            }
        }
        static void who(void) {
            gid_t groups[32];
            int count = getgroups(32, groups);
            printf("user %d %d group %d %d groups", getuid(), geteuid(), getgid(), getegid());
            for (int i = 0; i < count; i++) printf(" %d", groups[i]);
            printf("\nmay become root: %s\n", setuid(0) ? "no" : "yes");
            printf("may write /etc: %s\n", access("/etc", W_OK) ? "no" : "yes");
        }
        static void told(int number) { printf("sum %ld\n", sum(summed)); fflush(stdout); _exit(0); }
        int main(int argc, char **argv) {
            for (int i = 1; i < argc; i++) {
                const char *verb = argv[i], *object = i + 1 < argc ? argv[i + 1] : "";
                if (!strcmp(verb, "cat")) cat(object), i++;
                else if (!strcmp(verb, "host")) host(object), i++;
                else if (!strcmp(verb, "env")) printf("%s=%s\n", object, getenv(object) ? getenv(object) : "(none)"), i++;
                else if (!strcmp(verb, "who")) who();
                else if (!strcmp(verb, "name")) { char name[65]; gethostname(name, 65); printf("named %s\n", name); }
                else if (!strcmp(verb, "clock")) {
                    time_t noon = 1782043200; // 2026-06-21 12:00 UTC
                    printf("hour %d %s\n", localtime(&noon)->tm_hour, localtime(&noon)->tm_zone);
                } else if (!strcmp(verb, "sums")) {
                    summed = object;
                    signal(SIGTERM, told);
                    write(1, "ready\n", 6);
                    for (;;) pause();
                }
            }
            return 0;
        }"#,
    )
});

fn tells() -> &'static str {
    TELLS.to_str().unwrap()
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn files_secrets_and_variables_reach_the_program() {
    let daemon = Daemon::start();
    let folder = tempfile::tempdir().unwrap();
    let conf = write(folder.path(), "app.conf", "of the host\n");
    let key = write(folder.path(), "key.pem", "-----KEY-----\n");
    let list = write(
        folder.path(),
        "list",
        "# a comment\nA=from the file\nB=\"both\"\nINHERITED\nC=\n",
    );
    // Longer than what lies behind an inode.
    let long = write(folder.path(), "long", &"0123456789abcde\n".repeat(1000));
    let mut run = daemon.command_with([
        "run",
        "--rm",
        "--user",
        "1000:100",
        "--env-file",
        &list,
        "--env",
        "A=of the option",
    ]);
    run.env("INHERITED", "of the caller")
        .args([
            "--file",
            &format!("{conf}:/etc/app/app.conf:640"),
            "--file",
            &format!("{conf}:/etc/nsswitch.conf"),
        ])
        .args(["--file", &format!("{long}:/srv/long")])
        .args(["--secret", &format!("key={key}"), "--secret", "piped=-"])
        .args([
            tells(),
            "cat",
            "/etc/app/app.conf",
            "cat",
            "/etc/nsswitch.conf",
            "cat",
            "/run/secrets/key",
            "cat",
            "/run/secrets/piped",
        ])
        .args([
            "env",
            "A",
            "env",
            "B",
            "env",
            "C",
            "env",
            "INHERITED",
            "cat",
            "/srv/long",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut process = run.spawn().unwrap();
    process.stdin.take().unwrap().write_all(b"of the pipe\n").unwrap();
    let said: Said = process.wait_with_output().unwrap().into();
    let expected = format!(
        "/etc/app/app.conf 640 1000:100\nof the host\n/etc/nsswitch.conf 644 1000:100\nof the host\n\
         /run/secrets/key 400 1000:100\n-----KEY-----\n/run/secrets/piped 400 1000:100\nof the pipe\n\
         A=of the option\nB=\"both\"\nC=\nINHERITED=of the caller\n/srv/long 644 1000:100\n{}",
        "0123456789abcde\n".repeat(1000)
    );
    assert_eq!(said.ok(), expected);
}

/// Every file below a folder whose bytes hold `needle`.
fn holders(folder: &Path, needle: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && has(&fs::read(entry.path()).unwrap(), needle) {
                found.push(entry.path());
            }
        }
    }
    found
}

fn has(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|part| part == needle)
}

/// Processes whose command line or environment hold `needle`.
fn processes_that_show(needle: &[u8]) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .flat_map(|entry| ["cmdline", "environ"].map(|file| entry.path().join(file)))
        .filter(|file| fs::read(file).is_ok_and(|bytes| has(&bytes, needle)))
        .collect()
}

#[test]
fn a_secret_is_in_memory_only_and_outlives_the_daemon() {
    let mut daemon = Daemon::start_logging("debug");
    let folder = tempfile::tempdir().unwrap();
    // Put together here, so that it is in no program either.
    let secret = ["hunter", "2-", "correct-horse-battery"].concat();
    let sum: u64 = secret.bytes().map(u64::from).sum();
    let file = write(folder.path(), "secret", &secret);
    let option = format!("token={file}");
    daemon
        .ask([
            "run",
            "-d",
            "--name",
            "keeper",
            "--secret",
            &option,
            tells(),
            "sums",
            "/run/secrets/token",
        ])
        .ok();
    daemon.wait_for("keeper", "ready");

    let shown = daemon.ask(["inspect", "keeper"]).ok();
    assert!(shown.contains("\"token\""), "its name is shown: {shown}");
    let base64 = "aHVudGVyMi1jb3JyZWN0";
    for needle in [secret.as_str(), base64] {
        assert!(!shown.contains(needle), "{shown}");
        assert!(!daemon.ask(["ps", "-a", "-o", "json"]).ok().contains(needle));
        // State, consoles, logs of daemon and monitor: all of it is below the daemon's folder.
        assert_eq!(
            holders(daemon.dir.path(), needle.as_bytes()),
            Vec::<PathBuf>::new()
        );
        assert_eq!(processes_that_show(needle.as_bytes()), Vec::<PathBuf>::new());
    }
    let log = fs::read_to_string(daemon.dir.path().join("daemon.log")).unwrap();
    assert!(log.contains("started"), "the log was looked at: {log}");

    daemon.crash_and_restart();
    daemon.ask(["stop", "keeper"]).ok();
    assert!(
        daemon
            .ask(["logs", "keeper"])
            .ok()
            .contains(&format!("sum {sum}\n"))
    );
}

#[test]
fn names_are_found_as_they_were_given() {
    let daemon = Daemon::start();
    let name = ["run", "--rm", "--name", "web.one"];
    let options = [
        "--add-host",
        "db:10.11.12.13",
        "--add-host",
        "six:[fd00::7]",
        "--dns-search",
        "example.org",
        "--dns",
        "10.0.0.53",
    ];
    let program = [
        tells(),
        "name",
        "host",
        "localhost",
        "host",
        "db",
        "host",
        "six",
        "cat",
        "/etc/resolv.conf",
        "cat",
        "/etc/hosts",
        "cat",
        "/etc/hostname",
    ];
    let said = daemon.ask(name.iter().chain(&options).chain(&program)).ok();
    let mut lines: BTreeSet<&str> = said.lines().collect();
    for line in [
        "named web.one",
        "localhost is 127.0.0.1",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "db is 10.11.12.13",
        "six is fd00::7",
        "nameserver 10.0.0.53",
        "search example.org",
        "web.one",
    ] {
        assert!(lines.remove(line), "no '{line}' in {said}");
    }
    let said = daemon
        .ask([
            "run",
            "--rm",
            "--hostname",
            "other",
            "--name",
            "x",
            tells(),
            "name",
            "host",
            "other",
            "cat",
            "/etc/hosts",
        ])
        .ok();
    assert!(said.contains("named other\n"), "{said}");
    let address = said
        .lines()
        .find_map(|line| line.strip_prefix("other is "))
        .unwrap();
    assert!(
        address.parse::<Ipv4Addr>().unwrap().is_private(),
        "its own: {said}"
    );
    for (option, value) in [
        ("--hostname", "a b"),
        ("--add-host", "a b:1.2.3.4"),
        ("--dns-search", "a\nb"),
    ] {
        daemon
            .ask(["run", option, value, tells()])
            .fails(125, "host's name");
    }
    daemon
        .ask(["run", "--add-host", "db", tells()])
        .fails_parsing("NAME:ADDRESS");
}

#[test]
fn the_clock_is_of_the_zone() {
    let daemon = Daemon::start();
    let clock = |args: &[&str]| {
        daemon
            .ask(
                ["run", "--rm"]
                    .iter()
                    .chain(args)
                    .chain(&[tells(), "clock", "env", "TZ"]),
            )
            .ok()
    };
    assert_eq!(clock(&[]), "hour 12 UTC\nTZ=(none)\n");
    assert_eq!(
        clock(&["--tz", "Europe/Berlin"]),
        "hour 14 CEST\nTZ=Europe/Berlin\n"
    );
    // What the option says of the environment gives way to what the person says; /etc/localtime is there for those who clear it.
    let said = daemon.ask([
        "run",
        "--rm",
        "--tz",
        "Asia/Tokyo",
        "-e",
        "TZ=:/etc/localtime",
        tells(),
        "clock",
    ]);
    assert_eq!(said.ok(), "hour 21 JST\n");
    daemon
        .ask(["run", "--tz", "Mars/Olympus", tells()])
        .fails(125, "Mars/Olympus");
}

#[test]
fn the_program_runs_as_the_user_of_option_or_image() {
    let daemon = Daemon::start();
    let who = |options: &[&str]| {
        daemon.ask(
            ["run", "--rm"]
                .iter()
                .chain(options)
                .chain(&[tells(), "who", "env", "HOME"]),
        )
    };
    assert_eq!(
        who(&[]).ok(),
        "user 0 0 group 0 0 groups\nmay become root: yes\nmay write /etc: yes\nHOME=/\n"
    );
    let plain = "may become root: no\nmay write /etc: no\n";
    assert_eq!(
        who(&["--user", "1000:100"]).ok(),
        format!("user 1000 1000 group 100 100 groups\n{plain}HOME=/\n")
    );
    assert_eq!(
        who(&["-u", "www-data"]).ok(),
        format!("user 33 33 group 33 33 groups\n{plain}HOME=/var/www\n")
    );
    // Files that are put into the image's place count, too.
    let folder = tempfile::tempdir().unwrap();
    let passwd = write(folder.path(), "passwd", "app:x:1234:55::/home/app:\n");
    let group = write(folder.path(), "group", "audio:x:29:app\nvideo:x:44:root,app\n");
    let files = [format!("{passwd}:/etc/passwd"), format!("{group}:/etc/group")];
    let options = ["--user", "app", "--file", &files[0], "--file", &files[1]];
    assert_eq!(
        who(&options).ok(),
        format!("user 1234 1234 group 55 55 groups 29 44\n{plain}HOME=/home/app\n")
    );
    who(&["--user", "nobody-of-that-name"]).fails(125, "nobody-of-that-name");
    who(&["--user", "1:no-such-group"]).fails(125, "no-such-group");

    daemon
        .ask([
            "run",
            "-d",
            "--name",
            "x",
            "--user",
            "www-data",
            tells(),
            "sums",
            "/etc/passwd",
        ])
        .ok();
    assert_eq!(daemon.ask(["inspect", "x"]).json()[0]["user"], "www-data");
}

#[test]
fn wrong_files_are_named_with_a_way_out() {
    let daemon = Daemon::start();
    let folder = tempfile::tempdir().unwrap();
    let bad = write(folder.path(), "bad", "A=b\nA B=c\n");
    let large = write(folder.path(), "large", &"x".repeat((4 << 20) + 1));
    let run = |option: &str, value: &str| daemon.ask(["run", option, value, tells()]);
    run("--env-file", "/no/such/file").fails(125, "/no/such/file");
    run("--env-file", &bad).fails(125, "line 2");
    run("--file", "/no/such/file:/x").fails(125, "/no/such/file");
    run("--file", &format!("{bad}:/proc/x")).fails(125, "/proc/x");
    run("--file", &format!("{large}:/x")).fails(125, "4 MiB");
    run("--secret", "a=/no/such/file").fails(125, "/no/such/file");
    run("--secret", &format!("../a={bad}")).fails(125, "secret's name");
    run("--file", &bad).fails_parsing("GUEST");
    run("--secret", "a").fails_parsing("NAME=FILE");
    daemon
        .ask(["run", "-i", "--secret", "a=-", tells()])
        .fails(125, "standard input");
    assert_eq!(daemon.ask(["ps", "-qa"]).ok(), "");
}

/// As much as there may be, into the smallest memory that holds it.
#[test]
fn as_much_as_is_allowed_fits() {
    let daemon = Daemon::start();
    let folder = tempfile::tempdir().unwrap();
    let text: String = (0..(4 << 20) / 8)
        .map(|number: u32| format!("{number:07}\n"))
        .collect();
    let file = write(folder.path(), "large", &text);
    let option = format!("{file}:/large");
    let mut run = daemon.command_with([
        "run",
        "-m",
        "32",
        "--rm",
        "--file",
        &option,
        tells(),
        "cat",
        "/large",
    ]);
    let mut process = run.stdout(Stdio::piped()).spawn().unwrap();
    let mut rest = until(&mut process, "/large 644 0:0");
    let mut said = String::new();
    std::io::Read::read_to_string(&mut rest, &mut said).unwrap();
    assert!(process.wait().unwrap().success());
    assert!(said == text, "{} bytes came", said.len());
}
