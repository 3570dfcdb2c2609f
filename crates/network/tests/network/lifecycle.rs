//! Namespaces, taps and leases: made, taken over, mended, and gone without a trace.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::common::{self, Guest, TestNetwork};
use uigniter_network::{Error, Network};

#[tokio::test]
async fn a_network_leaves_nothing_behind() {
    let before = common::links();
    let test = TestNetwork::new();
    let network = test.open().await;
    let attachment = network.attach("a").await.unwrap();
    assert_eq!(attachment.tap, "tap2");
    assert_eq!(attachment.address, Ipv4Addr::new(172, 16, 0, 2));
    assert_eq!(
        (attachment.gateway, attachment.nameserver),
        (Ipv4Addr::new(172, 16, 0, 1), Ipv4Addr::new(172, 16, 0, 1))
    );
    assert_eq!(
        (attachment.mac.to_string().as_str(), attachment.prefix_len),
        ("06:00:ac:10:00:02", 22)
    );
    assert_eq!(test.links(), ["lo", "tap2", "uigniter0"]);
    assert_eq!(common::links(), before, "the host's namespace is not touched");
    network.detach("a").await.unwrap();
    assert_eq!(test.links(), ["lo", "uigniter0"]);
    network.attach("b").await.unwrap();
    network.close(true).await.unwrap();
    assert!(!std::path::Path::new(&test.namespace()).exists());
    assert_eq!(std::fs::read_dir(&test.config.state_dir).unwrap().count(), 0);
    assert_eq!(common::links(), before);
}

#[tokio::test]
async fn the_namespace_is_where_ip_netns_looks_and_commands_start_inside() {
    let test = TestNetwork::new();
    let network = test.open().await;
    network.attach("a").await.unwrap();
    let shown = std::process::Command::new("ip")
        .args(["netns", "exec", &test.config.name, "ip", "-d", "link"])
        .output();
    let shown = String::from_utf8(shown.expect("the `ip` program is there").stdout).unwrap();
    for part in [
        "tap2",
        "tun type tap pi off vnet_hdr on persist on",
        "master uigniter0",
        "bcast_flood off",
        "proxy_arp on",
    ] {
        assert!(shown.contains(part), "no `{part}` in {shown}");
    }
    let mut command = std::process::Command::new("cat");
    command.arg("/proc/self/net/dev");
    network.start_inside(&mut command).unwrap();
    let inside = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(inside.contains("uigniter0:"), "{inside}");
    network.close(true).await.unwrap();
}

#[tokio::test]
async fn attachments_survive_a_restart() {
    let test = TestNetwork::new();
    let network = test.open().await;
    let first = network.attach("a").await.unwrap();
    let second = network.attach("b").await.unwrap();
    network.detach("a").await.unwrap();
    network.close(false).await.unwrap();
    let links = test.links();
    let network = test.open().await;
    assert_eq!(test.links(), links);
    assert_eq!(network.attachments(), [("b".to_owned(), second.clone())]);
    assert_eq!(network.attach("b").await.unwrap(), second);
    assert_ne!(
        network.attach("c").await.unwrap().address,
        first.address,
        "it rests"
    );
    network.close(true).await.unwrap();
}

#[tokio::test]
async fn one_process_at_a_time_has_it_open() {
    let test = TestNetwork::new();
    let network = test.open().await;
    let error = Network::open(test.config.clone()).await.unwrap_err();
    assert!(
        matches!(&error, Error::InUse { name } if *name == test.config.name),
        "{error}"
    );
    network.close(false).await.unwrap();
    test.open().await.close(true).await.unwrap();
}

#[tokio::test]
async fn a_closed_network_says_so() {
    let test = TestNetwork::new();
    let network = test.open().await;
    network.clone().close(true).await.unwrap();
    assert!(matches!(network.attach("a").await, Err(Error::Closed)));
    assert!(matches!(network.close(true).await, Err(Error::Closed)));
}

#[tokio::test]
async fn reconcile_keeps_the_living_and_removes_the_rest() {
    let test = TestNetwork::new();
    let network = test.open().await;
    for owner in ["alive", "dead", "lost"] {
        network.attach(owner).await.unwrap();
    }
    // A crash: nothing is closed in order, one tap is gone, and one has no lease.
    drop(network);
    test.inside(|| {
        for arguments in ["link del tap4", "tuntap add tap99 mode tap vnet_hdr"] {
            assert!(
                std::process::Command::new("ip")
                    .args(arguments.split(' '))
                    .status()
                    .unwrap()
                    .success()
            );
        }
    });
    let network = open_after_drop(&test).await;
    let found = network
        .reconcile(&["alive".to_owned(), "lost".to_owned()])
        .await
        .unwrap();
    assert_eq!(found.removed_owners, ["dead"]);
    assert_eq!(found.removed_taps, ["tap99"]);
    assert_eq!(found.restored_owners, ["lost"]);
    assert_eq!(test.links(), ["lo", "tap2", "tap4", "uigniter0"]);
    assert_eq!(network.attachments().len(), 2);
    network.close(true).await.unwrap();
}

#[tokio::test]
async fn everything_comes_back_after_the_namespace_is_lost() {
    let test = TestNetwork::new();
    let network = test.open().await;
    let attachment = network.attach("a").await.unwrap();
    network.close(false).await.unwrap();
    nix::mount::umount(test.namespace().as_str()).unwrap();
    let network = test.open().await;
    let found = network.reconcile(&["a".to_owned()]).await.unwrap();
    assert_eq!(found.restored_owners, ["a"]);
    assert_eq!(network.attachment("a"), Some(attachment));
    network.close(true).await.unwrap();
}

/// The name is free once the last handle's socket is closed, which dropping it does.
async fn open_after_drop(test: &TestNetwork) -> Network {
    test.open().await
}

