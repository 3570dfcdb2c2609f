//! A fuzz target: whatever comes over the cable, to a stack that listens, has a connection and waits for datagrams.

use super::{CLEAN, PLAIN, sim::Sim};
use std::{time::Duration, vec::Vec};
use uigniter_fuzz::{Reader, run};

/// Frames as the input has them: what happens between them, a length, the bytes.
fn packed(frames: &[Vec<u8>]) -> Vec<u8> {
    let frame = |frame: &Vec<u8>| [&[0], &(frame.len() as u16).to_le_bytes()[..], frame].concat();
    frames.iter().flat_map(frame).collect()
}

/// A stack that has something to do with most that may come, and what an honest peer sent it.
fn busy() -> (Sim, Vec<Vec<u8>>) {
    let mut sim = Sim::new(7, CLEAN, PLAIN);
    let _ = sim.listen(80, 4);
    let _ = sim.connect(80);
    let mut seen = Vec::new();
    // The frames of the handshake, as they lie on the cable.
    for _ in 0..8 {
        sim.a.receive();
        seen.extend(sim.to_b.lock().unwrap().iter().map(|(frame, _)| frame.clone()));
        sim.b.receive();
        seen.extend(sim.to_a.lock().unwrap().iter().map(|(frame, _)| frame.clone()));
    }
    sim.settle();
    (sim, seen)
}

#[test]
fn fuzz_packets() {
    let (_, seen) = busy();
    let all = packed(&seen);
    let mut seeds: Vec<Vec<u8>> = seen
        .iter()
        .map(|frame| packed(std::slice::from_ref(frame)))
        .collect();
    seeds.push(all);
    let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
    run("packets", &seeds, |input| {
        let (mut sim, _) = busy();
        let mut reader = Reader::new(input);
        while !reader.is_empty() {
            let between = reader.u8();
            let len = usize::from(reader.u16() % 2048);
            let frame = reader.bytes(len).to_vec();
            // A card may say that it has looked at the checksum: then more gets through.
            sim.to_b.lock().unwrap().push_back((frame, between & 1 != 0));
            if between & 2 != 0 {
                sim.settle();
            }
            if between & 4 != 0 {
                sim.pass(Duration::from_millis(u64::from(between) * 20));
            }
        }
        sim.settle();
        sim.pass(Duration::from_secs(3));
    });
}
