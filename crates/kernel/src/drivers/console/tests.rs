use super::*;
use crate::drivers::{
    console, port,
    virtio::fake::{Fake, Spec},
};
use std::sync::{Arc, Mutex};

fn open() -> (Arc<Fake>, Port) {
    let fake = Fake::new(Spec::new(3, 0, &[]));
    let device = Device::probe(fake.clone(), 5, true).unwrap().unwrap();
    (fake, Port::new(device).unwrap())
}

/// One test for what goes through the module's one console: without a device, then with one.
#[test]
fn output_goes_to_the_device_if_there_is_one() {
    port::fake::take_written();
    assert_eq!(console::try_write(b"early"), 5);
    console::print(format_args!(" {}\n", "words"));
    console::flush();
    assert_eq!(port::fake::take_text(0x3f8), "early words\n");

    let heard = Arc::new(Mutex::new(Vec::new()));
    let fake = Fake::new(Spec::new(3, 0, &[]));
    let ears = heard.clone();
    fake.serve(move |queue, chain| {
        if queue == TRANSMIT {
            ears.lock().unwrap().extend_from_slice(&chain.input);
        }
    });
    probe(Device::probe(fake.clone(), 5, true).unwrap().unwrap()).unwrap();
    let text: Vec<u8> = (0..100_000u32).map(|at| (at % 251) as u8).collect();
    console::write(&text);
    console::print(format_args!("{}", "end"));
    console::flush();
    on_interrupt();
    let heard = heard.lock().unwrap();
    assert!(heard[..100_000] == text && heard[100_000..] == *b"end");
    assert_eq!(port::fake::take_text(0x3f8), "");
    // A second device is left alone.
    let other = Fake::new(Spec::new(3, 0, &[]));
    probe(Device::probe(other.clone(), 6, true).unwrap().unwrap()).unwrap();
    assert_eq!(other.status(), 0);
}

#[test]
fn a_busy_device_takes_part_and_one_doorbell() {
    let (fake, mut port) = open();
    let text = vec![b'x'; 20 * SLOT_BYTES];
    assert_eq!(port.write(&text), 16 * SLOT_BYTES);
    assert_eq!(fake.doorbells(TRANSMIT), 1);
    assert!(!port.has_room());
    assert_eq!(port.write(&text), 0);
    assert!(!port.queue.enable_interrupts());
    fake.finish(TRANSMIT, &fake.take(TRANSMIT).unwrap());
    assert_eq!(fake.interrupts(TRANSMIT), 1);
    assert!(port.has_room());
    assert_eq!(port.write(&text), SLOT_BYTES);
}

#[test]
fn a_lying_device_swallows_output() {
    let (fake, mut port) = open();
    fake.forge_used(TRANSMIT, 3, 0);
    assert!(port.has_room());
    assert_eq!(port.write(b"gone"), 4);
}
