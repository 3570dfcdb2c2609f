//! `uigniter completion`, from outside.

use crate::support::alone;

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = alone(["completion", shell]).ok();
        assert!(script.contains("inspect") && script.contains("doctor"), "{shell}");
    }
}

#[test]
fn an_unknown_shell_is_refused_by_name() {
    alone(["completion", "command.com"]).fails_parsing("command.com");
}
