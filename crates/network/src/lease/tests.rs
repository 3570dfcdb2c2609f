//! The pool against a journal in a temporary folder.

use super::*;

fn open(folder: &std::path::Path, subnet: &str, limits: &Limits) -> Result<Leases> {
    let (journal, records) = Journal::open(folder)?;
    Leases::open(journal, records, subnet.parse()?, limits)
}

fn small() -> Limits {
    Limits {
        guests_per_bridge: 3,
        bridges: 2,
        ..Limits::default()
    }
}

fn address(leases: &mut Leases, owner: &str) -> String {
    let taken = leases.take(owner).unwrap();
    leases.subnet().address(taken.slot).to_string()
}

fn release(leases: &mut Leases, owner: &str) {
    let slot = leases.vacate(owner).unwrap();
    leases.free(slot).unwrap();
}

#[test]
fn slots_go_round_the_bridge_and_then_over_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let mut leases = open(folder.path(), "10.0.0.0/12", &small()).unwrap();
    assert_eq!(address(&mut leases, "a"), "10.0.0.2");
    release(&mut leases, "a");
    assert_eq!(
        address(&mut leases, "b"),
        "10.0.0.3",
        "what was just released rests"
    );
    assert_eq!(address(&mut leases, "c"), "10.0.0.4");
    assert_eq!(address(&mut leases, "d"), "10.0.0.2");
    assert_eq!(address(&mut leases, "e"), "10.0.4.2");
    assert_eq!(
        address(&mut leases, "b"),
        "10.0.0.3",
        "the same owner, the same address"
    );
    assert_eq!(leases.bridges_in_use(), [0, 1]);
}

#[test]
fn a_full_pool_says_so_and_a_leaving_slot_is_not_free() {
    let folder = tempfile::tempdir().unwrap();
    let mut leases = open(folder.path(), "10.0.0.0/12", &small()).unwrap();
    for owner in ["a", "b", "c", "d", "e", "f"] {
        leases.take(owner).unwrap();
    }
    let leaving = leases.vacate("a").unwrap();
    match leases.take("g") {
        Err(Error::PoolFull { capacity: 6, subnet }) => assert_eq!(subnet, "10.0.0.0/12"),
        other => panic!("{other:?}"),
    }
    leases.free(leaving).unwrap();
    assert_eq!(
        leases.take("g").unwrap(),
        Taken {
            slot: leaving,
            fresh: true
        }
    );
}

#[test]
fn leases_and_the_cursor_survive() {
    let folder = tempfile::tempdir().unwrap();
    let mut leases = open(folder.path(), "10.0.0.0/12", &Limits::default()).unwrap();
    for owner in ["a", "b", "c"] {
        leases.take(owner).unwrap();
    }
    release(&mut leases, "c");
    release(&mut leases, "a");
    let before = leases.all();
    drop(leases);
    for _ in 0..2 {
        let leases = open(folder.path(), "10.0.0.0/12", &Limits::default()).unwrap();
        assert_eq!(leases.all(), before);
    }
    let mut leases = open(folder.path(), "10.0.0.0/12", &Limits::default()).unwrap();
    assert_eq!(
        address(&mut leases, "d"),
        "10.0.0.5",
        "the released ones still rest"
    );
}

#[test]
fn an_owner_that_came_back_while_leaving_has_its_newer_address_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut leases = open(folder.path(), "10.0.0.0/12", &Limits::default()).unwrap();
    leases.take("a").unwrap();
    leases.vacate("a").unwrap();
    assert_eq!(address(&mut leases, "a"), "10.0.0.3");
    drop(leases);
    let leases = open(folder.path(), "10.0.0.0/12", &Limits::default()).unwrap();
    assert_eq!(leases.all().len(), 1);
    assert_eq!(leases.all()[0].1.address.to_string(), "10.0.0.3");
}

#[test]
fn the_range_changes_only_without_leases() {
    let folder = tempfile::tempdir().unwrap();
    let mut leases = open(folder.path(), "10.0.0.0/12", &Limits::default()).unwrap();
    leases.take("a").unwrap();
    drop(leases);
    let mut leases = open(folder.path(), "192.168.0.0/16", &Limits::default()).unwrap();
    assert_eq!(leases.subnet().to_string(), "10.0.0.0/12");
    release(&mut leases, "a");
    drop(leases);
    let leases = open(folder.path(), "192.168.0.0/16", &Limits::default()).unwrap();
    assert_eq!(leases.subnet().to_string(), "192.168.0.0/16");
}

#[test]
fn a_torn_last_line_never_was_and_a_foreign_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("leases");
    std::fs::write(&file, "range 10.0.0.0/12\n+ 10.0.0.2 a\n+ 10.0.0.3 b").unwrap();
    let mut leases = open(folder.path(), "10.0.0.0/12", &Limits::default()).unwrap();
    assert_eq!(leases.all().len(), 1);
    assert_eq!(address(&mut leases, "c"), "10.0.0.3");
    std::fs::write(&file, "range 10.0.0.0/12\nnonsense\n").unwrap();
    let error = open(folder.path(), "10.0.0.0/12", &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::CorruptState { line: 2, .. }), "{error}");
}

#[test]
fn a_long_history_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let mut leases = open(folder.path(), "10.0.0.0/12", &Limits::default()).unwrap();
    leases.take("stays").unwrap();
    for _ in 0..3000 {
        leases.take("a").unwrap();
        release(&mut leases, "a");
    }
    let lines = std::fs::read_to_string(folder.path().join("leases"))
        .unwrap()
        .lines()
        .count();
    assert!(lines < 2200, "{lines} lines");
    drop(leases);
    let leases = open(folder.path(), "10.0.0.0/12", &Limits::default()).unwrap();
    assert_eq!(leases.all().len(), 1);
}

#[test]
fn names_that_would_break_a_line_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut leases = open(folder.path(), "10.0.0.0/12", &Limits::default()).unwrap();
    let long = "a".repeat(MAX_OWNER_BYTES + 1);
    for owner in ["", " ", "a b", "a\n", "-a", "~a", "ä", long.as_str()] {
        assert!(matches!(leases.take(owner), Err(Error::Name { .. })), "{owner:?}");
    }
    assert!(leases.all().is_empty());
}
