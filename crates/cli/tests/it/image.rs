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

#[test]
fn what_is_in_an_image_is_shown_without_booting_it() {
    let daemon = Daemon::start();
    let says = SAYS.to_str().unwrap();
    daemon.ask(["image", "import", "--name", "hello", says]).ok();
    let folder = tempfile::tempdir().unwrap();
    let extra = folder.path().join("extra");
    std::fs::write(&extra, "extra words\n").unwrap();
    let add = format!("{}:/srv/extra", extra.display());
    daemon
        .ask(["image", "import", "--name", "more", "--add", &add, says])
        .ok();
    let told = daemon.ask(["image", "inspect", "hello", "more"]).json();
    assert_eq!(
        (&told[0]["format"], &told[1]["name"]),
        (&"erofs".into(), &"more".into())
    );
    assert_eq!(
        daemon.ask(["image", "cat", "more", "/srv/../srv/extra"]).ok(),
        "extra words\n"
    );
    daemon.ask(["image", "cat", "more", "/srv"]).fails(1, "/srv");
    daemon
        .ask(["image", "cat", "more", "/srv/none"])
        .fails(1, "/srv/none");
    assert_eq!(
        daemon.ask(["image", "tree", "more", "/srv", "-q"]).ok(),
        "/srv\n/srv/extra\n"
    );
    let tree = daemon.ask(["image", "tree", "more", "/srv"]).ok();
    assert!(tree.contains("-rw-r--r--") && tree.contains("12 B"), "{tree}");
    let tree = daemon.ask(["image", "tree", "hello", "-o", "json"]).json();
    assert_eq!(
        (&tree["entries"][0]["path"], &tree["truncated"]),
        (&"/".into(), &false.into())
    );
    let diff = daemon.ask(["image", "diff", "hello", "more"]).ok();
    assert!(
        diff.lines()
            .any(|line| line.starts_with("/srv/extra") && line.contains("added")),
        "{diff}"
    );
    assert_eq!(daemon.ask(["image", "diff", "more", "more", "-q"]).ok(), "");
    // The program comes out as it went in.
    let program = daemon
        .command_with(["image", "cat", "hello", "/hello"])
        .output()
        .unwrap();
    assert_eq!(program.stdout, std::fs::read(SAYS.as_path()).unwrap());
}