#[tokio::test]
async fn a_full_bridge_leads_to_the_next_and_a_full_network_is_an_error() {
    let mut test = TestNetwork::new();
    test.config.limits.guests_per_bridge = 3;
    test.config.limits.bridges = 2;
    let network = test.open().await;
    let mut attachments = Vec::new();
    for owner in ["a", "b", "c", "d", "e", "f"] {
        attachments.push(network.attach(owner).await.unwrap());
    }
    assert_eq!(attachments[2].gateway, Ipv4Addr::new(172, 16, 0, 1));
    assert_eq!(attachments[3].gateway, Ipv4Addr::new(172, 16, 4, 1));
    assert!(test.links().contains(&"uigniter1".to_owned()));
    let error = network.attach("g").await.unwrap_err();
    assert!(matches!(error, Error::PoolFull { capacity: 6, .. }), "{error}");
    network.detach("b").await.unwrap();
    assert_eq!(network.attach("g").await.unwrap(), attachments[1]);
    network.close(true).await.unwrap();
}

#[tokio::test]
async fn guests_reach_the_gateway_and_each_other_also_across_bridges() {
    let mut test = TestNetwork::new();
    test.config.limits.guests_per_bridge = 2;
    let network = test.open().await;
    let mut guests = Vec::new();
    for owner in ["a", "b", "c"] {
        let attachment = network.attach(owner).await.unwrap();
        guests.push((Guest::start(&test, &attachment), attachment));
    }
    assert_ne!(guests[0].1.gateway, guests[2].1.gateway);
    for (guest, _) in &guests {
        guest.run(|| common::listen(7, drop));
    }
    let servers: Vec<_> = guests
        .iter()
        .map(|(_, attachment)| SocketAddrV4::new(attachment.address, 7))
        .collect();
    for (guest, own) in &guests {
        for server in servers
            .iter()
            .copied()
            .chain([SocketAddrV4::new(own.gateway, 53)])
        {
            let connected =
                guest.run(move || TcpStream::connect_timeout(&server.into(), Duration::from_secs(5)));
            assert!(connected.is_ok(), "{} to {server}: {connected:?}", own.address);
        }
    }
    network.close(true).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn eleven_hundred_taps_come_and_go() {
    let test = TestNetwork::new();
    let network = test.open().await;
    let start = Instant::now();
    let mut taps = HashSet::new();
    for number in 0..1100 {
        taps.insert(network.attach(&format!("owner-{number}")).await.unwrap().tap);
    }
    let attached = start.elapsed();
    assert_eq!(taps.len(), 1100);
    let links = test.links();
    assert_eq!(links.len(), 1100 + 3);
    assert!(links.contains(&"uigniter1".to_owned()));
    let start = Instant::now();
    network.reconcile(&[]).await.unwrap();
    let detached = start.elapsed();
    assert_eq!(test.links(), ["lo", "uigniter0", "uigniter1"]);
    println!("1100 taps: made in {attached:?}, removed in {detached:?}");
    assert!(
        attached + detached < Duration::from_secs(60),
        "made in {attached:?}, removed in {detached:?}"
    );
    network.close(true).await.unwrap();
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_before_anything_is_made() {
    for change in [
        |config: &mut uigniter_network::Config| config.limits.guests_per_bridge = 1022,
        |config: &mut uigniter_network::Config| config.limits.connections_per_port = 0,
    ] {
        let mut test = TestNetwork::new();
        change(&mut test.config);
        let error = Network::open(test.config.clone()).await.unwrap_err();
        assert!(matches!(error, Error::Limit { .. }), "{error}");
        assert!(!std::path::Path::new(&test.namespace()).exists());
    }
    let mut test = TestNetwork::new();
    test.config.name = "../x".to_owned();
    assert!(matches!(
        Network::open(test.config.clone()).await,
        Err(Error::Name { .. })
    ));
}

#[tokio::test]
async fn a_lease_file_that_cannot_be_read_stops_before_anything_changes() {
    let test = TestNetwork::new();
    std::fs::write(
        test.config.state_dir.join("leases"),
        "range 172.16.0.0/12\n+ 172.16.4.2 a\n",
    )
    .unwrap();
    let network = test.open().await;
    network.close(false).await.unwrap();
    std::fs::write(test.config.state_dir.join("leases"), "what is this\n").unwrap();
    let error = Network::open(test.config.clone()).await.unwrap_err();
    assert!(matches!(error, Error::CorruptState { line: 1, .. }), "{error}");
    assert_eq!(
        test.links(),
        ["lo", "uigniter0", "uigniter1"],
        "what was there before stays"
    );
}

/// `ip netns add` binds its folder over itself where nobody did before; a name that was there must still go away.
#[test]
fn a_name_goes_away_although_ip_netns_made_one_beside_it() {
    let scene = || {
        // A mount namespace whose `/run` nobody has used; this thread and those that it starts are in it.
        unshare(CloneFlags::CLONE_NEWNS).unwrap();
        let change = |source, target, kind, flags| mount(source, target, kind, flags, None::<&str>).unwrap();
        change(
            None::<&str>,
            "/",
            None::<&str>,
            MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        );
        change(Some("none"), "/run", Some("tmpfs"), MsFlags::empty());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let test = TestNetwork::new();
            let network = test.open().await;
            let beside = std::process::Command::new("ip")
                .args(["netns", "add", "beside"])
                .status();
            assert!(beside.unwrap().success());
            network.close(true).await.unwrap();
            let left: Vec<_> = std::fs::read_dir("/run/netns")
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            assert_eq!(left, ["beside"]);
        });
    };
    std::thread::spawn(scene).join().unwrap();
}
