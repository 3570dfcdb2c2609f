//! `uigniter stop`, from outside.

use crate::support::{Daemon, SLEEPS};

#[test]
fn the_program_may_end_by_itself_and_is_killed_when_it_does_not() {
    let daemon = Daemon::start();
    daemon.start_instance("gentle", &SLEEPS, &[]);
    daemon.start_instance("stubborn", &SLEEPS, &["stubborn"]);
    assert_eq!(daemon.ask(["stop", "gentle"]).ok(), "gentle\n");
    assert_eq!(daemon.ask(["wait", "gentle"]).ok(), "7\n");
    assert_eq!(daemon.ask(["stop", "--time", "1", "stubborn"]).ok(), "stubborn\n");
    assert_eq!(daemon.ask(["wait", "stubborn"]).ok(), "137\n");
}

#[test]
fn one_wrong_name_does_not_keep_the_others_running() {
    let daemon = Daemon::start();
    daemon.start_instance("web", &SLEEPS, &[]);
    let said = daemon.ask(["stop", "nobody", "web"]);
    assert_eq!(said.stdout, "web\n");
    said.fails(1, "nobody");
}
