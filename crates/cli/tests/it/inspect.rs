//! `uigniter inspect`, from outside.

use crate::support::{Daemon, SLEEPS};

#[test]
fn a_running_instance_has_address_process_and_stats() {
    let daemon = Daemon::start();
    daemon.start_instance("web", &SLEEPS, &["stubborn"]);
    let web = daemon.ask(["inspect", "web"]).json();
    assert_eq!(web[0]["name"], "web");
    assert_eq!(web[0]["state"], "running");
    assert!(
        web[0]["ip_address"].is_string() && web[0]["stats"]["rss_bytes"].as_u64() > Some(0),
        "{web}"
    );
    let image = daemon.ask(["inspect", web[0]["image"].as_str().unwrap()]).json();
    // It runs where it lies on the host, as its `argv[0]` says.
    assert_eq!(image[0]["kind"], "disk", "{image}");
    assert_eq!(image[0]["command"][0], SLEEPS.to_str().unwrap(), "{image}");
}

#[test]
fn nobody_is_named_and_the_others_are_shown() {
    let daemon = Daemon::start();
    let said = daemon.ask(["inspect", "nobody"]);
    assert_eq!(said.stdout, "[]\n");
    said.fails(1, "nobody");
}
