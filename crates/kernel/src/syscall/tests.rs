//! Rule 7 of the house: every file of a family is in the family's table, and every row has its file.

use super::*;
use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn every_file_is_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/syscall");
    let names = ["fs", "net", "event", "memory", "task", "signal", "time", "system"];
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
