//! Names asked for from inside a guest, over UDP and TCP.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, QCLASS, QTYPE, Question, RCODE, TYPE};
use uigniter_network::Error;

use crate::common::{Guest, TestNetwork};

fn question(name: &str) -> Vec<u8> {
    let mut packet = Packet::new_query(1);
    let name = Name::new_unchecked(name);
    packet.questions.push(Question::new(
        name,
        QTYPE::TYPE(TYPE::A),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    packet.build_bytes_vec().unwrap()
}

fn read(answer: &[u8]) -> Result<Ipv4Addr, RCODE> {
    let packet = Packet::parse(answer).unwrap();
    match packet.answers.first().map(|record| &record.rdata) {
        Some(RData::A(a)) => Ok(a.address.into()),
        _ => Err(packet.rcode()),
    }
}

fn ask_udp(server: Ipv4Addr, name: &str) -> Result<Ipv4Addr, RCODE> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.connect((server, 53)).unwrap();
    // Garbage before it must not matter, and is answered with FORMERR or not at all.
    socket.send(&[0xff; 20]).unwrap();
    socket.send(&question(name)).unwrap();
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).unwrap();
    read(&answer[..length])
}

fn ask_tcp(server: Ipv4Addr, name: &str) -> Result<Ipv4Addr, RCODE> {
    let mut stream = TcpStream::connect((server, 53)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let question = question(name);
    stream
        .write_all(&u16::try_from(question.len()).unwrap().to_be_bytes())
        .unwrap();
    stream.write_all(&question).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut answer).unwrap();
    read(&answer)
}

#[tokio::test]
async fn guests_find_each_other_by_name_as_long_as_they_live() {
    let mut test = TestNetwork::new();
    test.config.limits.guests_per_bridge = 1;
    let network = test.open().await;
    let web = network.attach("1").await.unwrap();
    let client = network.attach("2").await.unwrap();
    network.set_name("1", "web").unwrap();
    let guest = Guest::start(&test, &client);
    for ask in [ask_udp, ask_tcp] {
        let server = client.nameserver;
        assert_eq!(guest.run(move || ask(server, "web")), Ok(web.address));
        assert_eq!(guest.run(move || ask(server, "WEB.uigniter")), Ok(web.address));
        assert_eq!(guest.run(move || ask(server, "other")), Err(RCODE::NameError));
    }
    network.detach("1").await.unwrap();
    let server = client.nameserver;
    assert_eq!(guest.run(move || ask_udp(server, "web")), Err(RCODE::NameError));
    network.close(true).await.unwrap();
}

#[tokio::test]
async fn names_need_an_owner_and_have_one() {
    let test = TestNetwork::new();
    let network = test.open().await;
    assert!(matches!(
        network.set_name("1", "web"),
        Err(Error::NotAttached { .. })
    ));
    network.attach("1").await.unwrap();
    network.attach("2").await.unwrap();
    network.set_name("1", "web").unwrap();
    assert!(matches!(network.set_name("2", "web"), Err(Error::NameTaken { owner, .. }) if owner == "1"));
    assert!(matches!(network.set_name("2", "a b"), Err(Error::Name { .. })));
    network.clear_names("1");
    network.set_name("2", "web").unwrap();
    network.close(true).await.unwrap();
}
