//! The transport, with the entropy device behind it.

use super::*;
use crate::devices::virtio::{
    rng::Rng,
    testing::{DATA, INDIRECT, NEXT, Random, Rig, WRITE, base, descriptor},
};
use vm_memory::{Bytes, GuestAddress};

fn rig(features: u64) -> Rig {
    let mut rig = Rig::new(Rng);
    rig.activate(features, 1);
    rig
}

#[test]
fn section_4_2_2_identification() {
    let rig = Rig::new(Rng);
    assert_eq!(rig.get(register::MAGIC), u32::from_le_bytes(*b"virt"));
    assert_eq!(rig.get(register::VERSION), 2);
    assert_eq!(rig.get(register::DEVICE_ID), 4);
    assert_eq!(rig.get(register::SHM_LENGTH), u32::MAX);
    rig.set(register::DEVICE_FEATURES_SEL, 1);
    assert_eq!(rig.get(register::DEVICE_FEATURES), 1, "VIRTIO_F_VERSION_1");
}

#[test]
fn section_3_1_1_features_that_were_not_offered_are_refused() {
    let rig = Rig::new(Rng);
    for status in [1, 3] {
        rig.set(register::STATUS, status);
    }
    rig.set(register::DRIVER_FEATURES_SEL, 0);
    rig.set(register::DRIVER_FEATURES, 1);
    rig.set(register::DRIVER_FEATURES_SEL, 1);
    rig.set(register::DRIVER_FEATURES, 1);
    rig.set(register::STATUS, 11);
    assert_eq!(rig.get(register::STATUS), 3, "FEATURES_OK stays off");
    rig.set(register::STATUS, 15);
    assert_eq!(rig.get(register::STATUS) & DRIVER_OK, 0, "and DRIVER_OK with it");
}

#[test]
fn without_version_1_there_is_no_device() {
    let rig = Rig::new(Rng);
    rig.set(register::STATUS, 3);
    rig.set(register::STATUS, 11);
    assert_eq!(rig.get(register::STATUS), 3);
}

#[test]
fn each_completion_is_an_edge_also_without_acknowledgement() {
    let mut rig = rig(0);
    for round in 1..=3 {
        rig.offer(0, &[(DATA, 32, WRITE)]);
        rig.ring(0);
        assert_eq!(rig.used(0), round);
        assert_eq!(rig.line.read().unwrap(), 1);
        assert_eq!(rig.get(register::INTERRUPT_STATUS), USED_BUFFER);
    }
    rig.set(register::INTERRUPT_ACK, USED_BUFFER);
    assert_eq!(rig.get(register::INTERRUPT_STATUS), 0);
}

#[test]
fn section_2_7_7_no_interrupt_where_the_driver_wants_none() {
    let mut rig = rig(0);
    rig.memory
        .write_obj(1u16, GuestAddress(base(0) + 0x1000))
        .unwrap();
    rig.offer(0, &[(DATA, 32, WRITE)]);
    rig.ring(0);
    assert_eq!(rig.used(0), 1);
    assert!(rig.line.read().is_err(), "VIRTQ_AVAIL_F_NO_INTERRUPT");
}

#[test]
fn section_2_7_10_event_idx_delays_the_interrupt() {
    let mut rig = rig(RING_EVENT_IDX);
    // used_event lies behind the available ring of 16: interrupt when the third request is used.
    rig.memory
        .write_obj(2u16, GuestAddress(base(0) + 0x1000 + 4 + 32))
        .unwrap();
    for round in 1..=3 {
        rig.offer(0, &[(DATA, 32, WRITE)]);
        rig.ring(0);
        assert_eq!(rig.line.read().is_ok(), round == 3, "round {round}");
    }
}

#[test]
fn section_2_7_5_3_indirect_tables_work_and_do_not_nest() {
    let mut rig = rig(RING_INDIRECT_DESC);
    let table = DATA + 0x1000;
    rig.memory
        .write_slice(&descriptor(DATA, 48, WRITE, 0), GuestAddress(table))
        .unwrap();
    rig.offer(0, &[(table, 16, INDIRECT)]);
    rig.ring(0);
    assert_eq!(rig.used_element(0, 0).1, 48);
    rig.memory
        .write_slice(&descriptor(table, 16, INDIRECT, 0), GuestAddress(table))
        .unwrap();
    rig.offer(0, &[(table, 16, INDIRECT)]);
    rig.ring(0);
    assert!(rig.is_broken());
}

#[test]
fn chains_without_end_and_outside_of_memory_break_the_device_until_reset() {
    let bad: [(u64, u32, u16, u16); 4] = [
        (DATA, 16, WRITE | NEXT, 0),
        (DATA, 16, WRITE | NEXT, 999),
        (u64::MAX - 8, 16, WRITE, 0),
        (crate::devices::virtio::testing::MEMORY - 8, 16, WRITE, 0),
    ];
    for descriptor in bad {
        let mut rig = rig(0);
        rig.describe(0, 0, descriptor);
        rig.publish(0, 0);
        rig.ring(0);
        assert!(rig.is_broken(), "{descriptor:?}");
        assert_eq!(rig.get(register::INTERRUPT_STATUS), CONFIG_CHANGE);
        rig.activate(0, 1);
        rig.offer(0, &[(DATA, 32, WRITE)]);
        rig.ring(0);
        assert_eq!(rig.used(0), 1, "a reset mends it");
    }
}

#[test]
fn queues_outside_of_memory_never_start() {
    let mut rig = rig(0);
    rig.set(register::STATUS, 0);
    rig.activate(0, 0);
    assert!(!rig.is_broken(), "a device without queues is fine");
    rig.set(register::STATUS, 0);
    rig.set(register::STATUS, 3);
    rig.set(register::DRIVER_FEATURES_SEL, 1);
    rig.set(register::DRIVER_FEATURES, 1);
    rig.set(register::STATUS, 11);
    rig.set(register::QUEUE_DESC, 0xffff_0000);
    rig.set(register::QUEUE_READY, 1);
    rig.set(register::STATUS, 15);
    assert!(rig.is_broken());
}

#[test]
fn an_index_that_runs_ahead_breaks_the_device() {
    let rig = rig(0);
    rig.memory
        .write_obj(0x7000u16, GuestAddress(base(0) + 0x1002))
        .unwrap();
    rig.ring(0);
    assert!(rig.is_broken());
}

#[test]
fn any_register_access_is_survived() {
    let mut random = Random::new(4242);
    let mut rig = rig(0);
    for round in 0..200_000 {
        if round % 1000 == 0 {
            rig.activate(0, 1);
        }
        let (offset, width) = (random.below(0x1100), 1 << random.below(4));
        if random.below(2) == 0 {
            rig.window.write(offset, &random.next().to_le_bytes()[..width]);
        } else {
            rig.window.read(offset, &mut [0; 8][..width]);
        }
    }
}
