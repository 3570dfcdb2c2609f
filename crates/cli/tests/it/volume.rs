//! `uigniter volume` and `run --volume`, from outside.

use std::{
    io::{Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{self, Daemon, SAYS, SLEEPS};

const SQLITE: &str = "/usr/bin/sqlite3";

/// Runs SQL on a database of the volume `data`.
fn sql(daemon: &Daemon, access: &str, text: &str) -> support::Said {
    let volume = format!("data:/var/lib/app{access}");
    let args = [
        "run",
        "-i",
        "--rm",
        "--volume",
        &volume,
        SQLITE,
        "/var/lib/app/db",
    ];
    let mut process = daemon
        .command_with(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    process.wait_with_output().unwrap().into()
}

fn disk(daemon: &Daemon, name: &str) -> String {
    let volume = daemon.ask(["volume", "inspect", name]).json();
    volume[0]["path"].as_str().unwrap().to_owned()
}

fn e2fsck(arguments: &str, disk: &str) -> (i32, String) {
    let output = Command::new("e2fsck").args([arguments, disk]).output();
    let output = output.expect("e2fsck is missing; install e2fsprogs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap(), text)
}

#[test]
fn a_volume_is_made_listed_used_and_removed() {
    let daemon = Daemon::start();
    daemon.ask(["volume", "create", "--size", "64M", "data"]).ok();
    daemon.ask(["volume", "create", "data"]).fails(1, "'data'");
    daemon
        .ask(["volume", "create", "--size", "1M", "tiny"])
        .fails(1, "1048576");
    daemon.ask(["volume", "create", "../up"]).fails(1, "../up");
    let list = daemon.ask(["volume", "ls", "-o", "json"]).json();
    assert_eq!(list[0]["size_bytes"].as_u64(), Some(64 << 20), "{list}");

    let sleeps = SLEEPS.to_str().unwrap();
    let mount = "data:/var/lib/app";
    daemon
        .ask(["run", "-d", "--name", "user", "--volume", mount, sleeps])
        .ok();
    daemon.ask(["volume", "rm", "data"]).fails(1, "user");
    daemon
        .ask(["run", "--rm", "--volume", mount, sleeps])
        .fails(125, "user");
    daemon
        .ask(["run", "--rm", "--volume", "data:/x:ro", sleeps])
        .fails(125, "user");
    let inspected = daemon.ask(["inspect", "user"]).json().to_string();
    assert!(
        inspected.contains(mount.split(':').next_back().unwrap()),
        "{inspected}"
    );
    daemon.ask(["stop", "user"]).ok();
    assert_eq!(
        e2fsck("-fn", &disk(&daemon, "data")).0,
        0,
        "it ended and left the volume clean"
    );

    // An instance that has ended keeps its volume from being pruned.
    daemon.ask(["volume", "create", "--size", "32M", "spare"]).ok();
    daemon.ask(["volume", "prune"]).fails(1, "--yes");
    assert_eq!(daemon.ask(["volume", "prune", "--yes"]).ok(), "spare\n");
    daemon.ask(["rm", "user"]).ok();
    assert_eq!(daemon.ask(["volume", "rm", "data"]).ok(), "data\n");
    daemon.ask(["volume", "inspect", "data"]).fails(1, "data");
}

#[test]
fn what_cannot_be_mounted_is_refused_with_a_reason() {
    let daemon = Daemon::start();
    let says = SAYS.to_str().unwrap();
    for (mount, why) in [
        ("data:/", "target"),
        ("data:/proc/x", "target"),
        ("data:/a/../b", "'..'"),
        ("/no/such:/srv", "/no/such"),
        (".x:/data", ".x"),
    ] {
        daemon
            .ask(["run", "--rm", "--volume", mount, says])
            .fails(125, why);
    }
    assert_eq!(
        daemon.ask(["volume", "ls", "-q"]).ok(),
        "",
        "nothing was made on the way"
    );
    let temporary = tempfile::tempdir().unwrap();
    let private = support::private(temporary.path())
        .args(["run", "--volume", "data:/data", says])
        .output()
        .unwrap();
    let private: support::Said = private.into();
    private.fails(125, "--volume needs a daemon that stays");
}

#[test]
fn a_database_outlives_its_instances_and_a_kill() {
    let mut daemon = Daemon::start();
    assert_eq!(
        sql(
            &daemon,
            "",
            "create table t(a); insert into t values(1); select count(*) from t;"
        )
        .ok(),
        "1\n"
    );
    // The second writer is killed in the middle of a transaction, once two were committed.
    let statements = "pragma journal_mode=wal; pragma synchronous=full; insert into t values(2); insert into t values(3); begin;
                      insert into t values(4); select 'now';\n";
    let mut process = daemon
        .command_with([
            "run",
            "-i",
            "--name",
            "victim",
            "--volume",
            "data:/var/lib/app",
            SQLITE,
            "/var/lib/app/db",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    process
        .stdin
        .as_mut()
        .unwrap()
        .write_all(statements.as_bytes())
        .unwrap();
    let _rest = support::until(&mut process, "now");
    let victim = daemon.ask(["inspect", "victim"]).json();
    let pid = victim[0]["pid"].as_i64().or(victim["pid"].as_i64()).unwrap();
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(killed.unwrap().success());
    process.wait().unwrap();
    daemon.ask(["rm", "victim"]).ok();

    // Volumes belong to the state folder, not to the daemon.
    daemon.crash_and_restart();
    let count = "select count(*) from t; pragma integrity_check;";
    assert_eq!(sql(&daemon, "", count).ok(), "3\nok\n");
    let disk = disk(&daemon, "data");
    assert_eq!(e2fsck("-fn", &disk).0, 0, "the guest replayed the journal");
    // Without files of its own a log cannot be read.
    sql(&daemon, "", "pragma journal_mode=delete;").ok();
    assert_eq!(sql(&daemon, ":ro", "select count(*) from t;").ok(), "3\n");
    let written = sql(&daemon, ":ro", "insert into t values(5);");
    assert_ne!(written.status, 0, "{written:?}");
    assert!(
        written.stdout.contains("readonly") || written.stderr.contains("readonly"),
        "{written:?}"
    );
}

#[test]
fn a_damaged_volume_is_a_failed_boot_with_a_reason() {
    let daemon = Daemon::start();
    daemon.ask(["volume", "create", "--size", "32M", "data"]).ok();
    let file = std::fs::File::options()
        .write(true)
        .open(disk(&daemon, "data"))
        .unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0; 4096], 0).unwrap();
    let said = daemon.ask(["run", "--rm", "--volume", "data:/d", SAYS.to_str().unwrap()]);
    assert_eq!(said.status, 78, "{said:?}");
    assert!(format!("{said:?}").contains("no ext4"), "{said:?}");
}

#[test]
fn a_full_volume_is_no_room_for_the_program_and_no_more() {
    let daemon = Daemon::start();
    daemon.ask(["volume", "create", "--size", "32M", "data"]).ok();
    let said = daemon.ask([
        "run",
        "--rm",
        "--volume",
        "data:/d",
        "/bin/dd",
        "if=/dev/zero",
        "of=/d/f",
        "bs=64k",
    ]);
    assert!(format!("{said:?}").contains("No space left"), "{said:?}");
    assert_eq!(e2fsck("-fn", &disk(&daemon, "data")).0, 0);
    daemon
        .ask(["run", "--rm", "--volume", "data:/d", "/bin/rm", "/d/f"])
        .ok();
}

/// Redis says yes to a write when its append-only file has it (`appendfsync always`).
#[test]
fn what_redis_confirmed_is_there_after_a_kill() {
    let daemon = Daemon::start();
    let redis = [
        "run",
        "-d",
        "--name",
        "redis",
        "-p",
        "6379",
        "--volume",
        "data:/data",
        "/usr/bin/redis-server",
        "--dir",
        "/data",
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
        "--save",
        "",
        "--protected-mode",
        "no",
    ];
    let mut confirmed = 0;
    for round in 0..2 {
        daemon.ask(redis).ok();
        daemon.wait_for("redis", "Ready to accept");
        let instance = daemon.ask(["inspect", "redis"]).json();
        let instance = instance.get(0).unwrap_or(&instance).clone();
        let port = instance["publish"][0]["host_port"].as_u64().unwrap();
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port as u16)).unwrap();
        let mut ask = |command: &str| {
            stream.write_all(command.as_bytes()).unwrap();
            let mut answer = [0; 64];
            let count = stream.read(&mut answer).unwrap();
            String::from_utf8_lossy(&answer[..count]).into_owned()
        };
        assert_eq!(ask("DBSIZE\r\n"), format!(":{confirmed}\r\n"), "round {round}");
        for key in 0..100 {
            assert_eq!(ask(&format!("SET key{round}-{key} value\r\n")), "+OK\r\n");
            confirmed += 1;
        }
        let pid = instance["pid"].as_i64().unwrap();
        assert!(
            Command::new("kill")
                .args(["-9", &pid.to_string()])
                .status()
                .unwrap()
                .success()
        );
        daemon.ask(["wait", "redis"]);
        daemon.ask(["rm", "redis"]).ok();
    }
    assert!(Path::new(&disk(&daemon, "data")).exists());
    assert!(e2fsck("-p", &disk(&daemon, "data")).0 <= 1);
    assert_eq!(e2fsck("-fn", &disk(&daemon, "data")).0, 0);
}
