//! `uigniter daemon`, from outside.

use crate::support::{Daemon, alone};

#[test]
fn it_says_where_it_listens_and_ends_well_on_sigterm() {
    let mut daemon = Daemon::start();
    let socket = daemon.dir.path().join("api.sock");
    assert!(
        daemon.first_line.contains(socket.to_str().unwrap()),
        "{}",
        daemon.first_line
    );
    assert!(daemon.first_line.contains("127.0.0.1:"), "{}", daemon.first_line);
    assert!(daemon.stop().success());
    assert!(!socket.exists(), "the socket stays");
}

#[test]
fn a_second_daemon_on_the_same_state_is_refused() {
    let daemon = Daemon::start();
    let said: crate::support::Said = daemon.command().output().unwrap().into();
    said.fails(1, "already running");
    daemon.ask(["ps"]).ok();
}

#[test]
fn an_address_that_is_none_is_refused() {
    alone(["daemon", "--listen", "everywhere"]).fails_parsing("everywhere");
}

#[test]
fn a_running_instance_outlives_a_killed_daemon_and_is_found_again() {
    let mut daemon = Daemon::start();
    daemon.start_instance("web", &crate::support::SLEEPS, &[]);
    let before = daemon.ask(["inspect", "web"]).json();
    daemon.crash_and_restart();
    let after = daemon.ask(["inspect", "web"]).json();
    assert_eq!(before[0]["id"], after[0]["id"]);
    assert_eq!(before[0]["pid"], after[0]["pid"]);
    assert_eq!(after[0]["state"], "running");
    assert_eq!(daemon.ask(["stop", "web"]).ok(), "web\n");
}
