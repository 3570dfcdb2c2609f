//! `uigniter doctor`, from outside.

use crate::support::alone;

#[test]
fn a_host_that_can_run_these_tests_is_sound() {
    let said = alone(["doctor", "--state-dir", "/tmp"]);
    assert!(
        said.stdout.contains("/dev/kvm") && said.stdout.contains("CAP_NET_ADMIN"),
        "{said:?}"
    );
    said.ok();
}

#[test]
fn json_has_every_check_and_mending_for_what_is_missing() {
    // procfs has no room for anything.
    let said = alone(["doctor", "-o", "json", "--state-dir", "/proc"]);
    assert_eq!(said.status, 1, "{said:?}");
    let findings: Vec<serde_json::Value> = serde_json::from_str(&said.stdout).unwrap();
    let disk = findings
        .iter()
        .find(|finding| finding["check"] == "disk space")
        .unwrap();
    assert_eq!(disk["state"], "missing");
    assert!(disk["mend"].as_str().unwrap().contains("--state-dir"));
}

#[test]
fn quiet_names_only_what_is_missing() {
    let said = alone(["doctor", "-q", "--state-dir", "/proc"]);
    assert_eq!(
        (said.status, said.stdout.as_str()),
        (1, "disk space\n"),
        "{said:?}"
    );
}
