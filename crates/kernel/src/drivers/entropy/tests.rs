use super::*;
use crate::drivers::{
    entropy,
    virtio::fake::{Fake, Spec},
};

/// The module's one source, from absent through good to dry.
#[test]
fn bytes_of_the_device_come_once_each() {
    let mut buffer = [0u8; 200];
    assert_eq!(fill(&mut buffer), 0, "no device");
    let fake = Fake::new(Spec::new(4, 0, &[]));
    let mut next = 0u8;
    // Odd lengths: a device may give less than was asked for (virtio 1.2, 5.4.6).
    fake.serve(move |_, chain| {
        let bytes: Vec<u8> = (0..23).map(|at| next.wrapping_add(at)).collect();
        next = next.wrapping_add(23);
        chain.write(&bytes);
    });
    probe(Device::probe(fake.clone(), 5, true).unwrap().unwrap()).unwrap();
    assert_eq!(fake.doorbells(0), 1, "asked before anybody wants it");
    assert_eq!(fill(&mut buffer[..10]), 10);
    assert_eq!(fake.doorbells(0), 1);
    assert_eq!(fill(&mut buffer[10..]), 190);
    assert!(
        buffer.iter().enumerate().all(|(at, &byte)| byte == at as u8),
        "{buffer:?}"
    );
    on_interrupt();
    // A device that gives nothing ends the call; the processor helps out.
    fake.serve(|_, _| ());
    let mut rest = [0u8; 64];
    let count = fill(&mut rest);
    assert!(count < 64, "what was left: {count}");
    assert_eq!(fill(&mut rest), 0);
    let processor = entropy::fill_from_processor(&mut rest);
    assert_eq!(entropy::fill(&mut [0; 64]), processor);
}
