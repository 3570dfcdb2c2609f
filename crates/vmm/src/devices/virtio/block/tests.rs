//! Requests of honest and hostile drivers, against a real file.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use vm_memory::{Bytes, GuestAddress};

use super::*;
use crate::devices::virtio::testing::{DATA, Random, Rig, WRITE};

const HEADER_AT: u64 = DATA;
const STATUS_AT: u64 = DATA + 0x100;
const BUFFER: u64 = DATA + 0x1000;
const SECTORS: u64 = 16;

struct Disk(PathBuf);

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn rig(name: &str, is_read_only: bool) -> (Rig, Disk) {
    let path = std::env::temp_dir().join(format!("uigniter-block-{name}-{}", std::process::id()));
    let content: Vec<u8> = (0..SECTORS * SECTOR).map(|at| (at / SECTOR) as u8).collect();
    fs::write(&path, content).unwrap();
    let options = Options {
        id: "disk".to_owned(),
        is_read_only,
        flushes: true,
    };
    let backing = Backing::open(&path, options).unwrap();
    let mut rig = Rig::new(Block::new(backing));
    rig.activate(0, 1);
    (rig, Disk(path))
}

/// One request; its status and the length that the device reports.
fn request(rig: &mut Rig, kind: u32, sector: u64, buffers: &[(u64, u32, u16)]) -> (u8, u32) {
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&kind.to_le_bytes());
    header[8..].copy_from_slice(&sector.to_le_bytes());
    rig.memory.write_slice(&header, GuestAddress(HEADER_AT)).unwrap();
    rig.memory.write_obj(0x77u8, GuestAddress(STATUS_AT)).unwrap();
    // The header in two pieces: framing is the driver's choice (2.7.4).
    let mut chain = vec![(HEADER_AT, 5, 0), (HEADER_AT + 5, 11, 0)];
    chain.extend_from_slice(buffers);
    chain.push((STATUS_AT, 1, WRITE));
    let before = rig.used(0);
    rig.offer(0, &chain);
    rig.ring(0);
    assert_eq!(rig.used(0), before.wrapping_add(1));
    (rig.bytes(STATUS_AT, 1)[0], rig.used_element(0, before).1)
}

const OK: u8 = VIRTIO_BLK_S_OK as u8;
const IOERR: u8 = VIRTIO_BLK_S_IOERR as u8;

#[test]
fn reads_and_writes_reach_the_file() {
    let (mut rig, disk) = rig("rw", false);
    let halves = [(BUFFER, 700, WRITE), (BUFFER + 700, 324, WRITE)];
    assert_eq!(request(&mut rig, VIRTIO_BLK_T_IN, 3, &halves), (OK, 1025));
    assert_eq!(rig.bytes(BUFFER, 1024), [[3; 512], [4; 512]].concat());
    rig.memory
        .write_slice(&[0xab; 512], GuestAddress(BUFFER))
        .unwrap();
    assert_eq!(
        request(&mut rig, VIRTIO_BLK_T_OUT, 5, &[(BUFFER, 512, 0)]),
        (OK, 1)
    );
    assert_eq!(request(&mut rig, VIRTIO_BLK_T_FLUSH, 0, &[]), (OK, 1));
    assert_eq!(fs::read(&disk.0).unwrap()[5 * 512..6 * 512], [0xab; 512]);
}

#[test]
fn requests_out_of_bounds_are_refused_and_change_nothing() {
    let (mut rig, disk) = rig("bounds", false);
    let before = fs::read(&disk.0).unwrap();
    for (sector, length) in [
        (SECTORS, 512),
        (SECTORS - 1, 1024),
        (u64::MAX, 512),
        (u64::MAX / SECTOR, 1024),
        (0, 100),
    ] {
        for (kind, flags) in [(VIRTIO_BLK_T_IN, WRITE), (VIRTIO_BLK_T_OUT, 0)] {
            let (status, _) = request(&mut rig, kind, sector, &[(BUFFER, length, flags)]);
            assert_eq!(status, IOERR, "sector {sector}, {length} bytes");
        }
    }
    assert_eq!(fs::read(&disk.0).unwrap(), before);
    assert!(!rig.is_broken());
}

#[test]
fn a_read_only_disk_cannot_be_written() {
    let (mut rig, _disk) = rig("ro", true);
    assert_eq!(
        request(&mut rig, VIRTIO_BLK_T_OUT, 0, &[(BUFFER, 512, 0)]).0,
        IOERR
    );
    assert_ne!(rig.get(0x10) & (1 << VIRTIO_BLK_F_RO), 0);
}

#[test]
fn identification_and_unknown_requests() {
    let (mut rig, _disk) = rig("id", false);
    assert_eq!(
        request(&mut rig, VIRTIO_BLK_T_GET_ID, 0, &[(BUFFER, 20, WRITE)]),
        (OK, 21)
    );
    assert_eq!(rig.bytes(BUFFER, 20), b"disk\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(request(&mut rig, 99, 0, &[]).0, VIRTIO_BLK_S_UNSUPP as u8);
}

#[test]
fn a_file_that_shrinks_gives_errors() {
    let (mut rig, disk) = rig("shrink", false);
    File::options()
        .write(true)
        .open(&disk.0)
        .unwrap()
        .set_len(512)
        .unwrap();
    assert_eq!(
        request(&mut rig, VIRTIO_BLK_T_IN, 2, &[(BUFFER, 512, WRITE)]).0,
        IOERR
    );
}

#[test]
fn another_file_can_take_its_place() {
    let (mut rig, disk) = rig("swap", false);
    let options = Options {
        id: "disk".to_owned(),
        is_read_only: false,
        flushes: false,
    };
    let backing = Backing::open(&disk.0, options).unwrap();
    let mut other = Rig::new(Block::new(backing.clone()));
    other.activate(0, 1);
    assert_eq!(other.get(0x100), SECTORS as u32);
    File::options()
        .write(true)
        .open(&disk.0)
        .unwrap()
        .set_len(1 << 20)
        .unwrap();
    backing.replace(&disk.0).unwrap();
    lock(&other.device).config_changed();
    assert_eq!(other.get(0x100), 2048);
    assert_eq!(other.get(0x60), 2, "the driver is told");
    assert!(backing.replace("/nonexistent".as_ref()).is_err());
    assert_eq!(
        request(&mut rig, VIRTIO_BLK_T_IN, 0, &[(BUFFER, 512, WRITE)]).0,
        OK
    );
}

#[test]
fn hostile_drivers_are_survived() {
    let before = METRICS.block_requests.get();
    for seed in 0..8 {
        let (mut rig, _disk) = rig(&format!("torment{seed}"), seed % 3 == 0);
        // Headers of requests where descriptors mostly point, so that many get past the first check.
        let mut random = Random::new(seed);
        for at in 0..0x400 {
            let header = [random.below(10), random.below(SECTORS + 2)];
            for (word, value) in header.iter().enumerate() {
                let address = GuestAddress(DATA + at * 16 + word as u64 * 8);
                rig.memory.write_obj(*value, address).unwrap();
            }
        }
        rig.torment(seed, 10_000, 1 << 28 | (seed & 1) << 29, 1);
    }
    let done = METRICS.block_requests.get() - before;
    assert!(
        done > 1000,
        "the torment must get past the rings to be one: {done}"
    );
}
