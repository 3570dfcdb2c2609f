//! Answers to good, odd and hostile messages.

use simple_dns::Question;

use super::*;

fn table() -> Names {
    let names = Names::default();
    names.set("1", "Web", Ipv4Addr::new(172, 16, 0, 2)).unwrap();
    names
}

fn query(name: &str, qtype: TYPE) -> Vec<u8> {
    let mut packet = Packet::new_query(7);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new_unchecked(name).into_owned();
    packet.questions.push(Question::new(
        name,
        QTYPE::TYPE(qtype),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    packet.build_bytes_vec().unwrap()
}

fn ask(name: &str, qtype: TYPE) -> (RCODE, Vec<Ipv4Addr>) {
    let bytes = answer(&query(name, qtype), &table()).unwrap();
    let reply = Packet::parse(&bytes).unwrap();
    assert_eq!((reply.id(), reply.questions.len()), (7, 1));
    assert!(reply.has_flags(PacketFlag::RESPONSE | PacketFlag::RECURSION_DESIRED));
    let addresses = reply.answers.iter().map(|record| match &record.rdata {
        RData::A(a) => a.address.into(),
        other => panic!("{other:?}"),
    });
    (reply.rcode(), addresses.collect())
}

#[test]
fn names_resolve_with_and_without_the_domain_in_any_case() {
    for name in ["web", "WEB", "web.uigniter", "Web.UIGNITER"] {
        assert_eq!(
            ask(name, TYPE::A),
            (RCODE::NoError, vec![Ipv4Addr::new(172, 16, 0, 2)]),
            "{name}"
        );
    }
}

#[test]
fn other_types_are_empty_and_other_names_do_not_exist() {
    assert_eq!(ask("web", TYPE::AAAA), (RCODE::NoError, vec![]));
    for name in [
        "other",
        "web.example",
        "web.uigniter.uigniter",
        "uigniter",
        "webuigniter",
        "example.org",
    ] {
        assert_eq!(ask(name, TYPE::A), (RCODE::NameError, vec![]), "{name}");
    }
}

#[test]
fn a_name_has_one_owner() {
    let names = table();
    names.set("1", "web", Ipv4Addr::new(172, 16, 0, 3)).unwrap();
    let error = names.set("2", "WEB", Ipv4Addr::new(172, 16, 0, 4)).unwrap_err();
    assert!(matches!(error, Error::NameTaken { owner, .. } if owner == "1"));
    names.clear("1");
    names.set("2", "web", Ipv4Addr::new(172, 16, 0, 4)).unwrap();
}

#[test]
fn responses_get_silence_and_unreadable_queries_formerr() {
    let mut response = query("web", TYPE::A);
    response[2] |= 0x80;
    assert_eq!(answer(&response, &table()), None);
    assert_eq!(answer(&[], &table()), None);
    assert_eq!(answer(&[0; 11], &table()), None);
    // One question is promised and missing.
    let short = answer(&[0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], &table()).unwrap();
    assert_eq!((short[1], short[3] & 0xf), (9, 1));
}

#[test]
fn no_message_panics_or_is_answered_at_length() {
    let names = table();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let seeds = [
        query("web", TYPE::A),
        query("a.b.c.d.e.uigniter", TYPE::TXT),
        vec![0; 64],
        vec![0xc0; 300],
    ];
    for _ in 0..200_000 {
        let mut message = seeds[random() as usize % seeds.len()].clone();
        for _ in 0..random() % 6 {
            let at = random() as usize % message.len();
            message[at] = random() as u8;
        }
        message.truncate(random() as usize % (message.len() + 1));
        if let Some(answer) = answer(&message, &names) {
            assert!(answer.len() <= message.len() + 512);
        }
    }
}
