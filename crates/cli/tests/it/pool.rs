//! `uigniter pool`, from outside.

use crate::support::{Daemon, SAYS};

#[test]
fn its_size_can_be_changed_and_requests_are_counted() {
    let daemon = Daemon::start();
    let before = daemon.ask(["pool", "-o", "json"]).json();
    assert_eq!(before["size"], 1);
    daemon.ask(["run", "--rm", SAYS.to_str().unwrap(), "0"]).ok();
    let after = daemon.ask(["pool", "--size", "3", "-o", "json"]).json();
    assert_eq!(after["size"], 3);
    let requests =
        |pool: &serde_json::Value| pool["hits"].as_u64().unwrap() + pool["misses"].as_u64().unwrap();
    assert_eq!(requests(&after), requests(&before) + 1, "{before} {after}");
}
