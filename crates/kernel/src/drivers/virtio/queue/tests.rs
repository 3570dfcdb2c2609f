use super::*;
use crate::drivers::virtio::{
    Device, Link,
    fake::{Fake, Spec},
};
use std::sync::Arc;

fn queue(size: u16, event_idx: bool) -> (Arc<Fake>, Queue, Link) {
    let mut spec = Spec::new(2, 0, &[]);
    if !event_idx {
        spec.features &= !crate::drivers::virtio::feature::EVENT_IDX;
    }
    let fake = Fake::new(spec);
    let mut device = Device::probe(fake.clone(), 5, true).unwrap().unwrap();
    device.negotiate(0).unwrap();
    let queue = device.queue(0, size).unwrap();
    (fake, queue, device.start())
}

fn readable(bytes: &[u8]) -> Segment {
    Segment {
        address: bytes.as_ptr() as u64,
        len: bytes.len() as u32,
        device_writes: false,
    }
}

fn writable(bytes: &mut [u8]) -> Segment {
    Segment {
        address: bytes.as_mut_ptr() as u64,
        len: bytes.len() as u32,
        device_writes: true,
    }
}

/// 2.7.5: chains of any length, in any order of completion, over many turns of the ring and of its 16-bit indices.
#[test]
fn chains_survive_disorder_and_wrapping() {
    let (fake, mut queue, _) = queue(8, true);
    let mut buffers = [[0u8; 2]; 8];
    let mut random = 1u32;
    let mut outstanding = Vec::new();
    for round in 0..70_000u32 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let count = 1 + (random >> 28) as usize % 3;
        let word = round.to_le_bytes();
        let segments: Vec<Segment> = buffers[..count]
            .iter_mut()
            .enumerate()
            .map(|(at, b)| if at == 0 { readable(&word) } else { writable(b) })
            .collect();
        let room = usize::from(queue.free()) >= count;
        match queue.add(&segments) {
            Some(head) => {
                assert!(room);
                let chain = fake.take(0).unwrap();
                assert_eq!((chain.descriptors, &chain.input[..]), (count, &word[..]));
                outstanding.push((head, chain));
            }
            None => assert!(!room),
        }
        if !room || random & 1 == 0 {
            let (head, chain) = outstanding.swap_remove((random >> 8) as usize % outstanding.len());
            fake.finish(0, &chain);
            assert_eq!(queue.pop(), Some(Used { head, written: 0 }));
        }
        assert_eq!(usize::from(queue.in_flight()), outstanding.len());
    }
    assert!(!queue.is_broken());
}

#[test]
fn a_full_queue_takes_no_more() {
    let (_, mut queue, _) = queue(4, true);
    let byte = [0];
    assert_eq!(queue.add(&[]), None);
    assert_eq!(queue.add(&[readable(&byte); 5]), None);
    assert!(queue.add(&[readable(&byte); 3]).is_some());
    assert_eq!(queue.add(&[readable(&byte); 2]), None);
    assert!(queue.add(&[readable(&byte)]).is_some());
    assert_eq!((queue.free(), queue.in_flight()), (0, 2));
}

/// Every lie ends in a broken queue that gives nothing more, and none in a panic.
#[test]
fn lies_break_the_queue() {
    type Lie = fn(&Fake, u16);
    let lies: [(&str, Lie); 5] = [
        ("an id beyond the ring", |fake, _| fake.forge_used(0, 8, 1)),
        ("a huge id", |fake, _| fake.forge_used(0, u32::MAX, 1)),
        ("a descriptor that begins no chain", |fake, head| {
            fake.forge_used(0, u32::from(head) + 1, 1)
        }),
        ("an index far ahead", |fake, _| fake.forge_index(0, 7)),
        ("an index behind", |fake, _| fake.forge_index(0, u16::MAX)),
    ];
    for (lie, tell) in lies {
        let (fake, mut queue, _) = queue(8, true);
        let mut bytes = [0u8; 4];
        let head = queue.add(&[readable(b"request"), writable(&mut bytes)]).unwrap();
        tell(&fake, head);
        assert_eq!(queue.pop(), None, "{lie}");
        assert!(queue.is_broken(), "{lie}");
        assert!(!queue.has_used(), "{lie}");
        assert_eq!(queue.add(&[readable(b"more")]), None, "{lie}");
    }
}

#[test]
fn a_chain_is_finished_once_and_not_beyond_its_room() {
    let (fake, mut queue, _) = queue(8, true);
    let mut bytes = [0u8; 4];
    let head = queue.add(&[writable(&mut bytes)]).unwrap();
    let other = queue.add(&[writable(&mut [0u8; 4])]).unwrap();
    fake.forge_used(0, u32::from(head), u32::MAX);
    assert_eq!(queue.pop(), Some(Used { head, written: 4 }));
    fake.forge_used(0, u32::from(head), 4);
    assert_eq!(queue.pop(), None);
    assert!(queue.is_broken() && other != head);
}

/// 2.7.10: a doorbell only if the device waits for one; an interrupt only where the driver asked for it.
#[test]
fn events_are_by_index() {
    let (fake, mut queue, link) = queue(8, true);
    let byte = [0];
    let add = |queue: &mut Queue| queue.add(&[readable(&byte)]).unwrap();
    add(&mut queue);
    add(&mut queue);
    assert!(queue.should_notify(), "the device has seen nothing yet");
    assert!(!queue.should_notify(), "it was told");
    link.notify(0);
    add(&mut queue);
    assert!(
        !queue.should_notify(),
        "the device has not come back from its first doorbell"
    );
    let first = [
        fake.take(0).unwrap(),
        fake.take(0).unwrap(),
        fake.take(0).unwrap(),
    ];
    add(&mut queue);
    assert!(queue.should_notify(), "the device waits again");
    let last = fake.take(0).unwrap();
    assert!(!queue.interrupt_when_idle());
    first.iter().for_each(|chain| fake.finish(0, chain));
    assert_eq!(fake.interrupts(0), 0);
    fake.finish(0, &last);
    assert_eq!(fake.interrupts(0), 1);
    assert!(queue.enable_interrupts(), "there is something already");
    while queue.pop().is_some() {}
    assert!(!queue.enable_interrupts());
    add(&mut queue);
    fake.finish(0, &fake.take(0).unwrap());
    assert_eq!(fake.interrupts(0), 2);
    assert!(queue.pop().is_some());
    queue.disable_interrupts();
    add(&mut queue);
    fake.finish(0, &fake.take(0).unwrap());
    assert_eq!(fake.interrupts(0), 2);
}

/// 2.7.7: the same with flags.
#[test]
fn events_are_by_flag_without_the_feature() {
    let (fake, mut queue, _) = queue(8, false);
    queue.disable_interrupts();
    queue.add(&[readable(b"x")]).unwrap();
    assert!(queue.should_notify());
    fake.finish(0, &fake.take(0).unwrap());
    assert_eq!(fake.interrupts(0), 0);
    assert!(queue.enable_interrupts());
    assert!(queue.pop().is_some());
    queue.add(&[readable(b"x")]).unwrap();
    fake.finish(0, &fake.take(0).unwrap());
    assert_eq!(fake.interrupts(0), 1);
}
