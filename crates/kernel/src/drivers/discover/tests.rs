use super::*;
use crate::drivers::virtio::{
    Error,
    fake::{Fake, Spec},
};

const KINDS: &[DeviceKind] = &[
    DeviceKind {
        id: 2,
        name: "good",
        probe: |_, devices| {
            devices.blocks.push(&Nothing);
            Ok(())
        },
    },
    DeviceKind {
        id: 9,
        name: "bad",
        probe: |_, _| Err(Error::NoQueue(1)),
    },
];

struct Nothing;

impl BlockDevice for Nothing {
    fn capacity_sectors(&self) -> u64 {
        0
    }
    fn read_only(&self) -> bool {
        true
    }
    fn read(&self, _: u64, _: &mut [u8]) -> Result<(), crate::drivers::block::BlockError> {
        Ok(())
    }
    fn write(&self, _: u64, _: &[u8]) -> Result<(), crate::drivers::block::BlockError> {
        Ok(())
    }
    fn flush(&self) -> Result<(), crate::drivers::block::BlockError> {
        Ok(())
    }
    fn id(&self) -> String {
        String::new()
    }
}

#[test]
fn each_window_is_looked_at_once_and_shortly() {
    let (mut devices, mut fresh) = (Devices::default(), None);
    for (id, expected, accesses, disks) in [
        // The first also says what monitor this is.
        (0, Ok(()), 4, 0),
        (0, Ok(()), 3, 0),
        (2, Ok(()), 3, 1),
        (5, Ok(()), 3, 1),
        (9, Err(Error::NoQueue(1)), 3, 1),
        (2, Ok(()), 3, 2),
    ] {
        let fake = Fake::new(Spec::new(id, 0, &[]));
        assert_eq!(attach(fake.clone(), 5, &mut fresh, KINDS, &mut devices), expected);
        assert_eq!(
            (fake.accesses(), devices.blocks.len()),
            (accesses, disks),
            "device {id}"
        );
    }
    assert_eq!(fresh, Some(true));
    let mut fresh = None;
    let qemu = Fake::new(Spec::new(0, 0, &[]).legacy());
    assert_eq!(attach(qemu, 5, &mut fresh, KINDS, &mut devices), Ok(()));
    assert_eq!(fresh, Some(false));
}

#[test]
fn impossible_windows_are_left_out() {
    for (base, size) in [
        (0, 0x1000),
        (0xd000_0002, 0x1000),
        (0xd000_0000, 0x1ff),
        (0xffff_ff00, 0x200),
        (u64::MAX, 0x200),
    ] {
        assert!(Window::new(base, size).is_none(), "{base:#x} {size:#x}");
    }
    assert!(Window::new(0xd000_0000, 0x200).is_some());
}
