//! `uigniter demo`, from outside.

use crate::support::{Daemon, Said, private};

#[test]
fn it_fetches_the_page_with_a_private_daemon() {
    let temporary = tempfile::tempdir().unwrap();
    let said = Said::from(private(temporary.path()).arg("demo").output().unwrap()).ok();
    assert!(
        said.contains("Hello from a unikernel") && said.contains(" ms  "),
        "{said}"
    );
}

#[test]
fn it_leaves_nothing_behind_in_the_host_s_daemon() {
    let daemon = Daemon::start();
    let story = daemon.ask(["demo", "-o", "json"]).json();
    assert!(
        story["page"].as_str().unwrap().contains("Hello from a unikernel"),
        "{story}"
    );
    assert!(story["steps"].as_array().unwrap().len() >= 5, "{story}");
    assert_eq!(daemon.ask(["ps", "-qa"]).ok(), "");
    assert_eq!(daemon.ask(["image", "ls", "-q"]).ok(), "");
}
