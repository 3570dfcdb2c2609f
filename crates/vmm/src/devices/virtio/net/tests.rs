//! Frames through a real tap, in a network namespace that the test's own thread makes.

use std::{
    fs::OpenOptions,
    io,
    os::fd::AsRawFd,
    sync::atomic::{AtomicBool, Ordering},
};

use vm_memory::{Bytes, GuestAddress};

use super::*;
use crate::devices::virtio::testing::{DATA, Rig, WRITE, base};

/// Moves this thread, and only it, into a new namespace with a tap "tap0" that is up.
///
/// `TUNSETPERSIST` keeps the tap when the descriptor that made it closes; it goes with the namespace.
fn namespace_with_tap() {
    // SAFETY: affects this thread only; tests run on threads of their own.
    let done = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    assert_eq!(
        done,
        0,
        "these tests need root, to make a network namespace: {}",
        io::Error::last_os_error()
    );
    // The host's stack has nothing to say on the tap then. Hosts without IPv6 have no such file, and nothing to say either.
    let _ = std::fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    let tun = OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    let tun = tun.expect("these tests need /dev/net/tun");
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_flags: (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as libc::c_short,
        },
    };
    for (to, from) in request.ifr_name.iter_mut().zip(b"tap0") {
        *to = *from as libc::c_char;
    }
    // SAFETY: each ioctl reads or writes one ifreq, or takes its argument by value; the socket is closed at the end.
    unsafe {
        assert_eq!(libc::ioctl(tun.as_raw_fd(), libc::TUNSETIFF, &raw mut request), 0);
        assert_eq!(libc::ioctl(tun.as_raw_fd(), libc::TUNSETPERSIST, 1), 0);
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_NOARP) as libc::c_short;
        assert_eq!(libc::ioctl(socket, libc::SIOCSIFFLAGS, &raw const request), 0);
        libc::close(socket);
    }
}

/// A socket that sees and sends raw frames on the host's side of the tap.
struct Wire(libc::c_int);

impl Wire {
    fn new() -> Self {
        // SAFETY: plain system calls with a local address structure; the descriptor is closed on drop.
        unsafe {
            let fd = libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0x0300);
            let address = libc::sockaddr_ll {
                sll_family: libc::AF_PACKET as u16,
                sll_protocol: 0x0300,
                sll_ifindex: libc::if_nametoindex(c"tap0".as_ptr()) as i32,
                sll_hatype: 0,
                sll_pkttype: 0,
                sll_halen: 0,
                sll_addr: [0; 8],
            };
            let length = size_of_val(&address) as u32;
            assert_eq!(libc::bind(fd, (&raw const address).cast(), length), 0);
            Self(fd)
        }
    }

    fn send(&self, frame: &[u8]) {
        // SAFETY: the slice is valid for its length.
        let sent = unsafe { libc::send(self.0, frame.as_ptr().cast(), frame.len(), 0) };
        assert_eq!(sent, frame.len() as isize);
    }

    /// The next frame with our mark.
    fn receive(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65536];
        loop {
            // SAFETY: the buffer is valid for its length.
            let count = unsafe { libc::recv(self.0, buffer.as_mut_ptr().cast(), buffer.len(), 0) };
            assert!(count > 0, "{}", io::Error::last_os_error());
            if buffer[12..14] == TYPE {
                return buffer[..count as usize].to_vec();
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours.
        unsafe { libc::close(self.0) };
    }
}

/// An EtherType for experiments (IEEE 802, 0x88b5).
const TYPE: [u8; 2] = [0x88, 0xb5];

fn frame(length: usize, fill: u8) -> Vec<u8> {
    let mut frame = vec![fill; length];
    frame[..12].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
    frame[12..14].copy_from_slice(&TYPE);
    frame
}

fn rig(features: u64) -> Rig {
    namespace_with_tap();
    let backing = Backing {
        tap: Tap::open("tap0").unwrap().into(),
        mac: Some(MacAddress::try_from("02:00:00:00:00:02".to_owned()).unwrap()),
    };
    let mut rig = Rig::new(Net::new(backing));
    rig.activate(features, 2);
    rig
}

/// Lets the device receive until `count` buffers are used; other frames of the host's stack are told apart by their type.
fn received(rig: &Rig, from: u16) -> Vec<(u32, u32)> {
    rig.ring(0);
    (from..rig.used(0))
        .map(|index| rig.used_element(0, index))
        .collect()
}

const MERGEABLE: u64 = 1 << VIRTIO_NET_F_MRG_RXBUF;

#[test]
fn frames_go_out_from_several_pieces() {
    let mut rig = rig(0);
    let wire = Wire::new();
    let sent = frame(100, 7);
    rig.memory.write_slice(&sent, GuestAddress(DATA + 0x100)).unwrap();
    rig.offer(
        1,
        &[(DATA, 12, 0), (DATA + 0x100, 14, 0), (DATA + 0x100 + 14, 86, 0)],
    );
    // Too short for an Ethernet frame, and one whose header asks for nonsense: both are lost, and harm nothing.
    rig.offer(1, &[(DATA, 20, 0)]);
    rig.memory
        .write_slice(&[0xff; 12], GuestAddress(DATA + 0x1000))
        .unwrap();
    rig.offer(1, &[(DATA + 0x1000, 12, 0), (DATA + 0x100, 100, 0)]);
    rig.ring(1);
    assert_eq!(rig.used(1), 3);
    assert_eq!(wire.receive(), sent);
    assert!(!rig.is_broken());
}

