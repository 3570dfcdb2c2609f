//! `uigniter ps`, from outside.

use crate::support::{Daemon, SAYS, SLEEPS, alone};

#[test]
fn it_lists_what_runs_and_with_all_what_ended() {
    let daemon = Daemon::start();
    assert_eq!(daemon.ask(["ps", "-q"]).ok(), "");
    daemon.start_instance("web", &SLEEPS, &[]);
    assert_eq!(
        daemon
            .ask(["run", "--name", "job", SAYS.to_str().unwrap(), "4"])
            .status,
        4
    );
    let running = daemon.ask(["ps"]).ok();
    assert!(
        running.contains("web") && running.contains("running") && !running.contains("job"),
        "{running}"
    );
    let all = daemon.ask(["ps", "-a"]).ok();
    assert!(all.contains("web") && all.contains("exited (4)"), "{all}");
    let json = daemon.ask(["ps", "-a", "-o", "json"]).json();
    assert_eq!(json.as_array().unwrap().len(), 2, "{json}");
    assert_eq!(daemon.ask(["ps", "-qa"]).ok().lines().count(), 2);
}

#[test]
fn without_a_daemon_it_says_how_to_start_one() {
    let said = alone(["ps", "--socket", "/nowhere/api.sock"]);
    assert!(
        said.stderr.contains("hint: start one with 'uigniter daemon'"),
        "{said:?}"
    );
    said.fails(1, "/nowhere/api.sock");
}
