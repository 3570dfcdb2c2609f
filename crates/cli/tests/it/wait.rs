//! `uigniter wait`, from outside.

use std::process::Stdio;

use crate::support::{Daemon, SLEEPS};

#[test]
fn it_ends_with_the_instance_and_prints_its_status() {
    let daemon = Daemon::start();
    daemon.start_instance("web", &SLEEPS, &[]);
    let waiter = daemon
        .command_with(["wait", "web"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    daemon.ask(["stop", "web"]).ok();
    assert_eq!(waiter.wait_with_output().unwrap().stdout, b"7\n");
    // An instance that has ended is not waited for.
    assert_eq!(daemon.ask(["wait", "web"]).ok(), "7\n");
}
