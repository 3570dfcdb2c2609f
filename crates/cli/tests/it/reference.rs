//! `uigniter reference`, from outside.

use expect_test::expect_file;

use crate::support::alone;

/// `UPDATE_EXPECT=1 cargo test -p uigniter reference` writes the file anew.
#[test]
fn the_reference_in_the_documentation_is_the_binary_s_own_help() {
    expect_file!["../../../../docs/cli.md"].assert_eq(&alone(["reference"]).ok());
}

#[test]
fn every_command_has_a_test_of_its_name() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in std::fs::read_dir(here.join("src/commands")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".rs") && name != "mod.rs" {
            assert!(
                here.join("tests/it").join(&name).exists(),
                "tests/it/{name} is missing"
            );
        }
    }
}
