//! `uigniter rm`, from outside.

use crate::support::{Daemon, SLEEPS};

#[test]
fn a_running_instance_is_removed_only_by_force() {
    let daemon = Daemon::start();
    daemon.start_instance("web", &SLEEPS, &[]);
    daemon.ask(["rm", "web"]).fails(1, "is running");
    assert_eq!(daemon.ask(["rm", "-f", "web"]).ok(), "web\n");
    assert_eq!(daemon.ask(["ps", "-qa"]).ok(), "");
}
