//! `uigniter man`, from outside.

use crate::support::alone;

#[test]
fn there_is_a_page_per_command() {
    let dir = tempfile::tempdir().unwrap();
    alone(["man".as_ref(), dir.path().as_os_str()]).ok();
    for page in ["uigniter.1", "uigniter-run.1", "uigniter-image-import.1"] {
        let text = std::fs::read_to_string(dir.path().join(page)).unwrap();
        assert!(text.contains(".SH NAME"), "{page}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    alone(["man", "/proc/nowhere"]).fails(1, "/proc/nowhere");
}
