//! `uigniter load`, from outside; what is saved and loaded again is in `save`.

use std::{fs, process::Command};

use serde_json::json;

use crate::support::{Daemon, SAYS};

#[test]
fn a_container_image_is_built_as_it_is_loaded() {
    let daemon = Daemon::start();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("root")).unwrap();
    fs::copy(&*SAYS, path("root/says")).unwrap();
    let layer = Command::new("tar")
        .arg("-C")
        .arg(path("root"))
        .args(["-cf", "-", "says"])
        .output();
    let layer = layer.unwrap().stdout;
    let digest = uigniter_image::digest::of(&layer);
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "config": { "Entrypoint": ["/says", "0"] },
        "rootfs": { "type": "layers", "diff_ids": [digest] },
    });
    let saved = json!([{ "Config": "config.json", "RepoTags": ["says:3"], "Layers": ["layer.tar"] }]);
    fs::create_dir(path("saved")).unwrap();
    fs::write(path("saved/layer.tar"), layer).unwrap();
    fs::write(path("saved/config.json"), config.to_string()).unwrap();
    fs::write(path("saved/manifest.json"), saved.to_string()).unwrap();
    let input = path("saved").display().to_string();
    let loaded = daemon.ask(["load", "-q", "-i", &format!("{input}@says:3")]);
    assert_eq!(loaded.ok(), "says:3\n");
    assert_eq!(
        daemon.ask(["load", "-q", "-i", &input, "-t", "other"]).ok(),
        "other\n"
    );
    assert_eq!(daemon.ask(["run", "--rm", "says:3"]).ok(), "argument 1 is <0>\n");
    daemon.ask(["load", "-i", &input]).fails(1, "name");
}

#[test]
fn what_is_no_image_is_refused() {
    let daemon = Daemon::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "no archive at all, whatever it may be called").unwrap();
    for input in [
        "/no/such/file",
        file.to_str().unwrap(),
        folder.path().to_str().unwrap(),
    ] {
        daemon.ask(["load", "-t", "x", "-i", input]).fails(1, input);
    }
    assert_eq!(daemon.ask(["image", "ls", "-q"]).ok(), "");
}
