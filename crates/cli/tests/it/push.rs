//! `uigniter push`, from outside.

use std::{io::Write as _, process::Stdio};

use crate::{
    registry::Registry,
    support::{Daemon, SAYS, Said},
};

#[test]
fn an_image_goes_to_a_registry_and_comes_back_with_its_digest() {
    let (daemon, registry) = (Daemon::start(), Registry::with_password());
    let says = SAYS.to_str().unwrap();
    daemon
        .ask([
            "build",
            "-t",
            "says",
            "-e",
            "GREETING=hey",
            "--from-binary",
            says,
            "--",
            "0",
        ])
        .ok();
    let digest = daemon.ask(["image", "inspect", "says"]).json()[0]["digest"].clone();
    let there = format!("{}/team/says:1", registry.address);
    registry
        .ask(&daemon, false, &["push", "says", &there])
        .fails(1, &registry.address);
    let pushed = registry.ask(&daemon, true, &["push", "says", &there]).ok();
    assert!(
        pushed.starts_with(&format!("{}/team/says@sha256:", registry.address)),
        "{pushed}"
    );
    // The same image again is the same there.
    assert_eq!(
        registry.ask(&daemon, true, &["push", "says", &there]).ok(),
        pushed
    );
    registry
        .ask(&daemon, false, &["pull", &there])
        .fails(1, &registry.address);
    daemon.ask(["image", "rm", "says"]).ok();
    let pulled = registry
        .ask(&daemon, true, &["pull", &there, "-o", "json"])
        .json();
    assert_eq!((&pulled["name"], &pulled["digest"]), (&"says:1".into(), &digest));
    assert_eq!(
        daemon.ask(["run", "--rm", "says:1"]).ok(),
        "argument 1 is <0>\ngreeting is <hey>\n"
    );
    // By its digest, too.
    let by_digest = pushed.trim();
    let named = registry.ask(&daemon, true, &["pull", "-q", "-t", "other:x", by_digest]);
    assert_eq!(named.ok(), "other:x\n");
}

#[test]
fn a_password_is_read_from_standard_input() {
    let (daemon, registry) = (Daemon::start(), Registry::with_password());
    daemon
        .ask(["image", "import", "--name", "says", SAYS.to_str().unwrap()])
        .ok();
    let there = format!("{}/says", registry.address);
    let push = |password: &str| -> Said {
        let mut push = daemon
            .command_with(["push", "-u", "user", "--password-stdin", "says", &there])
            .env("DOCKER_CONFIG", registry.docker_config(false))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        push.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        push.wait_with_output().unwrap().into()
    };
    push("wrong\n").fails(1, "does not let us");
    push("secret\n").ok();
    daemon
        .ask(["push", "-u", "user", "says", &there])
        .fails_parsing("--password-stdin");
}

#[test]
fn a_registry_on_this_host_may_speak_tls_with_any_certificate() {
    let (daemon, registry) = (Daemon::start(), Registry::with_tls());
    daemon
        .ask(["image", "import", "--name", "says", SAYS.to_str().unwrap()])
        .ok();
    let there = format!("{}/says", registry.address);
    registry.ask(&daemon, false, &["push", "says", &there]).ok();
    registry
        .ask(&daemon, false, &["pull", "-t", "again", &there])
        .ok();
    assert_eq!(daemon.ask(["run", "--rm", "again", "3"]).status, 3);
    let plain = registry.ask(&daemon, false, &["pull", "--plain-http", &there]);
    plain.fails(1, &registry.address);
}

#[test]
fn what_is_not_there_is_not_pushed() {
    let (daemon, registry) = (Daemon::start(), Registry::open());
    let there = format!("{}/none", registry.address);
    registry
        .ask(&daemon, false, &["push", "none", &there])
        .fails(1, "'none'");
    daemon
        .ask(["push", "none", "Not/A Reference"])
        .fails_parsing("HOST[:PORT]");
}
