//! `uigniter save`, from outside.

use std::fs;

use crate::support::{Daemon, SAYS};

#[test]
fn an_image_is_saved_to_file_folder_and_pipe_and_loaded_from_each() {
    let daemon = Daemon::start();
    let says = SAYS.to_str().unwrap();
    daemon
        .ask(["build", "-t", "says:1", "--from-binary", says, "--", "0", "x"])
        .ok();
    let digest = daemon.ask(["image", "inspect", "says:1"]).json()[0]["digest"].clone();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (file, layout) = (path("says.tar"), path("says/"));
    daemon.ask(["save", "-o", &file, "says:1"]).ok();
    daemon.ask(["save", "-o", &layout, "says:1"]).ok();
    let piped = daemon.command_with(["save", "says:1"]).output().unwrap();
    assert_eq!(
        piped.stdout,
        fs::read(&file).unwrap(),
        "saved twice it is the same"
    );
    daemon.ask(["save", "-o", &layout, "says:1"]).fails(1, "says/");
    daemon
        .ask(["save", "-o", "/no/such/file", "says:1"])
        .fails(1, "/no/such/file");
    daemon
        .ask(["save", "-o", &path("none.tar"), "none"])
        .fails(1, "'none'");
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["says", "says.tar"], "what fails leaves nothing");
    daemon.ask(["image", "rm", "says:1"]).ok();
    for input in [&file, &layout] {
        let loaded = daemon.ask(["load", "-i", input, "-o", "json"]).json();
        assert_eq!((&loaded["name"], &loaded["digest"]), (&"says:1".into(), &digest));
    }
    let mut load = daemon.command_with(["load", "-q", "-t", "piped"]);
    load.stdin(fs::File::open(&file).unwrap());
    assert_eq!(load.output().unwrap().stdout, b"piped\n");
    assert_eq!(
        daemon.ask(["run", "--rm", "piped"]).ok(),
        "argument 1 is <0>\nargument 2 is <x>\n"
    );
}
