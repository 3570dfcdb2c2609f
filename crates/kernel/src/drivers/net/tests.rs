use super::*;
use crate::drivers::{
    net::{TxChecksum, TxSegmentation},
    virtio::fake::{Chain, Fake, Spec},
};
use std::sync::Arc;

const MAC: [u8; 6] = [0x52, 0x54, 0, 1, 2, 3];

fn spec(features: u64) -> Spec {
    let mut config = MAC.to_vec();
    config.extend([0, 0, 0, 0]);
    config.extend(9000u16.to_le_bytes());
    Spec::new(1, features, &config)
}

fn open(spec: Spec) -> (Arc<Fake>, VirtioNet) {
    let fake = Fake::new(spec);
    let device = Device::probe(fake.clone(), 5, true).unwrap().unwrap();
    let interface = VirtioNet::probe(device).unwrap();
    (fake, interface)
}

fn frame(len: usize, seed: u8) -> Vec<u8> {
    (0..len)
        .map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed))
        .collect()
}

/// Puts a frame into as many buffers as it takes, with `claim` as the count in the header (the true one if `None`).
fn deliver(fake: &Fake, flags: u8, frame: &[u8], claim: Option<u16>) {
    let mut bytes = vec![0; 12];
    bytes[0] = flags;
    bytes.extend(frame);
    let mut chains: Vec<Chain> = Vec::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let mut chain = fake.take(RECEIVE).expect("a buffer");
        let count = rest.len().min(chain.room());
        chain.write(&rest[..count]);
        rest = &rest[count..];
        chains.push(chain);
    }
    let count = claim.unwrap_or(chains.len() as u16);
    chains[0].patch(10, &count.to_le_bytes());
    chains.iter().for_each(|chain| fake.finish(RECEIVE, chain));
}

#[test]
fn features_decide_what_is_offered() {
    let (_, interface) = open(spec(0));
    assert_eq!(
        (interface.mtu(), interface.capabilities()),
        (1500, NetCaps::default())
    );
    let all = F_CSUM | F_GUEST_CSUM | F_MTU | F_MAC | F_GUEST_TSO4 | F_HOST_TSO4 | F_MRG_RXBUF;
    let (fake, interface) = open(spec(all));
    let capabilities = NetCaps {
        tx_checksum: true,
        rx_checksum: true,
        tso4: true,
        large_receive: true,
    };
    assert_eq!(
        (interface.mac(), interface.mtu(), interface.capabilities()),
        (MAC, 9000, capabilities)
    );
    assert_eq!(fake.driver_features() & all, all);
    // Long packets only where short buffers can hold them together.
    let (fake, interface) = open(spec(all & !F_MRG_RXBUF));
    assert!(!interface.capabilities().large_receive);
    assert_eq!(fake.driver_features() & F_GUEST_TSO4, 0);
}

#[test]
fn frames_come_in_and_buffers_go_round() {
    for features in [F_MAC, F_MAC | F_MRG_RXBUF | F_GUEST_CSUM] {
        let (fake, mut interface) = open(spec(features));
        assert_eq!(
            fake.doorbells(RECEIVE),
            1,
            "the device is told of its buffers once"
        );
        let mut held = Vec::new();
        for round in 0..1000usize {
            let sent = frame(60 + round % 1400, round as u8);
            deliver(
                &fake,
                if round % 2 == 0 { FLAG_DATA_VALID } else { 0 },
                &sent,
                None,
            );
            let received = interface.receive().expect("a frame");
            assert_eq!(received[..], sent[..]);
            assert_eq!(received.checksum_verified(), round % 2 == 0);
            assert!(interface.receive().is_none());
            held.push(received);
            if held.len() > 40 {
                held.swap_remove(round % held.len());
            }
        }
    }
}

#[test]
fn merged_frames_are_whole() {
    let (fake, mut interface) = open(spec(F_MRG_RXBUF | F_GUEST_CSUM | F_GUEST_TSO4));
    let mut held = Vec::new();
    for round in 0..200usize {
        let sent = frame(1 + round * 4099 % MAX, round as u8);
        deliver(&fake, FLAG_NEEDS_CHECKSUM, &sent, None);
        let received = interface.receive().expect("a frame");
        assert!(received[..] == sent[..], "{} bytes", sent.len());
        // Some stay a while, so that buffers come back in disorder.
        if round % 3 == 0 && sent.len() < 5000 {
            held.push(received);
        } else {
            drop(received);
        }
        if held.len() == 5 {
            held.drain(..).rev().for_each(drop);
        }
        interface.kick();
    }
}

const MAX: usize = 65_536 + 14;

