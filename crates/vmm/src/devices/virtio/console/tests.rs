//! Output of honest and hostile drivers.

use std::fs::File;

use vm_memory::{Bytes, GuestAddress};
use vmm_sys_util::eventfd::EventFd;

use super::*;
use crate::{
    devices::virtio::testing::{DATA, Rig},
    output::Output,
};

fn rig(path: &std::path::Path) -> Rig {
    let file = File::create(path).unwrap();
    let wake = EventFd::new(libc::EFD_NONBLOCK).unwrap();
    let mut rig = Rig::new(Console::new(Output::new(file, wake)));
    rig.activate(0, 2);
    rig
}

#[test]
fn text_of_several_pieces_comes_out_in_order() {
    let path = std::env::temp_dir().join(format!("uigniter-console-{}", std::process::id()));
    let mut rig = rig(&path);
    rig.memory
        .write_slice(b"hello, world\n", GuestAddress(DATA))
        .unwrap();
    rig.offer(1, &[(DATA, 7, 0), (DATA + 7, 6, 0)]);
    rig.offer(1, &[(DATA, 5, 0)]);
    rig.ring(1);
    assert_eq!(rig.used(1), 2);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "hello, world\nhello");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn hostile_drivers_are_survived() {
    for seed in 0..8 {
        rig("/dev/null".as_ref()).torment(seed, 20_000, 1 << 28 | (seed & 1) << 29, 2);
    }
}
