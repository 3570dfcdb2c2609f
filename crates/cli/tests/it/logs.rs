//! `uigniter logs`, from outside.

use std::process::Stdio;

use crate::support::{Daemon, SAYS, SLEEPS};

#[test]
fn what_was_printed_stays_after_the_end() {
    let daemon = Daemon::start();
    daemon
        .ask(["run", "--name", "job", SAYS.to_str().unwrap(), "0", "again"])
        .ok();
    let log = daemon.ask(["logs", "job"]).ok();
    assert!(log.contains("argument 2 is <again>"), "{log}");
    assert!(daemon.ask(["logs", "-n", "1", "job"]).ok().lines().count() <= 1);
}

#[test]
fn following_ends_when_the_instance_does() {
    let daemon = Daemon::start();
    daemon.start_instance("web", &SLEEPS, &[]);
    let follower = daemon
        .command_with(["logs", "-f", "web"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    daemon.ask(["stop", "web"]).ok();
    let output = follower.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("ready"));
}
