use super::*;
use uigniter_abi::boot_args::MmioDevice;

/// DSDT, FADT, MADT and XSDT as QEMU 7.2's `-M microvm` leaves them at this address, two virtio devices on board.
const QEMU_AT: u64 = 0xefc80;
const QEMU: &[u8] = include_bytes!("testdata/qemu-7.2-microvm.bin");
const QEMU_RSDP: &[u8; 36] = b"RSD PTR PBOCHS \x02\0\0\0\0\x24\0\0\0\xb6\xff\x0e\0\0\0\0\0\x19\0\0\0";
const RSDP_AT: u64 = 0xf3490;

/// Memory that has something in a few places and reads as zeros up to 1 MiB.
#[derive(Clone)]
struct Memory(Vec<(u64, Vec<u8>)>);

impl PhysicalMemory for Memory {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        buffer.fill(0);
        for (at, bytes) in &self.0 {
            for (index, byte) in buffer.iter_mut().enumerate() {
                let here = address
                    .wrapping_add(index as u64)
                    .checked_sub(*at)
                    .and_then(|offset| bytes.get(offset as usize));
                *byte = here.copied().unwrap_or(*byte);
            }
        }
        address
            .checked_add(buffer.len() as u64)
            .is_some_and(|end| end <= 1 << 20)
    }
}

fn qemu() -> Memory {
    Memory(vec![(QEMU_AT, QEMU.to_vec()), (RSDP_AT, QEMU_RSDP.to_vec())])
}

fn devices(memory: &Memory, rsdp: Option<u64>) -> Vec<MmioDevice> {
    Tables::read(memory, rsdp)
        .and_then(|tables| tables.definition_block(memory))
        .map_or(Vec::new(), |aml| virtio_devices(&aml))
}

#[test]
fn qemu_microvm_is_understood() {
    let expected = [(0xfeb0_2e00, 47), (0xfeb0_2c00, 46)].map(|(base, irq)| MmioDevice {
        size: 0x200,
        base,
        irq,
    });
    assert_eq!(devices(&qemu(), Some(RSDP_AT)), expected);
    assert_eq!(devices(&qemu(), None), expected, "found in the BIOS area");
    let apics = Tables::read(&qemu(), Some(RSDP_AT)).unwrap().io_apics();
    let expected =
        [(0xfec0_0000, 0), (0xfec1_0000, 24)].map(|(address, first_gsi)| IoApic { address, first_gsi });
    assert_eq!(apics, expected);
}

/// What Firecracker writes (its `acpi-tables` crate): lengths in four bytes, a definition block of nothing but devices.
#[test]
fn other_encodings_are_understood() {
    let memory32 = b"\x86\x09\x00\x01\x00\x10\x00\xd0\x00\x10\x00\x00";
    let qword = b"\x8a\x2b\x00\x00\x0c\x01\0\0\0\0\0\0\0\0\x00\x10\x00\xd0\0\0\0\0\xff\x1f\x00\xd0\0\0\0\0\0\0\0\0\0\0\0\0\x00\x10\0\0\0\0\0\0";
    let interrupt = b"\x89\x06\x00\x03\x01\x05\x00\x00\x00";
    let legacy_irq = b"\x23\x20\x00\x01";
    let expected = MmioDevice {
        size: 0x1000,
        base: 0xd000_1000,
        irq: 5,
    };
    for (window, irq) in [
        (&memory32[..], &interrupt[..]),
        (qword, interrupt),
        (memory32, legacy_irq),
    ] {
        let descriptors = [window, irq, b"\x79\x00"].concat();
        for (size, prefix) in [(descriptors.len() as u8, 1u8), (descriptors.len() as u8, 2)] {
            // Package length in one byte where it fits, or in two.
            let total = usize::from(prefix) + 2 + descriptors.len();
            let length = if prefix == 1 && total < 64 {
                vec![total as u8]
            } else {
                vec![0x40 | (total & 15) as u8, (total >> 4) as u8]
            };
            if length.len() != usize::from(prefix) {
                continue;
            }
            let aml = [
                b"\x5b\x82\x3cV000\x08_HID\x0dLNRO0005\0\x08_UID\0\x08_CRS\x11",
                &length[..],
                &[0x0a, size],
                &descriptors,
            ]
            .concat();
            assert_eq!(virtio_devices(&aml), [expected], "{aml:x?}");
        }
    }
}

/// No table, however broken, does harm: each byte of each table takes each of some values, each table ends anywhere.
#[test]
fn broken_tables_do_no_harm() {
    for at in 0..QEMU.len() {
        for value in [0, 1, 0x11, 0x3f, 0x7f, 0x80, 0xc3, 0xff] {
            let mut bytes = QEMU.to_vec();
            bytes[at] = value;
            let memory = Memory(vec![(QEMU_AT, bytes), (RSDP_AT, QEMU_RSDP.to_vec())]);
            let broken = Tables::read(&memory, Some(RSDP_AT));
            assert!(devices(&memory, Some(RSDP_AT)).len() <= 2);
            assert!(broken.is_none_or(|tables| tables.io_apics().len() <= 2));
        }
        // Past the checksums too.
        let aml = &QEMU[HEADER..472];
        for value in [0, 1, 0x11, 0x3f, 0x7f, 0x80, 0xc3, 0xff] {
            let mut broken = aml.to_vec();
            if let Some(byte) = broken.get_mut(at) {
                *byte = value;
            }
            assert!(virtio_devices(&broken).len() <= 2);
        }
        assert!(virtio_devices(&aml[..at.min(aml.len())]).len() <= 2);
    }
}

#[test]
fn a_table_is_taken_only_whole_and_sound() {
    let mut broken = qemu();
    broken.0[0].1[40] ^= 1;
    assert_eq!(
        devices(&broken, Some(RSDP_AT)),
        [],
        "the DSDT's checksum is wrong"
    );
    let mut broken = qemu();
    broken.0[1].1[9] ^= 1;
    assert_eq!(
        devices(&broken, Some(RSDP_AT)),
        [],
        "the root pointer's checksum is wrong"
    );
    assert_eq!(devices(&qemu(), Some(0x1234)), []);
    assert_eq!(devices(&qemu(), Some(u64::MAX - 100)), []);
    assert_eq!(devices(&Memory(Vec::new()), None), []);
    // A MADT entry of length zero must not be walked forever.
    let madt = Tables {
        tables: vec![[&b"APIC"[..], &[0; 40], &[1, 0, 0, 0]].concat()],
    };
    assert_eq!(madt.io_apics(), []);
}
