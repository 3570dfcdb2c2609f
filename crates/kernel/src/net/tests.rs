//! The stack against itself over a simulated cable, and sockets over loopback.

mod fuzz;
mod sim;
mod sockets;

use super::{
    link::Frame,
    ports::Bound,
    stack::{ConnectionId, ETHERNET, Settings},
};
use crate::{
    drivers::net::{NetCaps, RxBuffer},
    errno::Errno,
    file::Poll,
    time::Instant,
    wait::WaitQueue,
};
use sim::{A, A6, B, B6, Faults, Sim};
use smoltcp::wire::Ipv4Packet;
use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

const CLEAN: Faults = Faults {
    lost: 0,
    reordered: 0,
    room: 0,
};
const PLAIN: NetCaps = NetCaps {
    tx_checksum: false,
    rx_checksum: false,
    tso4: false,
    large_receive: false,
};
const OFFLOAD: NetCaps = NetCaps {
    tx_checksum: true,
    rx_checksum: true,
    tso4: true,
    large_receive: true,
};

/// A binding to one address.
fn at(ip: Ipv4Addr, port: u16) -> (Bound, u16) {
    let ip = IpAddr::V4(ip);
    (Bound { ip, dual: false }, port)
}

fn byte(at: usize) -> u8 {
    (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()[7]
}

/// Sends `total` bytes from `a` to `b` and checks each; gives the simulated time that it took.
fn transfer(sim: &mut Sim, total: usize) -> Duration {
    transfer_to(sim, B.into(), total)
}

fn transfer_to(sim: &mut Sim, remote: IpAddr, total: usize) -> Duration {
    let listener = sim.listen_dual(80, 8);
    let client = sim.connect_to(SocketAddr::new(remote, 80));
    let start = sim.now;
    sim.settle();
    let (mut server, mut sent, mut received) = (None, 0, 0);
    let mut buffer = vec![0; 20_000];
    while received < total {
        server = server.or_else(|| sim.accept(listener)).or(server);
        if sent < total && !sim.a.connections[client].connecting {
            let chunk: Vec<u8> = (sent..total.min(sent + 9000)).map(byte).collect();
            match sim.a.send(client, &[&chunk], false) {
                Ok(count) => sent += count,
                Err(errno) => assert_eq!(errno, Errno::EAGAIN),
            }
        }
        if let Some((server, _)) = server {
            match sim.b.recv(server, &mut [&mut buffer], false, 0) {
                Ok(count) => {
                    assert!(count > 0, "end of data after {received} bytes");
                    for &got in &buffer[..count] {
                        assert_eq!(got, byte(received), "at {received}");
                        received += 1;
                    }
                }
                Err(errno) => assert_eq!(errno, Errno::EAGAIN),
            }
        }
        let before = (sent, received);
        sim.settle();
        if (sent, received) == before && sim.now.since(start) < Duration::from_secs(3600) {
            sim.step(Duration::from_secs(10));
        }
        assert!(
            sim.now.since(start) < Duration::from_secs(3600),
            "stuck at {sent}/{received}"
        );
    }
    let took = sim.now.since(start);
    sim.a.close(client, false);
    sim.pass(Duration::from_secs(30));
    if let Some((server, _)) = server {
        assert_eq!(sim.b.recv(server, &mut [&mut buffer], false, 0), Ok(0));
        sim.b.close(server, false);
    }
    sim.b.close_listener(listener);
    took
}

fn assert_nothing_left(sim: &mut Sim) {
    sim.pass(Duration::from_secs(200));
    for stack in [&sim.a, &sim.b] {
        assert_eq!(
            (stack.connections.len(), stack.flows.len(), stack.listeners.len()),
            (0, 0, 0)
        );
        assert_eq!(stack.next_deadline(), None, "idle means no timer");
    }
}

#[test]
fn data_arrives_over_a_clean_cable() {
    for caps in [PLAIN, OFFLOAD] {
        let mut sim = Sim::new(1, CLEAN, caps);
        transfer(&mut sim, 1 << 20);
        assert_nothing_left(&mut sim);
    }
}

#[test]
fn data_arrives_over_a_bad_cable() {
    for seed in 0..12 {
        let faults = Faults {
            lost: 20 + 5 * seed,
            reordered: 100,
            room: 0,
        };
        let mut sim = Sim::new(seed, faults, if seed % 2 == 0 { PLAIN } else { OFFLOAD });
        transfer(&mut sim, 200_000);
        assert_nothing_left(&mut sim);
    }
}

#[test]
fn data_arrives_over_ipv6() {
    for caps in [PLAIN, OFFLOAD] {
        let mut sim = Sim::new(21, CLEAN, caps);
        transfer_to(&mut sim, B6.into(), 1_000_000);
        let faults = Faults {
            lost: 20,
            reordered: 20,
            room: 0,
        };
        let mut sim = Sim::new(22, faults, caps);
        transfer_to(&mut sim, B6.into(), 200_000);
    }
}

#[test]
fn datagrams_arrive_over_ipv6() {
    let mut sim = Sim::new(23, CLEAN, PLAIN);
    let any = |ip: Ipv6Addr, port| {
        (
            Bound {
                ip: ip.into(),
                dual: true,
            },
            port,
        )
    };
    let queue = Arc::new(WaitQueue::new());
    let from = sim.a.add_datagrams(any(Ipv6Addr::UNSPECIFIED, 5000), &queue);
    let to = sim.b.add_datagrams(any(Ipv6Addr::UNSPECIFIED, 53), &queue);
    let target = SocketAddr::from((B6, 53));
    for len in [0usize, 5, 1452] {
        let data: Vec<u8> = (0..len).map(byte).collect();
        assert_eq!(sim.a.send_datagram(from, &[&data], target, (None, 7)), Ok(len));
        sim.pass(Duration::from_millis(10));
        let mut buffer = vec![0; 9000];
        let received = sim
            .b
            .receive_datagram(to, &mut [&mut buffer], false)
            .unwrap()
            .unwrap();
        let about = received.about;
        assert_eq!((received.len, about.from), (len, SocketAddr::from((A6, 5000))));
        assert_eq!((about.to, about.hop_limit), (IpAddr::from(B6), 7));
        assert_eq!(&buffer[..len], &data[..]);
    }
    // There are no fragments of IPv6.
    let long = sim.a.send_datagram(from, &[&[0; 1453]], target, (None, 64));
    assert_eq!(long, Err(Errno::EMSGSIZE));
    // Nobody there: the connected sender hears of it.
    sim.a.datagrams[from].peer = Some(SocketAddr::from((B6, 54)));
    sim.a
        .send_datagram(from, &[b"x"], SocketAddr::from((B6, 54)), (None, 64))
        .unwrap();
    sim.pass(Duration::from_millis(10));
    assert_eq!(sim.a.datagrams[from].error, Some(Errno::ECONNREFUSED));
}

#[test]
fn a_burst_of_connections_fits_the_backlog() {
    let mut sim = Sim::new(3, CLEAN, PLAIN);
    let listener = sim.listen(80, 128);
    let clients: Vec<_> = (0..128).map(|_| sim.connect(80)).collect();
    sim.pass(Duration::from_millis(20));
    for &client in &clients {
        let connection = &sim.a.connections[client];
        assert!(
            !connection.connecting && !connection.done,
            "{:?}",
            connection.error
        );
    }
    let mut accepted = 0;
    while sim.accept(listener).is_some() {
        accepted += 1;
    }
    assert_eq!(accepted, 128);
}

#[test]
fn a_full_backlog_makes_clients_wait_and_refuses_nobody() {
    let mut sim = Sim::new(4, CLEAN, PLAIN);
    let listener = sim.listen(80, 2);
    let clients: Vec<_> = (0..10).map(|_| sim.connect(80)).collect();
    let mut accepted = Vec::new();
    for _ in 0..60 {
        sim.pass(Duration::from_secs(1));
        accepted.extend(sim.accept(listener));
    }
    assert_eq!(accepted.len(), 10);
    assert!(
        clients
            .iter()
            .all(|&client| sim.a.connections[client].error.is_none())
    );
}

#[test]
fn nobody_listens_there() {
    let mut sim = Sim::new(5, CLEAN, PLAIN);
    let client = sim.connect(81);
    sim.pass(Duration::from_millis(10));
    assert_eq!(sim.a.connections[client].error, Some(Errno::ECONNREFUSED));
    assert!(
        sim.a
            .readiness(client)
            .contains(Poll::ERR | Poll::HUP | Poll::IN | Poll::OUT)
    );
}

#[test]
fn nobody_is_there() {
    let mut sim = Sim::new(
        6,
        Faults {
            lost: 1000,
            reordered: 0,
            room: 0,
        },
        PLAIN,
    );
    let client = sim.connect(80);
    sim.pass(Duration::from_secs(120));
    assert!(sim.a.connections[client].connecting);
    sim.pass(Duration::from_secs(20));
    assert_eq!(sim.a.connections[client].error, Some(Errno::ETIMEDOUT));
    sim.a.close(client, false);
    assert_nothing_left(&mut sim);
}

#[test]
fn both_halves_close_one_by_one() {
    let mut sim = Sim::new(7, CLEAN, PLAIN);
    let listener = sim.listen(80, 8);
    let client = sim.connect(80);
    sim.settle();
    let (server, _) = sim.accept(listener).unwrap();
    sim.a.send(client, &[b"question"], false).unwrap();
    sim.a.shutdown(client, false, true).unwrap();
    sim.settle();
    assert_eq!(sim.b.readiness(server), Poll::IN | Poll::RDHUP | Poll::OUT);
    let mut buffer = [0; 32];
    assert_eq!(sim.b.recv(server, &mut [&mut buffer], false, 0), Ok(8));
    assert_eq!(sim.b.recv(server, &mut [&mut buffer], false, 0), Ok(0));
    sim.b.send(server, &[b"ans", b"wer"], false).unwrap();
    sim.settle();
    assert_eq!(sim.a.recv(client, &mut [&mut buffer], true, 0), Ok(6));
    assert_eq!(sim.a.recv(client, &mut [&mut buffer], false, 0), Ok(6));
    assert_eq!(sim.a.send(client, &[b"more"], false), Err(Errno::EPIPE));
    sim.b.close(server, false);
    sim.settle();
    assert!(sim.a.readiness(client).contains(Poll::HUP));
    // Unread data would outlive TIME_WAIT; here it is the end that does.
    sim.pass(Duration::from_secs(60));
    assert_eq!(sim.a.recv(client, &mut [&mut buffer], false, 0), Ok(0));
    sim.a.close(client, false);
    sim.b.close_listener(listener);
    assert_nothing_left(&mut sim);
}

#[test]
fn unread_data_at_close_resets_the_peer() {
    let mut sim = Sim::new(8, CLEAN, PLAIN);
    let listener = sim.listen(80, 8);
    let client = sim.connect(80);
    sim.settle();
    let (server, _) = sim.accept(listener).unwrap();
    sim.a.send(client, &[b"never read"], false).unwrap();
    sim.settle();
    sim.b.close(server, false);
    sim.settle();
    assert_eq!(
        sim.a.recv(client, &mut [&mut [0; 4]], false, 0),
        Err(Errno::ECONNRESET)
    );
    assert_eq!(sim.a.recv(client, &mut [&mut [0; 4]], false, 0), Ok(0));
    assert_eq!(sim.a.send(client, &[b"x"], false), Err(Errno::EPIPE));
}

#[test]
fn data_written_before_close_is_delivered() {
    let mut sim = Sim::new(
        9,
        Faults {
            lost: 100,
            reordered: 0,
            room: 0,
        },
        PLAIN,
    );
    let listener = sim.listen(80, 8);
    let client = sim.connect(80);
    sim.pass(Duration::from_secs(10));
    let (server, _) = sim.accept(listener).unwrap();
    assert_eq!(sim.b.send(server, &[&[7; 30_000]], false), Ok(30_000));
    sim.b.close(server, false);
    sim.pass(Duration::from_secs(60));
    let mut buffer = vec![0; 40_000];
    assert_eq!(sim.a.recv(client, &mut [&mut buffer], false, 0), Ok(30_000));
    assert_eq!(sim.a.recv(client, &mut [&mut buffer], false, 0), Ok(0));
}

#[test]
fn many_short_connections_leave_nothing() {
    for server_closes_first in [false, true] {
        let mut sim = Sim::new(10, CLEAN, PLAIN);
        let listener = sim.listen(80, 128);
        let mut buffer = [0; 64];
        for round in 0..20_000 {
            let client = sim.connect(80);
            sim.settle();
            let (server, _) = sim.accept(listener).unwrap_or_else(|| panic!("round {round}"));
            sim.a.send(client, &[b"GET / HTTP/1.0\r\n\r\n"], false).unwrap();
            sim.settle();
            assert_eq!(sim.b.recv(server, &mut [&mut buffer], false, 0), Ok(18));
            sim.b.send(server, &[b"HTTP/1.0 200 OK\r\n\r\n"], false).unwrap();
            if server_closes_first {
                sim.b.close(server, false);
            }
            sim.settle();
            assert_eq!(sim.a.recv(client, &mut [&mut buffer], false, 0), Ok(19));
            sim.a.close(client, false);
            sim.settle();
            if !server_closes_first {
                assert_eq!(sim.b.recv(server, &mut [&mut buffer], false, 0), Ok(0));
                sim.b.close(server, false);
            }
            sim.now = sim.now + Duration::from_micros(100);
            sim.settle();
            assert!(
                sim.a.connections.len() + sim.b.connections.len() < 4,
                "round {round}"
            );
        }
        sim.b.close_listener(listener);
        assert_nothing_left(&mut sim);
    }
}

/// Keep-alive connections that all answer in turn: what wrk does. The time per request must not grow with the number of connections.
#[test]
fn cost_per_request_does_not_grow_with_connections() {
    let mut per_request = Vec::new();
    for count in [4usize, 1024] {
        let mut sim = Sim::new(11, CLEAN, OFFLOAD);
        let listener = sim.listen(80, 4096);
        let mut pairs = Vec::new();
        for _ in 0..count {
            let client = sim.connect(80);
            sim.settle();
            pairs.push((client, sim.accept(listener).unwrap().0));
        }
        let requests = 20_000;
        let mut buffer = [0; 256];
        let start = std::time::Instant::now();
        for round in 0..requests {
            let (client, server) = pairs[round % count];
            sim.now = sim.now + Duration::from_micros(10);
            sim.a.send(client, &[&[1; 64]], false).unwrap();
            sim.settle();
            assert_eq!(sim.b.recv(server, &mut [&mut buffer], false, 0), Ok(64));
            sim.b.send(server, &[&[2; 200]], false).unwrap();
            sim.settle();
            assert_eq!(sim.a.recv(client, &mut [&mut buffer], false, 0), Ok(200));
        }
        per_request.push(start.elapsed() / requests as u32);
    }
    println!("time per request with 4 and 1024 connections, both ends: {per_request:?}");
    assert!(
        per_request[1] < per_request[0] * 4 + Duration::from_micros(5),
        "{per_request:?}"
    );
}

#[test]
fn a_card_without_room_delays_and_loses_nothing() {
    for caps in [PLAIN, OFFLOAD] {
        let mut sim = Sim::new(17, Faults { room: 8, ..CLEAN }, caps);
        let listener = sim.listen(80, 64);
        let mut pairs = Vec::new();
        for _ in 0..20 {
            let client = sim.connect(80);
            sim.settle();
            pairs.push((client, sim.accept(listener).unwrap().0));
        }
        let data: Vec<u8> = (0..30_000).map(byte).collect();
        for &(_, server) in &pairs {
            assert_eq!(sim.b.send(server, &[&data], false), Ok(data.len()));
        }
        // Shorter than any retransmission timer.
        sim.pass(Duration::from_millis(150));
        for (client, _) in pairs {
            let mut buffer = vec![0; 40_000];
            assert_eq!(sim.a.recv(client, &mut [&mut buffer], false, 0), Ok(data.len()));
            assert_eq!(&buffer[..data.len()], &data[..]);
        }
    }
}

#[test]
fn a_flood_of_syns_is_bounded() {
    let mut sim = Sim::new(12, CLEAN, PLAIN);
    let listener = sim.listen(80, 4096);
    // A real SYN, to make others of.
    let client = sim.connect(80);
    sim.settle();
    sim.accept(listener).unwrap();
    let syn = {
        let client = sim.connect(80);
        let frame = sim.to_b.lock().unwrap().back().unwrap().0.clone();
        sim.settle();
        sim.a.close(client, true);
        frame
    };
    for number in 0..20_000u32 {
        let mut frame = syn.clone();
        // Another source address, that answers nothing.
        frame[26..30].copy_from_slice(&(0x0a00_0010 + number % 200).to_be_bytes());
        frame[34..36].copy_from_slice(&(1024 + (number / 200) as u16).to_be_bytes());
        Ipv4Packet::new_unchecked(&mut frame[14..]).fill_checksum();
        sim.b
            .input(ETHERNET, Frame::Ethernet(RxBuffer::from_vec(frame, true)));
        sim.b.settle_all(true);
    }
    assert!(sim.b.connections.len() <= 520, "{}", sim.b.connections.len());
    // Those who mean it get through a little later.
    let late = sim.connect(80);
    sim.pass(Duration::from_secs(8));
    assert!(!sim.a.connections[late].connecting);
    assert!(!sim.a.connections[client].done);
}

/// Time for timers, and for the program of `b` to read what came; what `b` answered is not of interest.
fn pause_for_reading(sim: &mut Sim, server: ConnectionId) {
    sim.now = sim.now + Duration::from_millis(50);
    sim.b.now = sim.now;
    sim.b.expire();
    sim.b.woken.clear();
    while sim
        .b
        .recv(server, &mut [&mut [0; 4096]], false, 0)
        .is_ok_and(|count| count > 0)
    {}
    while sim.a.receive() {}
    sim.a.woken.clear();
}

#[test]
fn hostile_frames_do_no_harm() {
    let mut sim = Sim::new(13, CLEAN, PLAIN);
    let listener = sim.listen(80, 64);
    sim.b.add_datagrams(at(B, 53), &Arc::new(WaitQueue::new()));
    let client = sim.connect(80);
    sim.settle();
    let (server, _) = sim.accept(listener).unwrap();
    // Real frames: data, and a datagram.
    sim.a.send(client, &[&[5; 300]], false).unwrap();
    let datagrams = sim.a.add_datagrams(at(A, 5353), &Arc::new(WaitQueue::new()));
    sim.a
        .send_datagram(datagrams, &[b"query"], SocketAddr::from((B, 53)), (None, 64))
        .unwrap();
    let samples: Vec<Vec<u8>> = sim
        .to_b
        .lock()
        .unwrap()
        .iter()
        .map(|(frame, _)| frame.clone())
        .collect();
    assert_eq!(samples.len(), 2);
    let mut seed = 99u64;
    let mut random = || {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (seed >> 33) as usize
    };
    for round in 0..150_000 {
        let mut frame = samples[round % 2].clone();
        for _ in 0..random() % 6 {
            let at = random() % frame.len();
            frame[at] = random() as u8;
        }
        frame.truncate(
            frame.len()
                - if random() % 4 == 0 {
                    random() % frame.len()
                } else {
                    0
                },
        );
        // Marked as verified, so that broken ones get in.
        sim.b
            .input(ETHERNET, Frame::Ethernet(RxBuffer::from_vec(frame, true)));
        sim.b.settle_all(true);
        if round % 1000 == 0 {
            pause_for_reading(&mut sim, server);
        }
    }
    assert!(sim.b.connections.len() < 1200);
}

#[test]
fn datagrams_arrive_also_in_fragments() {
    let mut sim = Sim::new(14, CLEAN, PLAIN);
    let from = sim.a.add_datagrams(at(A, 5000), &Arc::new(WaitQueue::new()));
    let to = sim.b.add_datagrams(at(B, 53), &Arc::new(WaitQueue::new()));
    for len in [0usize, 5, 1472, 5000, 8000] {
        let data: Vec<u8> = (0..len).map(byte).collect();
        assert_eq!(
            sim.a
                .send_datagram(from, &[&data], SocketAddr::from((B, 53)), (None, 64)),
            Ok(len)
        );
        sim.pass(Duration::from_millis(10));
        let mut buffer = vec![0; 9000];
        let received = sim
            .b
            .receive_datagram(to, &mut [&mut buffer], false)
            .unwrap()
            .unwrap();
        assert_eq!(
            (received.len, received.about.from),
            (len, SocketAddr::from((A, 5000)))
        );
        assert_eq!(&buffer[..len], &data[..]);
    }
    assert_eq!(
        sim.a
            .send_datagram(from, &[&[0; 70_000]], SocketAddr::from((B, 53)), (None, 64)),
        Err(Errno::EMSGSIZE)
    );
}

/// The more connections there are, the smaller their buffers; all of them work.
#[test]
fn ten_thousand_connections() {
    const COUNT: usize = 10_000;
    let mut sim = Sim::new(25, CLEAN, OFFLOAD);
    let listener = sim.listen(80, 4096);
    let mut pairs = Vec::new();
    for _ in 0..COUNT {
        let client = sim.connect(80);
        sim.settle();
        pairs.push((client, sim.accept(listener).unwrap().0));
    }
    let bytes = sim.b.buffered;
    assert!(bytes <= (256 << 20) / 4 + COUNT * 8192, "{bytes}");
    for (number, &(client, server)) in pairs.iter().enumerate() {
        let data: Vec<u8> = (0..3000).map(|at| byte(at + number)).collect();
        assert_eq!(sim.a.send(client, &[&data], false), Ok(3000));
        sim.settle();
        let mut buffer = [0; 4000];
        assert_eq!(sim.b.recv(server, &mut [&mut buffer], false, 0), Ok(3000));
        assert_eq!(&buffer[..3000], &data[..]);
    }
    for (client, server) in pairs {
        sim.a.close(client, false);
        sim.b.close(server, false);
        sim.settle();
    }
    sim.b.close_listener(listener);
    sim.pass(Duration::from_secs(120));
    assert_nothing_left(&mut sim);
}

/// As the test before last, for IPv6: data, datagrams, neighbour discovery, echo requests and refusals, each bent and cut.
#[test]
fn hostile_frames_of_ipv6_do_no_harm() {
    let mut sim = Sim::new(24, CLEAN, PLAIN);
    let listener = sim.listen_dual(80, 64);
    let queue = Arc::new(WaitQueue::new());
    let any = Bound {
        ip: Ipv6Addr::UNSPECIFIED.into(),
        dual: true,
    };
    sim.b.add_datagrams((any, 53), &queue);
    let mut samples: Vec<Vec<u8>> = Vec::new();
    let client = sim.connect_to(SocketAddr::from((B6, 80)));
    // The solicitation, then the rest.
    samples.extend(sim.to_b.lock().unwrap().iter().map(|(frame, _)| frame.clone()));
    sim.settle();
    let (server, _) = sim.accept(listener).unwrap();
    sim.a.send(client, &[&[5; 300]], false).unwrap();
    let datagrams = sim.a.add_datagrams((any, 5353), &queue);
    for port in [53, 54] {
        sim.a
            .send_datagram(datagrams, &[b"query"], SocketAddr::from((B6, port)), (None, 64))
            .unwrap();
    }
    samples.extend(sim.to_b.lock().unwrap().iter().map(|(frame, _)| frame.clone()));
    sim.b.receive();
    // Its answers, among them an advertisement and a refusal, are hostile when they come back to it.
    samples.extend(sim.to_a.lock().unwrap().iter().map(|(frame, _)| frame.clone()));
    assert!(samples.len() >= 5, "{}", samples.len());
    let mut seed = 77u64;
    let mut random = || {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (seed >> 33) as usize
    };
    for round in 0..100_000 {
        let mut frame = samples[round % samples.len()].clone();
        for _ in 0..random() % 6 {
            let at = random() % frame.len();
            frame[at] = random() as u8;
        }
        if random() % 4 == 0 {
            frame.truncate(random() % frame.len());
        }
        sim.b
            .input(ETHERNET, Frame::Ethernet(RxBuffer::from_vec(frame, true)));
        sim.b.settle_all(true);
        if round % 1000 == 0 {
            pause_for_reading(&mut sim, server);
        }
    }
    assert!(sim.b.connections.len() < 1200);
}

#[test]
fn an_idle_connection_has_no_timer() {
    let mut sim = Sim::new(15, CLEAN, PLAIN);
    let listener = sim.listen(80, 8);
    let client = sim.connect(80);
    sim.settle();
    sim.accept(listener).unwrap();
    sim.a.send(client, &[b"x"], false).unwrap();
    sim.pass(Duration::from_secs(1));
    assert_eq!((sim.a.next_deadline(), sim.b.next_deadline()), (None, None));
}

#[test]
fn a_peer_that_vanished_is_given_up_in_the_end() {
    let mut sim = Sim::new(16, CLEAN, PLAIN);
    let listener = sim.listen(80, 8);
    let client = sim.connect(80);
    sim.settle();
    let (server, _) = sim.accept(listener).unwrap();
    // Idle for a day is fine.
    sim.now = Instant(86_400_000_000_000);
    sim.settle();
    sim.a.send(client, &[b"still there?"], false).unwrap();
    sim.settle();
    assert_eq!(sim.b.recv(server, &mut [&mut [0; 64]], false, 0), Ok(12));
    // From now on `b` hears nothing.
    sim.a.send(client, &[b"and now?"], false).unwrap();
    for _ in 0..2000 {
        sim.to_b.lock().unwrap().clear();
        let Some(next) = sim.a.next_deadline() else { break };
        sim.now = sim.now.max(next);
        sim.a.now = sim.now;
        sim.a.expire();
    }
    assert_eq!(sim.a.connections[client].error, Some(Errno::ETIMEDOUT));
    let settings = Settings {
        keep_alive: true,
        ..Settings::default()
    };
    sim.b.configure(server, settings);
    assert!(sim.b.next_deadline().is_some(), "keep-alive needs a timer");
}

/// A host that has our address without having asked for it (a static neighbour entry) must not wait for us to ask for its own.
#[test]
fn the_first_syn_of_a_stranger_is_answered_at_once() {
    let mut sim = Sim::new(41, CLEAN, PLAIN);
    let _listener = sim.listen(80, 8);
    sim.connect(80);
    // The connection's ARP exchange, then its SYN, which is kept from `b`.
    sim.a.receive();
    sim.b.receive();
    sim.a.receive();
    let mut frame = sim.to_b.lock().unwrap().pop_back().unwrap().0;
    let stranger = [2, 0, 0, 0, 0, 9];
    frame[6..12].copy_from_slice(&stranger);
    frame[26..30].copy_from_slice(&[10, 0, 0, 9]);
    Ipv4Packet::new_unchecked(&mut frame[14..]).fill_checksum();
    sim.to_a.lock().unwrap().clear();
    sim.to_b.lock().unwrap().push_back((frame, true));
    sim.b.receive();
    let sent: Vec<Vec<u8>> = sim
        .to_a
        .lock()
        .unwrap()
        .drain(..)
        .map(|(frame, _)| frame)
        .collect();
    assert_eq!(sent.len(), 1, "one SYN-ACK and no ARP request: {sent:x?}");
    assert_eq!(sent[0][..6], stranger);
    assert_eq!(sent[0][23], 6, "TCP");
    assert_eq!(sent[0][47] & 0x12, 0x12, "SYN and ACK");
}

/// smoltcp asks for one address a second, whosever it is.
#[test]
fn a_second_peer_does_not_wait_for_the_first() {
    let mut sim = Sim::new(42, CLEAN, PLAIN);
    let listener = sim.listen(80, 8);
    // A peer that is not there takes smoltcp's one question.
    sim.connect_to(SocketAddr::from(([10, 0, 0, 77], 80)));
    sim.settle();
    let client = sim.connect(80);
    sim.settle();
    assert!(sim.accept(listener).is_some(), "connected without time passing");
    assert!(!sim.a.connections[client].connecting);
}

/// The FIN is repeated until it is acknowledged, whatever else was lost before.
#[test]
fn a_lost_fin_is_sent_again() {
    for seed in 0..100 {
        let faults = Faults {
            lost: 100,
            reordered: 0,
            room: 0,
        };
        let mut sim = Sim::new(seed, faults, PLAIN);
        let listener = sim.listen(80, 8);
        let client = sim.connect(80);
        sim.pass(Duration::from_secs(60));
        let (server, _) = sim.accept(listener).unwrap();
        sim.b.send(server, &[&[7; 30_000]], false).unwrap();
        sim.b.close(server, false);
        sim.pass(Duration::from_secs(50));
        let mut buffer = vec![0; 40_000];
        let first = sim.a.recv(client, &mut [&mut buffer], false, 0);
        assert_eq!(first, Ok(30_000), "seed {seed}");
        let second = sim.a.recv(client, &mut [&mut buffer], false, 0);
        assert_eq!(second, Ok(0), "seed {seed}");
    }
}

/// Data of a connection from `b` to `a` that is on the cable, and what `a` has of it.
fn connected(sim: &mut Sim) -> (ConnectionId, ConnectionId) {
    let listener = sim.listen(80, 8);
    let client = sim.connect(80);
    sim.settle();
    let (server, _) = sim.accept(listener).unwrap();
    (client, server)
}

/// The end of a long answer does not wait for the peer's delayed ACK; only a second short segment waits for that of the first.
#[test]
fn a_short_segment_waits_for_a_short_one_alone() {
    for caps in [PLAIN, OFFLOAD] {
        let mut sim = Sim::new(31, CLEAN, caps);
        let (client, server) = connected(&mut sim);
        // No time passes in this test, so delayed ACKs do not come.
        let got = |sim: &mut Sim| {
            sim.settle();
            let mut buffer = vec![0; 40_000];
            sim.a.recv(client, &mut [&mut buffer], false, 0).unwrap_or(0)
        };
        sim.b.send(server, &[&[1; 1460]], false).unwrap();
        sim.b.send(server, &[&[2; 300]], false).unwrap();
        assert_eq!(got(&mut sim), 1760, "one full segment and the first short one");
        sim.b.send(server, &[&[3; 200]], false).unwrap();
        assert_eq!(got(&mut sim), 200, "those were acknowledged at once");
        sim.b.send(server, &[&[4; 100]], false).unwrap();
        assert_eq!(got(&mut sim), 0, "a second short one waits");
        sim.b.send(server, &[&[5; 1460]], false).unwrap();
        assert_eq!(got(&mut sim), 1560, "until there is a full one");
        sim.pass(Duration::from_millis(50));
        sim.b.send(server, &[&[6; 100]], false).unwrap();
        sim.b.send(server, &[&[7; 100]], false).unwrap();
        assert_eq!(got(&mut sim), 100);
        let settings = Settings {
            no_delay: true,
            ..Settings::default()
        };
        sim.b.configure(server, settings);
        assert_eq!(got(&mut sim), 100, "TCP_NODELAY sends what was held back");
    }
}

/// An answer that is many times the send buffer, corked as nginx does it: its end leaves when the cork does.
#[test]
fn a_long_answer_takes_no_delayed_ack() {
    const TOTAL: usize = (1 << 20) + 246;
    for caps in [PLAIN, OFFLOAD] {
        let mut sim = Sim::new(32, CLEAN, caps);
        let (client, server) = connected(&mut sim);
        for cork in [true, false] {
            let settings = Settings {
                cork,
                ..Settings::default()
            };
            sim.b.configure(server, settings);
            let start = sim.now;
            let (mut sent, mut received) = (0, 0);
            let mut buffer = vec![0; 100_000];
            let data = vec![7; 65_536];
            while received < TOTAL {
                let before = (sent, received);
                while sent < TOTAL {
                    match sim
                        .b
                        .send(server, &[&data[..data.len().min(TOTAL - sent)]], false)
                    {
                        Ok(count) => sent += count,
                        Err(_) => break,
                    }
                }
                if sent == TOTAL {
                    sim.b.configure(server, Settings::default());
                }
                sim.settle();
                received += sim.a.recv(client, &mut [&mut buffer], false, 0).unwrap_or(0);
                if before == (sent, received) {
                    sim.step(Duration::from_secs(1));
                }
            }
            let took = sim.now.since(start);
            assert!(took < Duration::from_millis(5), "{took:?}, cork {cork}");
        }
    }
}

/// smoltcp takes a fast retransmission for sent when there was no room for it, and has stopped its timer.
#[test]
fn a_fast_retransmission_waits_for_room_in_the_card() {
    for seed in 0..20 {
        let mut sim = Sim::new(seed, Faults { room: 16, ..CLEAN }, PLAIN);
        let (client, server) = connected(&mut sim);
        let data: Vec<u8> = (0..9 * 1460).map(byte).collect();
        assert_eq!(sim.b.send(server, &[&data], false), Ok(data.len()));
        // One segment is lost, those behind it ask for it.
        let lost = seed as usize % 5;
        assert!(sim.to_a.lock().unwrap().remove(lost).is_some());
        sim.a.receive();
        assert!(sim.to_b.lock().unwrap().len() >= 3, "duplicate ACKs");
        // When `b` hears of that, its card is full of other things.
        sim.to_a
            .lock()
            .unwrap()
            .extend((0..16).map(|_| (vec![0xff; 60], true)));
        sim.b.receive();
        let start = sim.now;
        sim.settle();
        let mut buffer = vec![0; 40_000];
        let mut got = sim.a.recv(client, &mut [&mut buffer], false, 0).unwrap_or(0);
        while got < data.len() && sim.now.since(start) < Duration::from_secs(3600) {
            if !sim.step(Duration::from_secs(10)) {
                break;
            }
            got += sim
                .a
                .recv(client, &mut [&mut buffer[got..]], false, 0)
                .unwrap_or(0);
        }
        let took = sim.now.since(start);
        assert_eq!(got, data.len(), "seed {seed}: it never came again");
        assert_eq!(buffer[..got], data);
        assert!(took < Duration::from_millis(100), "seed {seed}: {took:?}");
    }
}

/// smoltcp rounds a scaled window down and holds the peer to that, also where it had been told of more: nothing that was asked for is cut off.
#[test]
fn a_large_receive_buffer_takes_all_that_its_window_offered() {
    const TOTAL: usize = 4 << 20;
    for seed in 0..10u64 {
        // Room for more frames than a window has.
        let faults = Faults { room: 2000, ..CLEAN };
        let mut sim = Sim::new(seed, faults, if seed % 2 == 0 { PLAIN } else { OFFLOAD });
        let settings = Settings {
            receive_buffer: 200_001 + 1000 * seed as usize,
            send_buffer: 1 << 20,
            no_delay: true,
            ..Settings::default()
        };
        let queue = Arc::new(WaitQueue::new());
        let local = at(Ipv4Addr::UNSPECIFIED, 80);
        let listener = sim.b.listen(local, 8, settings, &queue);
        let from = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let client = sim
            .a
            .connect(from, SocketAddr::from((B, 80)), settings, &queue)
            .unwrap();
        sim.settle();
        let (server, _) = sim.accept(listener).unwrap();
        let start = sim.now;
        let (mut sent, mut received) = (0, 0);
        let data = vec![7; TOTAL];
        let mut buffer = vec![0; 300_000];
        let mut state = seed + 1;
        let mut random = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) as usize
        };
        while received < TOTAL {
            let before = (sent, received);
            // Segments of odd lengths: full ones are a multiple of what the window is rounded to, so the program keeps no more ready than a window.
            while sent < TOTAL.min(received + settings.receive_buffer + 2000) {
                let end = TOTAL.min(sent + 1 + random() % 1400);
                sent += sim.a.send(client, &[&data[sent..end]], false).unwrap_or(0);
            }
            // The program reads, and a new window leaves, while the rest of what the old one allowed is under way.
            let late = {
                let mut lane = sim.to_b.lock().unwrap();
                let half = lane.len() / 2;
                lane.split_off(half)
            };
            for late in [late, VecDeque::new()] {
                sim.b.receive();
                let odd = 1 + random() % 100_000;
                received += sim
                    .b
                    .recv(server, &mut [&mut buffer[..odd]], false, 0)
                    .unwrap_or(0);
                sim.to_b.lock().unwrap().extend(late);
            }
            sim.settle();
            if before == (sent, received) {
                sim.step(Duration::from_secs(1));
            }
        }
        let took = sim.now.since(start);
        assert!(took < Duration::from_millis(100), "seed {seed}: {took:?}");
        let counters = sim.a.links[ETHERNET].as_ref().unwrap().port.counters;
        let headers = 54 * counters.sent + 50;
        assert!(
            counters.sent_bytes < TOTAL as u64 + headers,
            "seed {seed}: something was sent again: {counters:?}"
        );
    }
}
