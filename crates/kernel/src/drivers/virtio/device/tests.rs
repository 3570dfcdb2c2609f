use super::*;
use crate::drivers::virtio::fake::{Fake, Spec, alloc_low};

fn probe(spec: Spec, fresh: bool) -> (Arc<Fake>, Result<Option<Device>, Error>) {
    let fake = Fake::new(spec);
    let device = Device::probe(fake.clone(), 5, fresh);
    (fake, device)
}

/// virtio 1.2, 4.2.3.1.1.
#[test]
fn what_is_no_device_is_refused_or_left() {
    for (magic, version, id, expected) in [
        (0xffff_ffff, 2, 2, Err(Error::BadMagic(0xffff_ffff))),
        (MAGIC, 3, 2, Err(Error::BadVersion(3))),
        (MAGIC, 0, 2, Err(Error::BadVersion(0))),
        (MAGIC, 2, 0, Ok(None)),
        (MAGIC, 1, 7, Ok(Some(7))),
    ] {
        let (_, device) = probe(
            Spec {
                magic,
                version,
                ..Spec::new(id, 0, &[])
            },
            true,
        );
        assert_eq!(device.map(|device| device.map(|device| device.id())), expected);
    }
}

/// virtio 1.2, 3.1.1.
#[test]
fn only_offered_features_are_taken() {
    let (fake, device) = probe(Spec::new(2, 0b1010, &[]), true);
    let mut device = device.unwrap().unwrap();
    let features = device.negotiate(0b0110).unwrap();
    assert_eq!(features, 0b0010 | feature::VERSION_1 | feature::EVENT_IDX);
    assert_eq!(fake.driver_features(), features);
    assert!(!device.start().acknowledges);
    assert_eq!(fake.status(), 15);
}

#[test]
fn devices_that_do_not_negotiate_are_errors() {
    let mut old = Spec::new(2, 0, &[]);
    old.features &= !feature::VERSION_1;
    let (_, device) = probe(old, false);
    assert_eq!(
        device.unwrap().unwrap().negotiate(0),
        Err(Error::Missing("VIRTIO_F_VERSION_1"))
    );
    let (_, device) = probe(
        Spec {
            accepts_features: false,
            ..Spec::new(2, 0, &[])
        },
        false,
    );
    assert_eq!(device.unwrap().unwrap().negotiate(0), Err(Error::FeaturesRefused));
}

#[test]
fn queue_sizes_are_powers_of_two_that_both_can_do() {
    for (device_max, ours, expected) in [
        (256, 128, Some(128)),
        (100, 128, Some(64)),
        (1, 128, Some(1)),
        (0, 128, None),
        (u32::MAX, 256, Some(256)),
    ] {
        let (_, device) = probe(
            Spec {
                queue_max: device_max,
                ..Spec::new(2, 0, &[])
            },
            true,
        );
        let mut device = device.unwrap().unwrap();
        device.negotiate(0).unwrap();
        let queue = device.queue(1, ours);
        assert_eq!(queue.map(|queue| queue.size()).ok(), expected, "{device_max}");
    }
}

/// virtio 1.2, 4.2.4.
#[test]
fn legacy_devices_get_frame_numbers() {
    let (fake, device) = probe(Spec::new(2, 0, &[]).legacy(), false);
    let mut device = device.unwrap().unwrap();
    assert_eq!(device.negotiate(0).unwrap() & feature::VERSION_1, 0);
    device.set_alloc(alloc_low);
    let mut queue = device.queue(0, 64).unwrap();
    assert_eq!(queue.addresses().map(|address| address % 4096), [0, 1024, 0]);
    let link = device.start();
    assert_eq!(fake.status(), 7);
    fake.serve(|_, chain| chain.write(b"yes"));
    let mut answer = [0u8; 4];
    let segment = super::super::Segment {
        address: answer.as_mut_ptr() as u64,
        len: 4,
        device_writes: true,
    };
    let head = queue.add(&[segment]).unwrap();
    assert!(queue.should_notify());
    link.notify(0);
    assert_eq!(queue.pop(), Some(super::super::Used { head, written: 3 }));
    assert_eq!(&answer, b"yes\0");
    link.acknowledge();
    assert_eq!(fake.acknowledged(), 1);
}

#[test]
fn a_legacy_device_cannot_have_rings_anywhere() {
    let (_, device) = probe(Spec::new(2, 0, &[]).legacy(), false);
    let mut device = device.unwrap().unwrap();
    device.negotiate(0).unwrap();
    device.set_alloc(|bytes| (alloc_low(bytes).0, 1 << 44));
    assert_eq!(device.queue(0, 64).map(|_| ()), Err(Error::RingsTooHigh));
}
