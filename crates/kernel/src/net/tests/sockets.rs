//! Sockets over the loopback of the one stack, without blocking: host tests have no threads of ours.

use crate::{
    errno::Errno,
    file::{File, OpenFile, Poll},
    net::{Address, Ancillary, Socket, socket, socket_pair},
    user::UserSlice,
};
use linux_raw_sys::{
    general::{O_NONBLOCK, O_RDWR},
    net as raw,
};
use std::{
    net::{Ipv4Addr, SocketAddrV4},
    sync::{Arc, Mutex, MutexGuard},
};

/// The tests of this file share one stack.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn address(port: u16) -> Address {
    Address::Inet(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

fn open(file: &Arc<Socket>) -> Arc<OpenFile> {
    OpenFile::new(file.clone(), O_RDWR | O_NONBLOCK)
}

fn port(socket: &Socket) -> u16 {
    match socket.endpoint().name() {
        Address::Inet(address) => address.port(),
        other => panic!("{other:?}"),
    }
}

fn slice(bytes: &[u8]) -> UserSlice {
    UserSlice::new(bytes.as_ptr() as u64, bytes.len())
}

struct Pair {
    listener: Arc<OpenFile>,
    client: (Arc<Socket>, Arc<OpenFile>),
    server: (Arc<Socket>, Arc<OpenFile>),
}

fn connected() -> Pair {
    let listening = socket(raw::AF_INET, raw::SOCK_STREAM, 0).unwrap();
    listening.endpoint().bind(&address(0)).unwrap();
    listening.endpoint().listen(16).unwrap();
    let listener = open(&listening);
    assert_eq!(listening.accept(&listener).map(|_| ()), Err(Errno::EAGAIN));
    assert_eq!(listening.poll(), Poll::empty());
    let client = socket(raw::AF_INET, raw::SOCK_STREAM, 0).unwrap();
    let client_open = open(&client);
    assert_eq!(client.poll(), Poll::OUT | Poll::HUP);
    assert_eq!(
        client.connect(&client_open, &address(port(&listening))),
        Err(Errno::EINPROGRESS)
    );
    assert_eq!(client.poll(), Poll::OUT);
    assert_eq!(client.connect(&client_open, &address(port(&listening))), Ok(()));
    assert_eq!(
        client.connect(&client_open, &address(port(&listening))),
        Err(Errno::EISCONN)
    );
    assert_eq!(listening.poll(), Poll::IN);
    let (server, from) = listening.accept(&listener).unwrap();
    assert_eq!(from, client.endpoint().name());
    assert_eq!(server.endpoint().peer(), Ok(from));
    let server_open = open(&server);
    Pair {
        listener,
        client: (client, client_open),
        server: (server, server_open),
    }
}

#[test]
fn streams_carry_bytes_both_ways() {
    let _turn = turn();
    let pair = connected();
    let ((client, client_open), (server, server_open)) = (&pair.client, &pair.server);
    let mut buffer = [0u8; 64];
    assert_eq!(
        server.receive(server_open, &[slice(&buffer)], 0).map(|m| m.len),
        Err(Errno::EAGAIN)
    );
    let parts = [slice(b"hello, "), slice(b"world")];
    assert_eq!(client.send(client_open, &parts, None, &[], 0), Ok(12));
    assert_eq!(server.poll(), Poll::IN | Poll::OUT);
    assert_eq!(
        server
            .receive(server_open, &[slice(&buffer)], raw::MSG_PEEK)
            .unwrap()
            .copied,
        12
    );
    assert_eq!(server.endpoint().queued(), Ok((12, 0)));
    assert_eq!(server.read(0, &mut buffer), Ok(12));
    assert_eq!(&buffer[..12], b"hello, world");
    // A window's worth, and no more.
    let big = vec![7u8; 1 << 20];
    let sent = server.write(0, &big).unwrap();
    assert!(sent >= 32 * 1024 && sent < big.len());
    while server.write(0, &big).is_ok() {}
    assert!(!server.poll().contains(Poll::OUT));
    let mut drain = vec![0; 1 << 16];
    while client.read(0, &mut drain).is_ok() {}
    assert!(server.poll().contains(Poll::OUT));
    let info = server.get_option(6, raw::TCP_INFO).unwrap().into_bytes();
    assert_eq!(info[0], 1);
    drop(pair.listener);
}

#[test]
fn closing_is_seen_at_the_other_end() {
    let _turn = turn();
    let Pair {
        listener: _listener,
        client: (client, client_open),
        server: (server, server_open),
    } = connected();
    client.endpoint().shutdown(false, true).unwrap();
    assert_eq!(server.poll(), Poll::IN | Poll::OUT | Poll::RDHUP);
    assert_eq!(server.read(0, &mut [0; 8]), Ok(0));
    assert_eq!(server.write(0, b"last words"), Ok(10));
    drop(server_open);
    assert_eq!(client.poll(), Poll::IN | Poll::OUT | Poll::RDHUP | Poll::HUP);
    let mut buffer = [0; 16];
    assert_eq!(client.read(0, &mut buffer), Ok(10));
    assert_eq!(client.read(0, &mut buffer), Ok(0));
    assert_eq!(
        client.send(&client_open, &[slice(b"x")], None, &[], raw::MSG_NOSIGNAL),
        Err(Errno::EPIPE)
    );
}

#[test]
fn refusal_is_reported_once() {
    let _turn = turn();
    let client = socket(raw::AF_INET, raw::SOCK_STREAM, 0).unwrap();
    let client_open = open(&client);
    // Port 1 is nobody's here.
    assert_eq!(client.connect(&client_open, &address(1)), Err(Errno::EINPROGRESS));
    assert!(client.poll().contains(Poll::ERR | Poll::HUP));
    let error = client
        .get_option(raw::SOL_SOCKET, raw::SO_ERROR)
        .unwrap()
        .into_bytes();
    assert_eq!(error, (i32::from(Errno::ECONNREFUSED.0)).to_ne_bytes());
    let error = client
        .get_option(raw::SOL_SOCKET, raw::SO_ERROR)
        .unwrap()
        .into_bytes();
    assert_eq!(error, 0i32.to_ne_bytes());
    assert_eq!(
        client.send(&client_open, &[slice(b"x")], None, &[], raw::MSG_NOSIGNAL),
        Err(Errno::EPIPE)
    );
}

#[test]
fn datagrams_keep_their_borders() {
    let _turn = turn();
    let (one, two) = (
        socket(raw::AF_INET, raw::SOCK_DGRAM, 0).unwrap(),
        socket(raw::AF_INET, raw::SOCK_DGRAM, 0).unwrap(),
    );
    let (one_open, two_open) = (open(&one), open(&two));
    two.endpoint().bind(&address(0)).unwrap();
    let target = address(port(&two));
    assert_eq!(
        one.send(&one_open, &[slice(b"x")], None, &[], 0),
        Err(Errno::EDESTADDRREQ)
    );
    assert_eq!(
        one.send(
            &one_open,
            &[slice(b"first"), slice(b" one")],
            Some(&target),
            &[],
            0
        ),
        Ok(9)
    );
    assert_eq!(one.send(&one_open, &[slice(b"")], Some(&target), &[], 0), Ok(0));
    let mut buffer = [0u8; 4];
    assert_eq!(two.poll(), Poll::IN | Poll::OUT);
    assert_eq!(two.endpoint().queued(), Ok((9, 0)));
    let message = two.receive(&two_open, &[slice(&buffer)], 0).unwrap();
    assert_eq!((message.copied, message.len), (4, 9));
    assert_eq!(message.from, Some(address(port(&one))));
    assert_eq!(two.receive(&two_open, &[slice(&buffer)], 0).unwrap().len, 0);
    assert_eq!(
        two.receive(&two_open, &[slice(&buffer)], 0).map(|m| m.len),
        Err(Errno::EAGAIN)
    );
    // A connected socket hears that nobody is there.
    one.endpoint().connect(&address(2)).unwrap();
    assert_eq!(one.send(&one_open, &[slice(b"x")], None, &[], 0), Ok(1));
    assert!(one.poll().contains(Poll::ERR));
    assert_eq!(one.read(0, &mut buffer), Err(Errno::ECONNREFUSED));
}

#[test]
fn ports_are_taken_and_given_back() {
    let _turn = turn();
    let one = socket(raw::AF_INET, raw::SOCK_STREAM, 0).unwrap();
    let one_open = open(&one);
    one.endpoint().bind(&address(4567)).unwrap();
    let two = socket(raw::AF_INET, raw::SOCK_STREAM, 0).unwrap();
    assert_eq!(two.endpoint().bind(&address(4567)), Err(Errno::EADDRINUSE));
    drop(one_open);
    assert_eq!(two.endpoint().bind(&address(4567)), Ok(()));
    assert_eq!(two.endpoint().bind(&address(4568)), Err(Errno::EINVAL));
    let elsewhere = Address::Inet(SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 1), 0));
    let three = socket(raw::AF_INET, raw::SOCK_STREAM, 0).unwrap();
    assert_eq!(three.endpoint().bind(&elsewhere), Err(Errno::EADDRNOTAVAIL));
    assert_eq!(
        socket(raw::AF_X25, raw::SOCK_STREAM, 0).map(|_| ()),
        Err(Errno::EAFNOSUPPORT)
    );
    drop(open(&two));
}

