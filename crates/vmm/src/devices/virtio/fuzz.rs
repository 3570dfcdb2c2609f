//! Fuzz targets: rings, descriptors and registers of a hostile driver.

use std::{
    cell::RefCell,
    fs,
    fs::File,
    os::unix::net::UnixDatagram,
    sync::{Arc, Mutex},
};

use uigniter_fuzz::{Reader, run};
use vm_memory::{Bytes, GuestAddress};
use vmm_sys_util::eventfd::EventFd;

use super::{
    block::{Backing, Block, Options},
    console::Console,
    rng::Rng,
    testing::{DATA, INDIRECT, MEMORY, Rig, base, descriptor},
};
use crate::{input::Input, output::Output};

/// A descriptor of the input: places are those that matter.
fn read_descriptor(reader: &mut Reader<'_>) -> [u8; 16] {
    let address = match reader.u8() % 8 {
        0 => reader.u64(),
        1 => MEMORY - u64::from(reader.u8()),
        2 => base(0) + u64::from(reader.u16() % 0x3000),
        _ => DATA + u64::from(reader.u16()),
    };
    let length = match reader.u8() % 4 {
        0 => reader.u32(),
        _ => u32::from(reader.u16() % 0x1200),
    };
    descriptor(
        address,
        length,
        u16::from(reader.u8() % 9),
        u16::from(reader.u8() % 18),
    )
}

fn play(rig: &mut Rig, input: &[u8], queues: u32) {
    let mut reader = Reader::new(input);
    rig.activate(u64::from(reader.u8() % 4) << 28, queues);
    rig.memory
        .write_slice(&[0; 0x1_2000], GuestAddress(DATA))
        .unwrap();
    while !reader.is_empty() {
        let queue = u32::from(reader.u8()) % queues;
        match reader.u8() % 8 {
            0 => {
                let at = base(queue) + u64::from(reader.u16() % 0x3000);
                let _ = rig.memory.write_slice(reader.bytes(8), GuestAddress(at));
            }
            1 => rig.set(u64::from(reader.u8() % 0x40) * 4, reader.u32()),
            2 => rig.window.read(
                u64::from(reader.u16() % 0x1000),
                &mut [0; 8][..1 << (reader.u8() % 4)],
            ),
            3 => {
                let table = DATA + 0x8000;
                for entry in 0..u64::from(reader.u8() % 9) {
                    let bytes = read_descriptor(&mut reader);
                    rig.memory
                        .write_slice(&bytes, GuestAddress(table + entry * 16))
                        .unwrap();
                }
                rig.offer(queue, &[(table, u32::from(reader.u8()), INDIRECT)]);
            }
            4 | 5 => {
                let index = u16::from(reader.u8() % 16);
                let bytes = read_descriptor(&mut reader);
                let at = GuestAddress(base(queue) + u64::from(index) * 16);
                rig.memory.write_slice(&bytes, at).unwrap();
                if reader.u8().is_multiple_of(2) {
                    rig.publish(queue, index);
                }
            }
            6 => {
                // What a device reads as a request.
                let at = DATA + u64::from(reader.u8()) * 16;
                let _ = rig.memory.write_slice(reader.bytes(16), GuestAddress(at));
            }
            _ => rig.ring(queue),
        }
    }
    for queue in 0..queues {
        rig.ring(queue);
    }
}

/// One chain of a plain and a device-written buffer, and the doorbell.
const CHAIN: &[u8] = &[
    0, 0, 6, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 3, 0, 0, 1, 16, 0, 1, 1, 1, 0, 4, 1,
    3, 0, 2, 1, 0, 2, 2, 0, 1, 0, 7,
];

fn target(name: &str, rig: Rig, queues: u32) {
    let rig = RefCell::new(rig);
    run(name, &[CHAIN], |input| play(&mut rig.borrow_mut(), input, queues));
}

#[test]
fn fuzz_block_rings() {
    let path = std::env::temp_dir().join(format!("uigniter-fuzz-block-{}", std::process::id()));
    fs::write(&path, vec![1; 64 << 10]).unwrap();
    let options = Options {
        id: "disk".to_owned(),
        is_read_only: false,
        flushes: true,
    };
    let backing = Backing::open(&path, options).unwrap();
    target("block-rings", Rig::new(Block::new(backing)), 1);
    fs::remove_file(path).unwrap();
}

#[test]
fn fuzz_console_rings() {
    let wake = EventFd::new(libc::EFD_NONBLOCK).unwrap();
    let output = Output::new(File::create("/dev/null").unwrap(), wake);
    let (writer, socket) = UnixDatagram::pair().unwrap();
    for length in [1, 600, 9000] {
        writer.send(&vec![7; length]).unwrap();
    }
    let input = Arc::new(Mutex::new(Input::new(socket).unwrap()));
    target("console-rings", Rig::new(Console::new(output, input)), 2);
}

#[test]
fn fuzz_rng_rings() {
    target("rng-rings", Rig::new(Rng), 1);
}
