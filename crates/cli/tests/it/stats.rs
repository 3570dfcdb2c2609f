//! `uigniter stats`, from outside.

use crate::support::{Daemon, SLEEPS};

#[test]
fn all_that_run_are_shown_or_those_that_were_named() {
    let daemon = Daemon::start();
    daemon.start_instance("web", &SLEEPS, &[]);
    let all = daemon.ask(["stats", "-o", "json"]).json();
    assert_eq!(all.as_array().unwrap().len(), 1);
    assert!(
        all[0]["cpu_time_us"].is_u64() && all[0]["pss_bytes"].as_u64() > Some(0),
        "{all}"
    );
    let table = daemon.ask(["stats", "web"]).ok();
    assert!(table.contains("web") && table.contains("MiB"), "{table}");
    daemon.ask(["stats", "nobody"]).fails(1, "nobody");
}