#[test]
fn unix_pairs_talk() {
    let (one, two) = socket_pair(raw::AF_UNIX, raw::SOCK_STREAM, 0).unwrap();
    let (one_open, _two_open) = (open(&one), open(&two));
    assert_eq!(one.poll(), Poll::OUT);
    assert_eq!(one.read(0, &mut [0; 4]), Err(Errno::EAGAIN));
    assert_eq!(
        one.endpoint()
            .send(&[b"ab", b"cde"], &crate::net::Outgoing::default()),
        Ok(5)
    );
    assert_eq!(two.poll(), Poll::IN | Poll::OUT);
    let (mut head, mut tail) = ([0; 3], [0; 8]);
    assert_eq!(
        two.endpoint()
            .recv(&mut [&mut head, &mut tail], false)
            .unwrap()
            .copied,
        5
    );
    assert_eq!((&head, &tail[..2]), (b"abc", &b"de"[..]));
    while one.write(0, &[1; 10_000]).is_ok() {}
    assert_eq!(one.poll(), Poll::empty());
    let mut drain = vec![0; 300_000];
    assert_eq!(two.read(0, &mut drain), Ok(212_992));
    assert_eq!(one.poll(), Poll::OUT);
    one.write(0, b"bye").unwrap();
    drop(one_open);
    assert_eq!(two.poll(), Poll::IN | Poll::OUT | Poll::RDHUP | Poll::HUP);
    assert_eq!(two.read(0, &mut drain), Ok(3));
    assert_eq!(two.read(0, &mut drain), Ok(0));
    assert_eq!(
        two.endpoint().send(&[b"x"], &crate::net::Outgoing::default()),
        Err(Errno::EPIPE)
    );
}

