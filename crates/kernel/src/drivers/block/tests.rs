use super::*;
use crate::drivers::virtio::fake::{Chain, Fake, SCATTER_BIT, Spec, alloc_low};
use std::sync::{Arc, Mutex};

const SECTORS: u64 = 4096;

/// The longest request that the host saw, as (descriptors, bytes).
type Seen = Arc<Mutex<Vec<(usize, usize)>>>;

/// A disk as a host has it.
struct Disk {
    fake: Arc<Fake>,
    content: Arc<Mutex<Vec<u8>>>,
    seen: Seen,
}

fn content() -> Vec<u8> {
    (0..SECTORS as usize * SECTOR_SIZE)
        .map(|at| (at / SECTOR_SIZE * 7 + at) as u8)
        .collect()
}

fn spec(features: u64, size_max: u32, seg_max: u32) -> Spec {
    let mut config = SECTORS.to_le_bytes().to_vec();
    config.extend(size_max.to_le_bytes());
    config.extend(seg_max.to_le_bytes());
    Spec::new(2, features, &config)
}

/// Neighbouring pages are far apart for the device.
fn scatter(address: u64) -> Option<u64> {
    Some(if address & 0x1000 == 0 {
        address
    } else {
        address | SCATTER_BIT
    })
}

impl Disk {
    fn new(spec: Spec) -> Self {
        let disk = Self {
            fake: Fake::new(spec),
            content: Arc::new(Mutex::new(content())),
            seen: Seen::default(),
        };
        let (content, seen) = (disk.content.clone(), disk.seen.clone());
        disk.fake.serve(move |_, chain| {
            seen.lock()
                .unwrap()
                .push((chain.descriptors, chain.room() + chain.input.len() - 17));
            answer(chain, &mut content.lock().unwrap());
        });
        disk
    }

    fn open(&self, translate: fn(u64) -> Option<u64>) -> VirtioBlock {
        let mut device = Device::probe(self.fake.clone(), 5, true).unwrap().unwrap();
        device.set_alloc(alloc_low);
        VirtioBlock::new(device, translate).unwrap()
    }
}

/// virtio 1.2, 5.2.6, from the device's side.
fn answer(chain: &mut Chain, disk: &mut [u8]) {
    let word = |at: usize| u64::from_le_bytes(chain.input[at..at + 8].try_into().unwrap());
    let (kind, sector) = (word(0) as u32, word(8) as usize);
    let at = sector * SECTOR_SIZE;
    match kind {
        0 => {
            let bytes = disk[at..at + chain.room() - 1].to_vec();
            chain.write(&bytes);
        }
        1 => disk[at..at + chain.input.len() - 16].copy_from_slice(&chain.input[16..]),
        4 => {}
        8 => chain.write(b"root-drive\0\0\0\0\0\0\0\0\0\0"),
        _ => return chain.write(&[2]),
    }
    chain.write(&[0]);
}

/// Devices of every shape read and write the same, at every alignment.
#[test]
fn all_of_it_comes_and_goes() {
    for (name, spec) in [
        ("Firecracker: one segment", spec(0, 0, 0)),
        ("segments", spec(F_SEG_MAX, 0, 126)),
        ("few segments", spec(F_SEG_MAX, 0, 3)),
        ("small segments", spec(F_SEG_MAX | F_SIZE_MAX, 1000, 16)),
        ("small and single", spec(F_SIZE_MAX, 700, 0)),
        (
            "a tiny queue",
            Spec {
                queue_max: 4,
                ..spec(F_SEG_MAX, 0, 126)
            },
        ),
        ("legacy", spec(F_SEG_MAX, 0, 126).legacy()),
    ] {
        for (translate, misalign) in [
            (dma::translate as fn(u64) -> _, 0),
            (scatter, 0),
            (scatter, 100),
            (scatter, 4095),
        ] {
            let disk = Disk::new(spec.clone());
            let device = disk.open(translate);
            let original = content();
            for (sector, sectors) in [(0, 1), (1, 8), (SECTORS - 1, 1), (17, 2048), (0, 0), (0, SECTORS)] {
                let (at, len) = (sector as usize * SECTOR_SIZE, sectors as usize * SECTOR_SIZE);
                let mut buffer = vec![0u8; len + misalign + 4096];
                let start = buffer.as_ptr().align_offset(4096) + misalign;
                buffer.resize(start + len, 0);
                device.read(sector, &mut buffer[start..]).unwrap();
                assert!(
                    buffer[start..] == original[at..at + len],
                    "{name}: {sectors} sectors at {sector}, +{misalign}"
                );
                buffer[start..].iter_mut().for_each(|byte| *byte = !*byte);
                device.write(sector, &buffer[start..]).unwrap();
                assert!(
                    disk.content.lock().unwrap()[at..at + len] == buffer[start..],
                    "{name}: write"
                );
                device.write(sector, &original[at..at + len]).unwrap();
            }
            assert!(
                *disk.content.lock().unwrap() == original,
                "{name}: nothing else was written"
            );
        }
    }
}

