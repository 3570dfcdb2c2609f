//! Input and output of honest and hostile drivers.

use std::{
    fs::File,
    io::ErrorKind,
    os::unix::net::UnixDatagram,
    sync::{Arc, Mutex},
};

use vm_memory::{Bytes, GuestAddress};
use vmm_sys_util::eventfd::EventFd;

use super::*;
use crate::{
    devices::virtio::testing::{DATA, Rig, WRITE},
    input::Input,
    output::Output,
};

const RECEIVE: u32 = super::RECEIVE as u32;

fn rig(path: &std::path::Path) -> Rig {
    rig_with(path, Input::default())
}

/// A device that hears what the other end of the socket sends.
fn hearing() -> (UnixDatagram, Rig) {
    let (writer, socket) = UnixDatagram::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    (
        writer,
        rig_with("/dev/null".as_ref(), Input::new(socket).unwrap()),
    )
}

fn rig_with(path: &std::path::Path, input: Input) -> Rig {
    let file = File::create(path).unwrap();
    let wake = EventFd::new(libc::EFD_NONBLOCK).unwrap();
    let mut rig = Rig::new(Console::new(Output::new(file, wake), Arc::new(Mutex::new(input))));
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
fn input_fills_buffers_in_order_and_ends_with_an_empty_one() {
    let (writer, mut rig) = hearing();
    rig.ring(RECEIVE);
    assert_eq!(rig.used(RECEIVE), 0, "neither input nor buffers");
    writer.send(b"hello, world").unwrap();
    writer.send(b"!").unwrap();
    // Two pieces make one buffer; a message that does not fit goes on in the next one.
    rig.offer(RECEIVE, &[(DATA, 5, WRITE), (DATA + 0x100, 3, WRITE)]);
    rig.ring(RECEIVE);
    rig.offer(RECEIVE, &[(DATA + 0x200, 100, WRITE)]);
    rig.ring(RECEIVE);
    assert_eq!(rig.bytes(DATA, 5), b"hello");
    assert_eq!(rig.bytes(DATA + 0x100, 3), b", w");
    assert_eq!(rig.bytes(DATA + 0x200, 4), b"orld");
    rig.offer(RECEIVE, &[(DATA, 1, WRITE)]);
    rig.offer(RECEIVE, &[(DATA + 0x300, 4, WRITE)]);
    rig.offer(RECEIVE, &[(DATA + 0x400, 4, WRITE)]);
    rig.ring(RECEIVE);
    assert_eq!(rig.bytes(DATA, 1), b"!");
    assert_eq!(rig.used(RECEIVE), 3, "nothing is said unless something was heard");
    writer.send(b"").unwrap();
    rig.ring(RECEIVE);
    rig.ring(RECEIVE);
    assert_eq!(rig.used(RECEIVE), 4);
    let lengths: Vec<u32> = (0..4).map(|index| rig.used_element(RECEIVE, index).1).collect();
    assert_eq!(lengths, [8, 4, 1, 0]);
    let late = writer.send(b"more").unwrap_err();
    assert_eq!(
        late.kind(),
        ErrorKind::ConnectionRefused,
        "after the end nobody listens"
    );
}

#[test]
fn a_driver_that_does_not_read_holds_up_the_writer() {
    let (writer, mut rig) = hearing();
    let mut sent = 0;
    let full = loop {
        match writer.send(&[sent; 1000]) {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < u8::MAX, "the queue has no bound");
        rig.ring(RECEIVE);
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    // It reads after all: everything comes, and the writer has room again.
    for number in 0..sent {
        rig.offer(RECEIVE, &[(DATA, 1000, WRITE)]);
        rig.ring(RECEIVE);
        assert_eq!(rig.bytes(DATA, 1000), [number; 1000]);
    }
    writer.send(b"more").unwrap();
}

#[test]
fn a_buffer_that_cannot_be_written_breaks_the_device() {
    let (writer, mut rig) = hearing();
    writer.send(b"x").unwrap();
    rig.offer(RECEIVE, &[(DATA, 8, 0)]);
    rig.ring(RECEIVE);
    assert!(rig.is_broken());
    // The input is not lost with the driver's mistake.
    rig.activate(0, 2);
    rig.offer(RECEIVE, &[(DATA, 8, WRITE)]);
    rig.ring(RECEIVE);
    assert_eq!(rig.used_element(RECEIVE, 0).1, 1);
}

#[test]
fn hostile_drivers_are_survived() {
    for seed in 0..8 {
        rig("/dev/null".as_ref()).torment(seed, 20_000, 1 << 28 | (seed & 1) << 29, 2);
        let (writer, mut rig) = hearing();
        while writer.send(&[b'x'; 3000]).is_ok() {}
        rig.torment(seed, 20_000, 1 << 28 | (seed & 1) << 29, 2);
    }
}