#[test]
fn frames_come_in_with_their_length() {
    let mut rig = rig(0);
    let wire = Wire::new();
    let sent = frame(200, 9);
    for _ in 0..4 {
        rig.offer(0, &[(DATA, 2048, WRITE)]);
    }
    wire.send(&sent);
    // The host's stack may have said something of its own before.
    let all = received(&rig, 0);
    let ours = all.iter().find(|(_, length)| *length == 212);
    assert!(ours.is_some(), "{all:?}");
    assert!(rig.line.read().is_ok());
}

#[test]
fn section_5_1_6_4_a_long_frame_takes_several_buffers() {
    let mut rig = rig(MERGEABLE);
    let wire = Wire::new();
    let sent = frame(1400, 5);
    for index in 0..8 {
        rig.offer(0, &[(DATA + index * 512, 512, WRITE)]);
    }
    let already = received(&rig, 0).len() as u16;
    wire.send(&sent);
    let parts = received(&rig, already);
    assert_eq!(
        parts.iter().map(|(_, length)| *length).collect::<Vec<_>>(),
        [512, 512, 388]
    );
    let mut bytes = Vec::new();
    for (head, length) in &parts {
        bytes.extend(rig.bytes(DATA + u64::from(*head) * 512, *length as usize));
    }
    assert_eq!(bytes[NUM_BUFFERS..HEADER], 3u16.to_le_bytes());
    assert_eq!(bytes[HEADER..], sent);
    // Buffers that were looked at and not needed are still the driver's.
    wire.send(&frame(60, 6));
    let next = received(&rig, already + 3);
    assert_eq!(next, [(u32::from(already) + 3, 72)]);
}

/// A driver that polls takes what it finds: a frame of which only some buffers are there yet would be lost.
#[test]
fn section_5_1_6_4_all_buffers_of_a_frame_come_at_once() {
    const FRAMES: usize = 500;
    let mut rig = rig(MERGEABLE);
    let wire = Wire::new();
    let stop = AtomicBool::new(false);
    let memory = Arc::clone(&rig.memory);
    let used_index = GuestAddress(base(0) + 0x2002);
    let odd = std::thread::scope(|scope| {
        let (stop, memory) = (&stop, &memory);
        let reader = scope.spawn(move || {
            let mut odd = 0;
            while !stop.load(Ordering::Relaxed) {
                let index: u16 = memory.load(used_index, Ordering::Acquire).unwrap();
                odd += usize::from(!index.is_multiple_of(8));
            }
            odd
        });
        let sent = frame(8 * 128 - HEADER, 5);
        for _ in 0..FRAMES {
            for index in 0..8 {
                rig.offer(0, &[(DATA + index * 128, 128, WRITE)]);
            }
            wire.send(&sent);
            rig.ring(0);
        }
        stop.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    // The first eight buffers alone are too few for the longest frame, so the last frame still waits.
    assert_eq!(
        rig.used(0),
        8 * (FRAMES as u16 - 1),
        "frames were lost, or others came between"
    );
    assert_eq!(odd, 0, "so often a part of a frame was to be seen");
}

/// The wish for an interrupt may lie anywhere within what a frame of several buffers has moved the index over.
#[test]
fn section_2_7_10_a_frame_of_several_buffers_interrupts_once() {
    let mut rig = rig(MERGEABLE | 1 << 29);
    let wire = Wire::new();
    for index in 0..15 {
        rig.offer(0, &[(DATA + index * 512, 512, WRITE)]);
    }
    let start = received(&rig, 0).len() as u16;
    let wish = GuestAddress(base(0) + 0x1000 + 4 + 2 * 16);
    let interrupted = |event: u16| {
        rig.memory.write_obj(event, wish).unwrap();
        let _ = rig.line.read();
        wire.send(&frame(1400, 5));
        rig.ring(0);
        rig.line.read().is_ok()
    };
    assert!(interrupted(start), "the first of three");
    assert!(interrupted(start + 4), "the second");
    assert!(!interrupted(start + 9), "one that is not reached");
    assert!(!interrupted(start + 2), "one from before");
}

#[test]
fn a_starved_device_goes_on_when_buffers_come() {
    let mut rig = rig(1 << 29);
    let wire = Wire::new();
    assert_eq!(received(&rig, 0), []);
    wire.send(&frame(60, 1));
    assert_eq!(received(&rig, 0), [], "no buffer, no frame");
    for _ in 0..8 {
        rig.offer(0, &[(DATA, 2048, WRITE)]);
    }
    assert!(received(&rig, 0).iter().any(|(_, length)| *length == 72));
}

#[test]
fn taps_that_cannot_be_used_are_named() {
    namespace_with_tap();
    let message = |name: &str| Tap::open(name).unwrap_err().to_string();
    assert!(message("tap1").contains("there is no tap 'tap1'"));
    assert!(message("lo").contains("cannot attach to 'lo'"));
    assert!(message("").contains("not a network interface name"));
    assert!(message("a/b").contains("not a network interface name"));
    assert!(message("averyveryverylongname").contains("not a network interface name"));
    let _held = Tap::open("tap0").unwrap();
    assert!(message("tap0").contains("no other process holds"));
}

#[test]
fn hostile_drivers_are_survived() {
    let mut rig = rig(0);
    let wire = Wire::new();
    let offered = rig.get(0x10);
    for seed in 0..8 {
        for _ in 0..50 {
            wire.send(&frame(300, 3));
        }
        let features = match seed % 4 {
            0 => 0,
            1 => MERGEABLE,
            2 => u64::from(offered),
            _ => MERGEABLE | 1 << 29,
        };
        rig.torment(seed, 5_000, features, 2);
    }
}
