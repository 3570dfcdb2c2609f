use super::*;
use crate::drivers::virtio::fake::{Fake, Spec};

/// Memory for a device, page-aligned, that stays: its address is its guest-physical one here.
fn memory(bytes: usize) -> &'static mut [u8] {
    let memory = vec![0; bytes + PAGE_SIZE].leak();
    let skip = memory.as_ptr().align_offset(PAGE_SIZE);
    &mut memory[skip..skip + bytes]
}

fn device(start: u64, bytes: u64) -> Device {
    let config = [start.to_le_bytes(), bytes.to_le_bytes()].concat();
    Device::probe(Fake::new(Spec::new(27, 0, &config)), 5, true)
        .unwrap()
        .unwrap()
}

#[test]
fn it_reads_as_a_disk_and_says_where_it_lies() {
    let memory = memory(8192);
    memory[512..514].copy_from_slice(b"ab");
    let start = memory.as_ptr() as u64;
    let disk = Pmem::new(device(start, 8192), |_, _| true).unwrap();
    assert_eq!(disk.capacity_sectors(), 16);
    assert_eq!(disk.memory(), Some(DiskMemory { start, bytes: 8192 }));
    let mut sector = [0; 512];
    disk.read(1, &mut sector).unwrap();
    assert_eq!(&sector[..3], b"ab\0");
    assert_eq!(disk.read(15, &mut [0; 1024]), Err(BlockError::OutOfRange));
    assert_eq!(disk.read(u64::MAX, &mut sector), Err(BlockError::OutOfRange));
    assert_eq!(disk.read(0, &mut [0; 100]), Err(BlockError::Unaligned));
    assert_eq!(disk.write(0, &sector), Err(BlockError::ReadOnly));
}

#[test]
fn memory_that_cannot_be_mapped_is_refused() {
    for (start, bytes) in [(0x1000, 0), (0x1001, 4096), (0x1000, 100)] {
        assert!(
            Pmem::new(device(start, bytes), |_, _| true).is_err(),
            "{start:#x} {bytes}"
        );
    }
    assert!(Pmem::new(device(4096, 4096), |_, _| false).is_err());
}
