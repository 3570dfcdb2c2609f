//! Honest and hostile drivers: what they give back goes, and nothing else.

use vm_memory::{Bytes, GuestAddress};

use super::*;
use crate::devices::virtio::testing::{DATA, Rig, WRITE};

fn rig(reporting: bool) -> Rig {
    let backing = Backing {
        pages: Arc::new(AtomicU32::new(3)),
        deflate_on_oom: false,
        reporting,
    };
    let mut rig = Rig::new(Balloon::new(backing));
    let features = if reporting { PAGE_REPORTING } else { 0 };
    rig.activate(features, if reporting { 3 } else { 2 });
    rig
}

/// Fills pages from `DATA` on with their number plus one.
fn fill(rig: &Rig, pages: u64) {
    for page in 0..pages {
        rig.memory
            .write_slice(&[page as u8 + 1; PAGE], GuestAddress(DATA + page * PAGE as u64))
            .unwrap();
    }
}

fn first_bytes(rig: &Rig, pages: u64) -> Vec<u8> {
    (0..pages)
        .map(|page| rig.bytes(DATA + page * PAGE as u64, 1)[0])
        .collect()
}

#[test]
fn reported_ranges_are_given_back_in_whole_pages() {
    let mut rig = rig(true);
    fill(&rig, 8);
    let page = PAGE as u32;
    rig.offer(
        2,
        &[
            (DATA + PAGE as u64, 2 * page, WRITE),
            (DATA + 4 * PAGE as u64 + 100, 2 * page, WRITE),
            (DATA + 7 * PAGE as u64 + 1, page - 1, WRITE),
        ],
    );
    rig.ring(2);
    assert_eq!(rig.used(2), 1);
    assert_eq!(first_bytes(&rig, 8), [1, 0, 0, 4, 5, 0, 7, 8]);
}

#[test]
fn inflation_takes_the_pages_that_are_named() {
    let mut rig = rig(false);
    fill(&rig, 4);
    assert_eq!(rig.get(0x100), 3, "pages wanted");
    let number = |page: u64| ((DATA / PAGE as u64 + page) as u32).to_le_bytes();
    let numbers = [number(1), number(3), u32::MAX.to_le_bytes()].concat();
    rig.memory
        .write_slice(&numbers, GuestAddress(DATA + 0x10_0000))
        .unwrap();
    rig.offer(0, &[(DATA + 0x10_0000, numbers.len() as u32, 0)]);
    rig.ring(0);
    assert_eq!(first_bytes(&rig, 4), [1, 0, 3, 0]);
    rig.offer(1, &[(DATA + 0x10_0000, 4, 0)]);
    rig.ring(1);
    assert_eq!(rig.used(1), 1);
}

#[test]
fn hostile_drivers_are_survived() {
    for seed in 0..8 {
        rig(true).torment(seed, 20_000, 1 << 28 | (seed & 1) << 29 | PAGE_REPORTING, 3);
    }
}