/// A device that miscounts loses frames, its own, and nothing else; one that breaks the ring is dead, and nothing hangs.
#[test]
fn a_lying_device_loses_frames_only() {
    let (fake, mut interface) = open(spec(F_MRG_RXBUF));
    for claim in [2, 3, 200, u16::MAX] {
        deliver(&fake, 0, &frame(100, 1), Some(claim));
        assert!(interface.receive().is_none(), "{claim}");
    }
    // Zero means nothing sensible and is taken as one.
    deliver(&fake, 0, &frame(100, 2), Some(0));
    assert_eq!(interface.receive().unwrap()[..], frame(100, 2)[..]);
    // Shorter than a header, and no frame behind one.
    for written in [0, 5, 12] {
        let mut chain = fake.take(RECEIVE).unwrap();
        chain.write(&vec![0; written]);
        fake.finish(RECEIVE, &chain);
        assert!(interface.receive().is_none(), "{written}");
    }
    // None of that cost a buffer.
    for round in 0..300 {
        deliver(&fake, 0, &frame(100, round as u8), None);
        assert_eq!(interface.receive().unwrap()[..], frame(100, round as u8)[..]);
        interface.kick();
    }
    fake.forge_used(RECEIVE, 4711, 100);
    assert!(interface.receive().is_none());
    fake.forge_used(TRANSMIT, 4711, 0);
    for _ in 0..300 {
        let _ = interface.send(100, TxOptions::default(), &mut |_| ());
    }
    assert_eq!(
        interface.send(100, TxOptions::default(), &mut |_| panic!("filled")),
        Err(SendQueueFull)
    );
    assert!(!interface.can_send());
    interface.kick();
}

#[test]
fn frames_go_out_in_batches() {
    let (fake, mut interface) = open(spec(F_CSUM | F_HOST_TSO4));
    let checksum = Some(TxChecksum {
        start: 34,
        offset: 16,
    });
    let sizes = [60, 1514, 65_550, 3000];
    for (index, size) in sizes.into_iter().enumerate() {
        let segmentation = (size > 1514).then_some(TxSegmentation {
            header_len: 54,
            segment_size: 1460,
        });
        let options = if index == 0 {
            TxOptions::default()
        } else {
            TxOptions {
                checksum,
                segmentation,
            }
        };
        interface
            .send(size, options, &mut |bytes| {
                bytes.copy_from_slice(&frame(size, index as u8))
            })
            .unwrap();
    }
    assert_eq!(fake.doorbells(TRANSMIT), 0);
    interface.kick();
    assert_eq!(fake.doorbells(TRANSMIT), 1);
    for (index, size) in sizes.into_iter().enumerate() {
        let chain = fake.take(TRANSMIT).unwrap();
        let (header, sent) = chain.input.split_at(12);
        assert!(sent == frame(size, index as u8), "{size}");
        let expected: &[u8] = match (index, size) {
            (0, _) => &[0; 12],
            (_, 1514) => &[1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0],
            _ => &[1, 1, 54, 0, 0xb4, 5, 34, 0, 16, 0, 0, 0],
        };
        assert_eq!(header, expected);
        fake.finish(TRANSMIT, &chain);
    }
    assert_eq!(fake.interrupts(TRANSMIT), 0, "completions are noticed without");
}

#[test]
fn a_full_queue_says_so_and_when_it_is_not() {
    let (fake, mut interface) = open(spec(0));
    let mut sent = 0;
    while interface.can_send() {
        interface
            .send(1000, TxOptions::default(), &mut |bytes| bytes.fill(sent as u8))
            .unwrap();
        sent += 1;
    }
    assert_eq!(sent, usize::from(QUEUE_SIZE));
    assert_eq!(
        interface.send(1000, TxOptions::default(), &mut |_| panic!("filled")),
        Err(SendQueueFull)
    );
    assert!(!interface.wait_for_room());
    fake.finish(TRANSMIT, &fake.take(TRANSMIT).unwrap());
    assert_eq!(fake.interrupts(TRANSMIT), 1);
    assert!(interface.wait_for_room() && interface.can_send());
    for len in [0, MAX + 1, usize::MAX - 12] {
        assert_eq!(
            interface.send(len, TxOptions::default(), &mut |_| panic!("filled")),
            Err(SendQueueFull)
        );
    }
}

#[test]
fn receive_interrupts_are_switched() {
    let (fake, mut interface) = open(spec(0));
    deliver(&fake, 0, &frame(64, 0), None);
    assert_eq!(fake.interrupts(RECEIVE), 1, "on at first");
    assert!(!interface.set_receive_interrupts(false));
    assert!(interface.receive().is_some());
    deliver(&fake, 0, &frame(64, 0), None);
    assert_eq!(fake.interrupts(RECEIVE), 1);
    assert!(interface.set_receive_interrupts(true), "one came meanwhile");
    assert!(interface.receive().is_some());
    assert!(!interface.set_receive_interrupts(true));
    deliver(&fake, 0, &frame(64, 0), None);
    assert_eq!(fake.interrupts(RECEIVE), 2);
}

#[test]
fn a_frame_may_outlive_its_device() {
    let (fake, mut interface) = open(spec(0));
    deliver(&fake, 0, &frame(64, 9), None);
    let received = interface.receive().unwrap();
    drop(interface);
    assert_eq!(received[..], frame(64, 9)[..]);
    let heap = RxBuffer::from_vec(vec![1, 2, 3], true);
    assert!(heap[..] == [1, 2, 3] && heap.checksum_verified());
}

#[test]
fn a_legacy_device_needs_any_layout() {
    let mut legacy = spec(F_MAC).legacy();
    legacy.features &= !feature::ANY_LAYOUT;
    let device = Device::probe(Fake::new(legacy), 5, false).unwrap().unwrap();
    assert!(matches!(VirtioNet::probe(device), Err(Error::Missing(_))));
}
