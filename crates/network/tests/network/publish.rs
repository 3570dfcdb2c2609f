//! Published ports: clients on the host's loopback, servers in guests.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use uigniter_network::{Attachment, Error, Network, PortMapping, Publication};

use crate::common::{Guest, TestNetwork, listen};

const PATIENCE: Duration = Duration::from_secs(10);

struct Scene {
    test: TestNetwork,
    network: Network,
    guest: Guest,
    attachment: Attachment,
}

impl Scene {
    async fn new(change: impl FnOnce(&mut TestNetwork)) -> Self {
        let mut test = TestNetwork::new();
        change(&mut test);
        let network = test.open().await;
        let attachment = network.attach("a").await.unwrap();
        let guest = Guest::start(&test, &attachment);
        Self {
            test,
            network,
            guest,
            attachment,
        }
    }

    async fn publish(&self, mapping: &str) -> Publication {
        self.network
            .publish("a", mapping.parse().unwrap(), self.attachment.address)
            .await
            .unwrap()
    }

    async fn end(self) {
        drop(self.guest);
        self.network.close(true).await.unwrap();
        drop(self.test);
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn echo(mut client: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        client.write_all(&buffer[..length]).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tcp_passes_both_ways_with_half_close() {
    let scene = Scene::new(|_| {}).await;
    scene.guest.run(|| listen(80, echo));
    let port = scene.publish("80").await;
    assert_eq!(port.host.ip(), Ipv4Addr::LOCALHOST);
    assert_eq!(scene.network.publications(), std::slice::from_ref(&port));
    let data: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let mut client = connect(port.host);
    let mut writer = client.try_clone().unwrap();
    let sent = data.clone();
    let writing = std::thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut received = Vec::new();
    client.read_to_end(&mut received).unwrap();
    writing.join().unwrap();
    assert!(received == data, "{} of {} bytes", received.len(), data.len());
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_slows_the_sender_down() {
    let scene = Scene::new(|_| {}).await;
    let (report, sent) = std::sync::mpsc::channel();
    scene.guest.run(move || {
        listen(80, move |mut client| {
            client
                .set_write_timeout(Some(Duration::from_millis(500)))
                .unwrap();
            let mut total = 0_usize;
            while let Ok(length) = client.write(&[7; 65536]) {
                total += length;
            }
            report.send(total).unwrap();
        });
    });
    let port = scene.publish("80").await;
    let _client = connect(port.host);
    let total = sent.recv_timeout(PATIENCE).unwrap();
    assert!(
        total < 64 << 20,
        "{total} bytes went to a client that reads nothing"
    );
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_refuses_or_is_silent_resets_the_client() {
    let scene = Scene::new(|test| test.config.limits.connect_timeout = Duration::from_millis(200)).await;
    let refused = scene.publish("81").await;
    let silent = scene.network.attach("silent").await.unwrap();
    let nobody = scene
        .network
        .publish("silent", "82".parse().unwrap(), silent.address)
        .await
        .unwrap();
    for port in [refused, nobody] {
        let start = Instant::now();
        let error = connect(port.host).read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_passes_in_both_directions() {
    let scene = Scene::new(|_| {}).await;
    let (report, seen) = std::sync::mpsc::channel();
    scene.guest.run(move || {
        listen(80, |mut client| {
            client.read_exact(&mut [0]).unwrap();
            socket2::SockRef::from(&client)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        });
        listen(81, move |mut client| {
            client.read_exact(&mut [0]).unwrap();
            report
                .send(client.read(&mut [0]).map_err(|error| error.kind()))
                .unwrap();
        });
    });
    let mut client = connect(scene.publish("80").await.host);
    client.write_all(b"x").unwrap();
    assert_eq!(
        client.read(&mut [0]).unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );
    let mut client = connect(scene.publish("81").await.host);
    client.write_all(b"x").unwrap();
    socket2::SockRef::from(&client)
        .set_linger(Some(Duration::ZERO))
        .unwrap();
    drop(client);
    assert_eq!(
        seen.recv_timeout(PATIENCE).unwrap(),
        Err(std::io::ErrorKind::ConnectionReset)
    );
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_beyond_the_bound_wait_for_their_turn() {
    let scene = Scene::new(|test| test.config.limits.connections_per_port = 2).await;
    scene.guest.run(|| listen(80, echo));
    let port = scene.publish("80").await;
    let mut clients: Vec<_> = (0..3).map(|_| connect(port.host)).collect();
    for client in &mut clients {
        client.write_all(b"x").unwrap();
    }
    for client in &mut clients[..2] {
        client.read_exact(&mut [0]).unwrap();
    }
    clients[2]
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    assert_eq!(
        clients[2].read(&mut [0]).unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    clients.remove(0);
    clients[1].set_read_timeout(Some(PATIENCE)).unwrap();
    clients[1].read_exact(&mut [0]).unwrap();
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unpublish_frees_the_port_and_ends_its_connections() {
    let scene = Scene::new(|_| {}).await;
    scene.guest.run(|| listen(80, echo));
    let port = scene.publish("80").await;
    let mut client = connect(port.host);
    client.write_all(b"x").unwrap();
    client.read_exact(&mut [0]).unwrap();
    scene.network.unpublish("a").await;
    assert!(matches!(client.read(&mut [0]), Ok(0) | Err(_)));
    assert!(scene.network.publications().is_empty());
    assert_eq!(
        TcpStream::connect(port.host).unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
    scene.publish(&format!("{}:80", port.host.port())).await;
    scene.network.detach("a").await.unwrap();
    assert!(scene.network.publications().is_empty(), "detach unpublishes");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named_and_a_stranger_is_no_target() {
    let scene = Scene::new(|_| {}).await;
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let mapping: PortMapping = format!("{}:80", taken.port()).parse().unwrap();
    let address = scene.attachment.address;
    let error = scene.network.publish("a", mapping, address).await.unwrap_err();
    assert!(
        matches!(&error, Error::PortTaken { address, .. } if *address == taken),
        "{error}"
    );
    assert!(error.to_string().contains(&taken.to_string()));
    let udp = PortMapping {
        protocol: uigniter_network::Protocol::Udp,
        ..mapping
    };
    scene
        .network
        .publish("a", udp, address)
        .await
        .expect("the same number is free for UDP");
    let elsewhere = PortMapping {
        host_ip: Ipv4Addr::new(192, 0, 2, 1),
        ..mapping
    };
    let error = scene.network.publish("a", elsewhere, address).await.unwrap_err();
    assert!(matches!(error, Error::Listen { .. }), "{error}");
    let error = scene
        .network
        .publish("a", mapping, Ipv4Addr::new(127, 0, 0, 1))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotAGuest { .. }), "{error}");
    scene.end().await;
}

/// A server on UDP port 53 that answers with the port that the datagram came from, which tells flows apart.
fn serve_ports() {
    let socket = UdpSocket::bind("0.0.0.0:53").unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        loop {
            let (_, from) = socket.recv_from(&mut buffer).unwrap();
            socket.send_to(&from.port().to_be_bytes(), from).unwrap();
        }
    });
}

fn ask(client: &UdpSocket, server: SocketAddr) -> u16 {
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.send_to(b"?", server).unwrap();
    let mut answer = [0; 2];
    assert_eq!(client.recv_from(&mut answer).unwrap(), (2, server));
    u16::from_be_bytes(answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn udp_keeps_clients_apart_up_to_the_bound() {
    let scene = Scene::new(|test| test.config.limits.flows_per_port = 2).await;
    scene.guest.run(serve_ports);
    let port = scene.publish("53/udp").await.host;
    let clients: Vec<_> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let first = ask(&clients[0], port);
    let second = ask(&clients[1], port);
    assert_ne!(first, second);
    assert_eq!(ask(&clients[0], port), first, "the flow is kept");
    let third = ask(&clients[2], port);
    assert_ne!(third, first);
    assert_eq!(
        ask(&clients[0], port),
        first,
        "the one that was silent longest gave way"
    );
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_udp_flow_ends() {
    let scene = Scene::new(|test| test.config.limits.flow_idle = Duration::from_millis(500)).await;
    scene.guest.run(serve_ports);
    let port = scene.publish("53/udp").await.host;
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    let first = ask(&client, port);
    // The clock is what is tested.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_ne!(ask(&client, port), first);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connect_reaches_guests_and_says_why_not() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let scene = Scene::new(|_| {}).await;
    scene.guest.run(|| listen(80, echo));
    let mut stream = scene
        .network
        .connect(SocketAddrV4::new(scene.attachment.address, 80))
        .await
        .unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");
    match scene
        .network
        .connect(SocketAddrV4::new(scene.attachment.address, 81))
        .await
    {
        Err(Error::Connect { source, .. }) => {
            assert_eq!(source.kind(), std::io::ErrorKind::ConnectionRefused)
        }
        other => panic!("{other:?}"),
    }
    scene.end().await;
}