#[test]
fn unix_names_lead_to_listeners() {
    crate::fs::testing::boot();
    for (kind, name) in [
        (raw::SOCK_STREAM, "\0listener"),
        (raw::SOCK_SEQPACKET, "\0listener"),
        (raw::SOCK_STREAM, "/tmp/unix_names_lead_to_listeners"),
    ] {
        let name = Address::Unix(name.into());
        let listening = socket(raw::AF_UNIX, kind, 0).unwrap();
        listening.endpoint().bind(&name).unwrap();
        let client = socket(raw::AF_UNIX, kind, 0).unwrap();
        assert_eq!(
            client.endpoint().connect(&name).map(|_| ()),
            Err(Errno::ECONNREFUSED)
        );
        listening.endpoint().listen(1).unwrap();
        let listener = open(&listening);
        client.endpoint().connect(&name).unwrap();
        assert_eq!(listening.poll(), Poll::IN);
        let (server, _) = listening.accept(&listener).unwrap();
        assert_eq!(client.endpoint().peer(), Ok(name.clone()));
        client.write(0, b"one").unwrap();
        client.write(0, b"two").unwrap();
        let mut buffer = [0; 16];
        let expected = if kind == raw::SOCK_STREAM { 6 } else { 3 };
        assert_eq!(server.read(0, &mut buffer), Ok(expected));
        assert_eq!(client.endpoint().connect(&name).map(|_| ()), Err(Errno::EISCONN));
        drop(listener);
        let other = socket(raw::AF_UNIX, kind, 0).unwrap();
        assert_eq!(
            other.endpoint().connect(&name).map(|_| ()),
            Err(Errno::ECONNREFUSED)
        );
    }
}

/// Edge-triggered epoll rests on this: each arrival of data wakes, even when older data was not read; nothing else does.
#[test]
fn each_arrival_of_data_wakes() {
    use crate::wait::Wake;
    use std::sync::atomic::{AtomicUsize, Ordering};
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let _turn = turn();
    let pair = connected();
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waiter: Arc<dyn Wake> = count.clone();
    pair.server.0.queue().unwrap().add(&waiter);
    for round in 1..=3 {
        pair.client.0.write(0, b"news").unwrap();
        assert_eq!(count.0.load(Ordering::Relaxed), round);
    }
    // Reading, and the peer's reading, are no news.
    pair.server.0.read(0, &mut [0; 6]).unwrap();
    pair.server.0.write(0, b"answer").unwrap();
    pair.client.0.read(0, &mut [0; 6]).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 3);
    pair.client.0.endpoint().shutdown(false, true).unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 4);
}

/// Sockets in each other's inboxes, one that can still be reached and two that cannot.
#[test]
fn descriptors_travel_and_cycles_are_let_go() {
    let _turn = turn();
    let pair = || {
        let (one, two) = socket_pair(raw::AF_UNIX, raw::SOCK_STREAM, 0).unwrap();
        (open(&one), open(&two))
    };
    let send = |to: &OpenFile, file: &Arc<OpenFile>| {
        let socket = to.file.as_any().downcast_ref::<Socket>().unwrap();
        let control = [Ancillary::Files(vec![file.clone()])];
        assert_eq!(socket.send(to, &[slice(b"x")], None, &control, 0), Ok(1));
    };
    let (a, b) = pair();
    let (c, d) = pair();
    let lost = [&b, &d].map(Arc::downgrade);
    send(&a, &d);
    send(&c, &b);
    drop((a, c));
    let receiver = b.file.as_any().downcast_ref::<Socket>().unwrap();
    let mut buffer = [0u8; 4];
    let got = receiver.endpoint().recv(&mut [&mut buffer], false).unwrap();
    assert!(matches!(&got.control[..], [Ancillary::Files(files)] if Arc::ptr_eq(&files[0], &d)));
    // Back again, and now nobody has either.
    let (e, f) = pair();
    send(&e, &d);
    send(&e, &b);
    send(&e, &f);
    drop((got, b, d, e, f));
    drop(pair());
    assert!(lost.iter().all(|file| file.upgrade().is_none()));
}