/// The exits that a program of 1 MiB costs: one doorbell, few requests.
#[test]
fn large_reads_take_few_requests() {
    for (translate, seg_max, requests, doorbells) in [
        (dma::translate as fn(u64) -> _, 126, 1, 1),
        (scatter, 126, 3, 2),
        (scatter, 1, 256, 4),
    ] {
        let disk = Disk::new(spec(F_SEG_MAX, 0, seg_max));
        let device = disk.open(translate);
        let mut buffer = vec![0u8; (1 << 20) + 4096];
        let start = buffer.as_ptr().align_offset(4096);
        device.read(0, &mut buffer[start..start + (1 << 20)]).unwrap();
        let seen = disk.seen.lock().unwrap();
        assert_eq!(
            (seen.len(), disk.fake.doorbells(0)),
            (requests, doorbells),
            "{seen:?}"
        );
    }
}

#[test]
fn a_disk_costs_few_exits_to_set_up() {
    let disk = Disk::new(spec(F_SEG_MAX, 0, 126));
    let _device = disk.open(dma::translate);
    assert!(disk.fake.accesses() <= 26, "{}", disk.fake.accesses());
}

#[test]
fn what_cannot_be_is_refused_without_asking_the_device() {
    let disk = Disk::new(spec(F_RO, 0, 0));
    let device = disk.open(|_| None);
    let mut sector = [0u8; SECTOR_SIZE];
    assert!(device.read_only());
    assert_eq!(device.write(0, &sector), Err(BlockError::ReadOnly));
    assert_eq!(device.read(0, &mut sector[..100]), Err(BlockError::Unaligned));
    assert_eq!(device.read(SECTORS, &mut sector), Err(BlockError::OutOfRange));
    assert_eq!(device.read(u64::MAX, &mut sector), Err(BlockError::OutOfRange));
    assert_eq!(device.read(0, &mut sector), Err(BlockError::BadAddress));
    assert_eq!(device.flush(), Ok(()), "no volatile cache");
    assert_eq!(disk.fake.doorbells(0), 0);
}

#[test]
fn identity_and_flush() {
    let disk = Disk::new(spec(F_FLUSH, 0, 0));
    let device = disk.open(dma::translate);
    assert_eq!(device.id(), "root-drive");
    assert_eq!(device.flush(), Ok(()));
    assert_eq!(disk.fake.doorbells(0), 2);
}

#[test]
fn the_devices_errors_come_through() {
    for (status, expected) in [
        (&[1][..], BlockError::Io),
        (&[2], BlockError::Unsupported),
        (&[], BlockError::Io),
    ] {
        let disk = Disk::new(spec(F_SEG_MAX, 0, 8));
        let device = disk.open(dma::translate);
        disk.fake.serve(move |_, chain| {
            chain.write(&vec![0xaa; chain.room() - 1]);
            chain.write(status);
        });
        assert_eq!(device.read(0, &mut [0; 1024]), Err(expected));
        // The slot is free again.
        assert_eq!(device.requests.lock().collect(0), Ok(()));
        disk.fake.serve(|_, chain| answer(chain, &mut content()));
        assert_eq!(device.read(0, &mut [0; 1024]), Ok(()));
    }
}

/// A device that breaks the protocol gives an error, now and ever after, and no waiting thread stays behind.
#[test]
fn a_lying_device_is_an_error() {
    let disk = Disk::new(spec(F_SEG_MAX, 0, 8));
    let device = disk.open(dma::translate);
    let mut mine = 0;
    let mut buffer = [0u8; 512];
    let mut transfer = Transfer::new(Kind::Read, 0, buffer.as_mut_ptr() as u64, buffer.len());
    device.requests.lock().submit(&mut transfer, &mut mine).unwrap();
    assert!(!device.requests.lock().finished(mine));
    disk.fake.forge_used(0, 77, 1);
    assert!(device.requests.lock().finished(mine));
    assert_eq!(device.requests.lock().collect(mine), Err(BlockError::Io));
    assert_eq!(device.read(0, &mut buffer), Err(BlockError::Io));
    assert_eq!(device.read(0, &mut buffer), Err(BlockError::Io));
}

/// Two threads' requests are in flight at once; each is finished by its own, and the interrupts that are asked for cover both.
#[test]
fn requests_of_several_threads_are_told_apart() {
    let disk = Disk::new(spec(F_SEG_MAX, 0, 8));
    let device = disk.open(dma::translate);
    let mut buffers = [[0u8; 512]; 2];
    let mut mine = [0; 2];
    for (index, buffer) in buffers.iter_mut().enumerate() {
        let mut transfer = Transfer::new(Kind::Read, index as u64, buffer.as_mut_ptr() as u64, buffer.len());
        device
            .requests
            .lock()
            .submit(&mut transfer, &mut mine[index])
            .unwrap();
    }
    let chains = [disk.fake.take(0).unwrap(), disk.fake.take(0).unwrap()];
    let finish = |mut chain: Chain| {
        answer(&mut chain, &mut content());
        disk.fake.finish(0, &chain);
    };
    let [first, second] = chains;
    finish(second);
    assert_eq!(
        disk.fake.interrupts(0),
        1,
        "asked for when the first was submitted: one is finished"
    );
    device.serve_interrupt();
    assert!(!device.requests.lock().finished(mine[0]) && device.requests.lock().finished(mine[1]));
    finish(first);
    assert_eq!(disk.fake.interrupts(0), 2, "asked for again");
    assert!(device.requests.lock().finished(mine[0]));
    for (index, set) in mine.into_iter().enumerate() {
        assert_eq!(device.requests.lock().collect(set), Ok(()));
        assert_eq!(buffers[index][..], content()[index * 512..][..512]);
    }
}
