//! `uigniter kill`, from outside.

use crate::support::{Daemon, SLEEPS};

#[test]
fn the_program_is_not_asked() {
    let daemon = Daemon::start();
    daemon.start_instance("web", &SLEEPS, &[]);
    assert_eq!(daemon.ask(["kill", "web"]).ok(), "web\n");
    assert_eq!(daemon.ask(["wait", "web"]).ok(), "137\n");
}

#[test]
fn nobody_is_named() {
    Daemon::start().ask(["kill", "nobody"]).fails(1, "nobody");
}
