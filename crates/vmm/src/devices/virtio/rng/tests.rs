//! Entropy for honest and hostile drivers.

use super::*;
use crate::devices::virtio::testing::{DATA, Rig, WRITE};

#[test]
fn randomness_comes_and_is_bounded() {
    let mut rig = Rig::new(Rng);
    rig.activate(0, 1);
    rig.offer(0, &[(DATA, 64, WRITE)]);
    rig.offer(0, &[(DATA, 1 << 20, WRITE)]);
    rig.ring(0);
    assert_eq!(rig.used_element(0, 0), (0, 64));
    assert_eq!(rig.used_element(0, 1), (1, REQUEST_MAX as u32));
    assert!(rig.bytes(DATA, 64).iter().any(|byte| *byte != 0));
}

#[test]
fn hostile_drivers_are_survived() {
    for seed in 0..8 {
        Rig::new(Rng).torment(seed, 20_000, 1 << 28 | (seed & 1) << 29, 1);
    }
}
