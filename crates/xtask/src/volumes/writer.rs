//! A program that keeps promises on a volume: what it says is synced has to be there when it starts again, whatever happened in between.
//!
//! It checks first, and says what it found (`found N`, `slot K V`); then it writes until somebody kills it, and says what `fsync(2)` has promised (`synced N`,
//! `slot K V`). Meanwhile a second thread makes, cuts and removes files that nobody was promised anything about.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
};

const SLOTS: u64 = 16;

/// What a version of a slot looks like: its length and all its bytes follow from it.
fn contents(slot: u64, version: u64) -> Vec<u8> {
    let len = 64 + (version * 7919 + slot * 131) % 60_000;
    let mut bytes = version.to_le_bytes().to_vec();
    bytes.extend((0..len).map(|at| (at ^ version ^ slot) as u8));
    bytes
}

fn slot_path(dir: &Path, slot: u64) -> PathBuf {
    dir.join(format!("slots/s{slot}"))
}

/// Numbers in the journal: each is one more than the one before it.
fn check_journal(dir: &Path) -> u64 {
    let mut bytes = Vec::new();
    if let Ok(mut file) = File::open(dir.join("journal")) {
        file.read_to_end(&mut bytes).expect("the journal cannot be read");
    }
    for (index, record) in bytes.chunks_exact(8).enumerate() {
        let number = u64::from_le_bytes(record.try_into().unwrap());
        assert_eq!(number, index as u64, "the journal is wrong at record {index}");
    }
    bytes.len() as u64 / 8
}

fn check_slots(dir: &Path) -> Vec<u64> {
    (0..SLOTS)
        .map(|slot| {
            let Ok(bytes) = fs::read(slot_path(dir, slot)) else { return 0 };
            let version = u64::from_le_bytes(bytes[..8].try_into().expect("a slot is cut off"));
            assert!(bytes == contents(slot, version), "slot {slot} is not what it was at version {version}");
            println!("slot {slot} {version}");
            version
        })
        .collect()
}

/// Load that nobody relies on.
fn noise(dir: PathBuf, mut random: u64) {
    loop {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let path = dir.join(format!("noise/n{}", random % 50));
        let len = (random >> 8) % 120_000;
        let _ = match (random >> 40) % 4 {
            0 => fs::remove_file(&path),
            1 => OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(len)),
            2 => fs::rename(&path, dir.join(format!("noise/n{}", (random >> 44) % 50))),
            _ => fs::write(&path, vec![random as u8; len as usize]),
        };
    }
}

fn main() {
    let dir = PathBuf::from(std::env::args().nth(1).expect("a folder"));
    for folder in ["slots", "noise"] {
        fs::create_dir_all(dir.join(folder)).expect("no folder can be made");
    }
    let mut next = check_journal(&dir);
    let mut versions = check_slots(&dir);
    println!("found {next}");
    let (folder, seed) = (dir.clone(), next * 2 + 88_172_645_463_325_252);
    std::thread::spawn(move || noise(folder, seed));

    let mut journal = OpenOptions::new().append(true).create(true).open(dir.join("journal")).unwrap();
    // What a crash left behind a whole record would put the next one out of place.
    journal.set_len(next * 8).unwrap();
    File::open(&dir).unwrap().sync_all().unwrap();
    loop {
        let count = 1 + next % 40;
        let records: Vec<u8> = (next..next + count).flat_map(u64::to_le_bytes).collect();
        journal.write_all(&records).expect("the journal cannot be written");
        next += count;
        journal.sync_data().expect("fsync of the journal");
        println!("synced {next}");

        let slot = next % SLOTS;
        let version = versions[slot as usize] + 1;
        let fresh = dir.join("slots/fresh");
        let mut file = File::create(&fresh).expect("no file can be made");
        file.write_all(&contents(slot, version)).expect("a slot cannot be written");
        file.sync_all().expect("fsync of a slot");
        fs::rename(&fresh, slot_path(&dir, slot)).expect("rename");
        File::open(dir.join("slots")).unwrap().sync_all().expect("fsync of a folder");
        versions[slot as usize] = version;
        println!("slot {slot} {version}");
    }
}
