//! Rule 7 of the house: every file of a family is in the family's table, and every row has its file.

use super::*;
use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn every_file_is_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/syscall");
    let names = [
        "fs", "net", "event", "memory", "task", "signal", "time", "system", "ipc",
    ];
    for (family, rows) in names.into_iter().zip(FAMILIES) {
        let files: BTreeSet<String> = fs::read_dir(root.join(family))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| Some(name.strip_suffix(".rs")?.to_string()))
            .filter(|name| name != "mod" && name != "common")
            .collect();
        let table: BTreeSet<String> = rows.iter().map(|row| row.name.to_string()).collect();
        let missing: Vec<_> = files.difference(&table).collect();
        assert!(missing.is_empty(), "{family}: files without a row: {missing:?}");
    }
}

/// `docs/syscalls.md` is made from the tables; `UIGNITER_UPDATE_DOCS=1 cargo test -p uigniter-kernel syscalls_page` writes it anew.
#[test]
fn syscalls_page_is_the_table() {
    let families = [
        ("Files and directories", FAMILIES[0]),
        ("Sockets", FAMILIES[1]),
        ("Events", FAMILIES[2]),
        ("Memory", FAMILIES[3]),
        ("Threads and processes", FAMILIES[4]),
        ("Signals", FAMILIES[5]),
        ("Time", FAMILIES[6]),
        ("System", FAMILIES[7]),
        ("Message queues", FAMILIES[8]),
        ("Refused as a whole", FAMILIES[9]),
    ];
    let count = |wanted: fn(&Support) -> bool| {
        FAMILIES
            .iter()
            .flat_map(|rows| rows.iter())
            .filter(|row| wanted(&row.support))
            .count()
    };
    let mut page = format!(
        "# System calls\n\nMade from the tables in `crates/kernel/src/syscall`, one row a number. What is not here answers `ENOSYS` and says so once on the \
         console.\n\n{} full, {} partial, {} without effect, {} refused on purpose.\n",
        count(|s| matches!(s, Support::Full)),
        count(|s| matches!(s, Support::Partial(_))),
        count(|s| matches!(s, Support::Stub(_))),
        count(|s| matches!(s, Support::Refused(_))),
    );
    for (title, rows) in families {
        page += &format!("\n## {title}\n\n| number | man page | support | |\n|---:|---|---|---|\n");
        let mut rows: Vec<_> = rows.iter().collect();
        rows.sort_by_key(|row| row.number);
        for row in rows {
            let (level, remark) = match row.support {
                Support::Full => ("full", ""),
                Support::Partial(missing) => ("partial", missing),
                Support::Stub(reason) => ("no effect", reason),
                Support::Refused(reason) => ("refused", reason),
            };
            page += &format!("| {} | {} | {level} | {remark} |\n", row.number, row.name);
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/syscalls.md");
    if std::env::var_os("UIGNITER_UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap_or_default(),
        page,
        "run: UIGNITER_UPDATE_DOCS=1 cargo test -p uigniter-kernel syscalls_page"
    );
}
