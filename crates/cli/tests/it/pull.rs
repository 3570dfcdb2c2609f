//! `uigniter pull`, from outside.

use std::{fs, net::TcpListener, path::Path, process::Command, process::Stdio};

use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol, Config, ImageLayer},
    secrets::RegistryAuth,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{
    registry::Registry,
    support::{Daemon, SAYS},
};

/// Puts a container image with `/bin/says` into a registry.
fn push_container(registry: &Registry, name: &str) {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("bin")).unwrap();
    fs::copy(&*SAYS, root.path().join("bin/says")).unwrap();
    let layer = Command::new("tar")
        .arg("-C")
        .arg(root.path())
        .args(["-cf", "-", "."])
        .output();
    let layer = layer.unwrap().stdout;
    let digest = uigniter_image::digest::of(&layer);
    let config = json!({
        "architecture": "amd64", "os": "linux",
        "config": { "Entrypoint": ["says", "0"], "Env": ["PATH=/bin", "GREETING=hello"] },
        "rootfs": { "type": "layers", "diff_ids": [digest] },
    });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        ..ClientConfig::default()
    });
    let reference: Reference = name.parse().unwrap();
    let config = Config::oci_v1(config.to_string().into_bytes(), None);
    let layers = [ImageLayer::oci_v1(layer, None)];
    let push = client.push(&reference, &layers, config, &RegistryAuth::Anonymous, None);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(push).unwrap();
    assert!(registry.blob(&digest).exists());
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_container_image_becomes_one_of_ours() {
    let (daemon, registry) = (Daemon::start(), Registry::open());
    let there = format!("{}/library/says:2", registry.address);
    push_container(&registry, &there);
    let pulled = registry.ask(&daemon, false, &["pull", &there, "-q"]);
    assert_eq!(pulled.ok(), "says:2\n");
    assert_eq!(
        daemon.ask(["run", "--rm", "says:2"]).ok(),
        "argument 1 is <0>\ngreeting is <hello>\n"
    );
    registry
        .ask(
            &daemon,
            false,
            &["pull", &format!("{}/nothing", registry.address)],
        )
        .fails(1, "nothing");
}

#[test]
fn what_a_registry_damages_is_refused_and_leaves_nothing() {
    let (daemon, registry) = (Daemon::start(), Registry::open());
    daemon
        .ask(["image", "import", "--name", "says", SAYS.to_str().unwrap()])
        .ok();
    let digest = daemon.ask(["image", "inspect", "says"]).json()[0]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let there = format!("{}/says", registry.address);
    registry.ask(&daemon, false, &["push", "says", &there]).ok();
    daemon.ask(["image", "rm", "says"]).ok();
    let blob = registry.blob(&digest);
    let whole = fs::read(&blob).unwrap();
    let mut changed = whole.clone();
    changed[5000] ^= 1;
    let temporary = tempfile::tempdir().unwrap();
    for wrong in [
        &changed[..],
        &whole[..whole.len() - 1],
        &[],
        &[&whole[..], b"more"].concat(),
    ] {
        fs::write(&blob, wrong).unwrap();
        let pull = daemon
            .command_with(["pull", &there])
            .env("DOCKER_CONFIG", registry.docker_config(false))
            .env("TMPDIR", temporary.path())
            .output();
        crate::support::Said::from(pull.unwrap()).fails(1, &registry.address);
        assert_eq!(files(temporary.path()), Vec::<String>::new());
    }
    assert_eq!(daemon.ask(["image", "ls", "-q"]).ok(), "");
    fs::write(&blob, &whole).unwrap();
    registry.ask(&daemon, false, &["pull", &there]).ok();
}

/// A registry that takes a connection and says nothing.
#[test]
fn a_signal_ends_it_and_leaves_nothing() {
    let daemon = Daemon::start();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let pull = daemon
        .command_with([
            "pull",
            "--plain-http",
            &format!("{}/x", silent.local_addr().unwrap()),
        ])
        .env("DOCKER_CONFIG", temporary.path().join("none"))
        .env("TMPDIR", temporary.path())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (_connection, _) = silent.accept().unwrap();
    assert_eq!(files(temporary.path()).len(), 1);
    kill_process(Pid::from_child(&pull), Signal::INT).unwrap();
    let said = crate::support::Said::from(pull.wait_with_output().unwrap());
    said.fails(130, "interrupted");
    assert_eq!(files(temporary.path()), Vec::<String>::new());
}
