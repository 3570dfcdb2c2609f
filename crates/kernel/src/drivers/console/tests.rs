use super::*;
use crate::drivers::{
    console, port,
    virtio::fake::{Fake, Spec},
};
use crate::wait::Wake;
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

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
    hear_all_and_the_end(&fake);
    // A second device is left alone.
    let other = Fake::new(Spec::new(3, 0, &[]));
    probe(Device::probe(other.clone(), 6, true).unwrap().unwrap()).unwrap();
    assert_eq!(other.status(), 0);
}

#[derive(Default)]
struct Told(AtomicBool);

impl Wake for Told {
    fn wake(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The program's side of what the module's device says: nothing, bytes of several buffers, the end.
fn hear_all_and_the_end(fake: &Fake) {
    fake.serve_no_more();
    assert!(console::listen());
    assert_eq!(fake.doorbells(RECEIVE), 1);
    let buffers = |count: usize| {
        (0..count)
            .map(|_| fake.take(RECEIVE).unwrap())
            .collect::<Vec<_>>()
    };
    let mut given = buffers(input::SLOTS.into());
    assert!(fake.take(RECEIVE).is_none() && given.iter().all(|chain| chain.room() == input::SLOT_BYTES));
    let mut buffer = [0; 3000];
    assert_eq!(console::try_read(&mut buffer), None);
    assert!(!console::input().is_ready());

    let text: Vec<u8> = (0..5000u32).map(|at| (at % 253) as u8).collect();
    for (chain, part) in given.iter_mut().zip(text.chunks(input::SLOT_BYTES)) {
        chain.write(part);
        fake.finish(RECEIVE, chain);
    }
    assert_eq!(fake.interrupts(RECEIVE), 1, "somebody had looked");
    on_interrupt();
    assert_eq!(
        console::input(),
        State {
            waiting: 5000,
            ended: false
        }
    );
    assert_eq!(console::try_read(&mut buffer), Some(3000));
    assert!(buffer == text[..3000]);
    assert!(
        fake.take(RECEIVE).is_none(),
        "no buffer goes back before it is read"
    );
    assert_eq!(console::try_read(&mut buffer), Some(2000));
    assert!(buffer[..2000] == text[3000..]);
    // Less than asked for: the next bytes are told without another look, and both buffers are the device's again.
    let mut again = buffers(2);
    again[0].write(b"x");
    fake.finish(RECEIVE, &again[0]);
    assert_eq!(fake.interrupts(RECEIVE), 2);
    fake.finish(RECEIVE, &again[1]);
    fake.finish(RECEIVE, &given[2]);
    assert_eq!(
        console::input(),
        State {
            waiting: 1,
            ended: true
        }
    );
    let told = Arc::new(Told::default());
    let waiter: Arc<dyn Wake> = told.clone();
    console::heard().add(&waiter);
    assert_eq!(console::try_read(&mut buffer), Some(1));
    assert!(
        told.0.load(Ordering::Relaxed),
        "a short read that found the end says so"
    );
    for _ in 0..2 {
        assert_eq!(console::try_read(&mut buffer), Some(0), "the end stays the end");
    }
}

#[test]
fn what_is_said_after_the_end_or_by_a_liar_is_not_heard() {
    let (fake, mut port) = open();
    let mut buffer = [0; 8];
    port.input.listen(&port.link);
    let end = fake.take(RECEIVE).unwrap();
    let mut late = fake.take(RECEIVE).unwrap();
    late.write(b"late");
    fake.finish(RECEIVE, &end);
    fake.finish(RECEIVE, &late);
    assert_eq!(port.input.read(&mut buffer, &port.link), Some(0));
    assert_eq!(port.input.read(&mut buffer, &port.link), Some(0));

    let (fake, mut port) = open();
    port.input.listen(&port.link);
    assert_eq!(port.input.read(&mut buffer, &port.link), None);
    // More bytes than there is room for, then a buffer that was never given.
    fake.forge_used(RECEIVE, 0, u32::MAX);
    assert_eq!(port.input.state().waiting, input::SLOT_BYTES);
    fake.forge_used(RECEIVE, 99, 1);
    assert!(port.input.state().ended);
    assert_eq!(
        port.input.read(&mut buffer, &port.link),
        Some(8),
        "what came before stays"
    );
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
