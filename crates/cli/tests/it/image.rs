//! `uigniter image`, from outside.

use crate::support::{Daemon, SAYS, SERVER};

#[test]
fn an_image_is_imported_run_listed_and_removed() {
    let daemon = Daemon::start();
    let says = SAYS.to_str().unwrap();
    daemon.ask(["image", "import", "--name", "hello", says]).ok();
    assert_eq!(daemon.ask(["run", "--rm", "hello", "5"]).status, 5);
    let list = daemon.ask(["image", "ls", "-o", "json"]).json();
    assert_eq!(
        (list[0]["name"].as_str(), list[0]["kind"].as_str()),
        (Some("hello"), Some("elf")),
        "{list}"
    );
    assert_eq!(daemon.ask(["image", "rm", "hello"]).ok(), "hello\n");
    assert_eq!(daemon.ask(["image", "ls", "-q"]).ok(), "");
    daemon.ask(["image", "rm", "hello"]).fails(1, "hello");
}

#[test]
fn the_name_is_the_file_s_unless_given_and_the_old_one_is_replaced() {
    let daemon = Daemon::start();
    assert!(
        daemon
            .ask(["image", "import", SERVER])
            .ok()
            .contains("demo-server")
    );
    daemon
        .ask(["image", "import", "--name", "demo-server", SAYS.to_str().unwrap()])
        .ok();
    assert_eq!(daemon.ask(["run", "--rm", "demo-server", "6"]).status, 6);
}

#[test]
fn a_file_that_is_none_is_refused_before_it_is_sent() {
    Daemon::start()
        .ask(["image", "import", "/no/such/file"])
        .fails(1, "/no/such/file");
}

#[test]
fn an_image_has_several_names_and_goes_with_the_last() {
    let daemon = Daemon::start();
    let says = SAYS.to_str().unwrap();
    daemon.ask(["image", "import", "--name", "hello:1", says]).ok();
    assert_eq!(daemon.ask(["image", "tag", "hello:1", "hello"]).ok(), "hello\n");
    assert_eq!(daemon.ask(["image", "ls", "-q"]).ok(), "hello\nhello:1\n");
    assert_eq!(daemon.ask(["run", "--rm", "hello:1", "4"]).status, 4);
    daemon.ask(["image", "rm", "hello:1"]).ok();
    assert_eq!(daemon.ask(["image", "prune", "-q"]).ok(), "");
    let pruned = daemon.ask(["image", "prune", "--all", "-o", "json"]).json();
    assert_eq!(pruned["names"][0], "hello");
    assert_eq!(daemon.ask(["image", "ls", "-q"]).ok(), "");
    daemon
        .ask(["image", "tag", "hello", "Not/a name"])
        .fails(1, "Not/a name");
}
