use super::*;
use alloc::{format, vec};

#[test]
fn the_line_of_the_issue() {
    let args = BootArgs::parse(
        "--ip=eth0,172.16.0.2,255.255.255.0 --defaultgw=172.16.0.1 --nameserver=172.16.0.1 --env=K=V --rootfs=rofs \
         --nopci /path/prog a \"b c\" virtio_mmio.device=4K@0xd0000000:5 ; root=/dev/vda ro",
    )
    .unwrap();
    assert_eq!(
        args.interfaces,
        [Interface {
            name: "eth0".into(),
            address: Ipv4Addr::new(172, 16, 0, 2),
            prefix_len: 24
        }]
    );
    assert_eq!(args.env, [("K".into(), "V".into())]);
    assert_eq!(
        args.mmio_devices,
        [MmioDevice {
            size: 4096,
            base: 0xd000_0000,
            irq: 5
        }]
    );
    assert_eq!(args.command, ["/path/prog", "a", "b c"]);
}

#[test]
fn unknown_options_are_named() {
    let error = BootArgs::parse("--frobnicate=1 prog").unwrap_err();
    assert!(format!("{error}").contains("--frobnicate=1"), "{error}");
    assert_eq!(BootArgs::parse("--nopci"), Err(Error::NoCommand));
    assert_eq!(BootArgs::parse("prog \"x"), Err(Error::UnclosedQuote));
    for bad in [
        "--ip=eth0,1.2.3.4",
        "--ip=eth0,1.2.3.4,255.0.255.0",
        "--ip=eth0,fd00::1",
        "--ip=eth0,fd00::1/129",
        "--env=K",
        "--rootfs=zfs",
        "--mount=block:data,/x",
        "--mount=block:,/x,rw",
        "--mount=block:data,x,rw",
        "--mount=nfs:data,/x,rw",
        "--defaultgw=x",
        "--nameserver=x",
        "--host=name",
        "--host=,1.2.3.4",
        "--user=1",
        "--user=1:",
        "--user=1:2,x",
        "--user=-1:2",
    ] {
        assert!(matches!(BootArgs::parse(bad), Err(Error::BadValue(..))), "{bad}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    let args = BootArgs {
        interfaces: vec![Interface {
            name: "eth0".into(),
            address: Ipv4Addr::new(10, 0, 0, 9),
            prefix_len: 8,
        }],
        interfaces_v6: vec![InterfaceV6 {
            name: "eth0".into(),
            address: "fd00::9".parse().unwrap(),
            prefix_len: 64,
        }],
        default_gateway_v6: Some("fd00::1".parse().unwrap()),
        env: vec![("A".into(), "x y \"q\" \\ ;".into()), ("B".into(), String::new())],
        hostname: Some("web-1".into()),
        nameservers: vec!["10.0.0.1".parse().unwrap(), "fd00::53".parse().unwrap()],
        search: vec!["example.org".into(), "lan".into()],
        hosts: vec![
            ("db".into(), "10.0.0.7".parse().unwrap()),
            ("db".into(), "fd00::7".parse().unwrap()),
        ],
        user: Some(User {
            uid: 1000,
            gid: 100,
            groups: vec![5, 33],
        }),
        rootfs: Some(RootFs::RamFs),
        mounts: vec![
            Mount {
                source: MountSource::Block("vol0".into()),
                target: "/var/lib/a, b".into(),
                read_only: false,
            },
            Mount {
                source: MountSource::VirtioFs("www".into()),
                target: "/www".into(),
                read_only: true,
            },
        ],
        cwd: Some("/srv dir".into()),
        verbose: true,
        interactive: true,
        mmio_devices: vec![MmioDevice {
            size: 4096,
            base: 0xc000_1000,
            irq: 7,
        }],
        command: ["/bin/x", "", ";", "--flag=1", "a\\b", "say \"hi\"", "tail;", "ü"]
            .map(String::from)
            .into(),
        ..BootArgs::default()
    };
    assert_eq!(
        BootArgs::parse(&format!("console=ttyS0 {args} pci=off root=/dev/vda")).unwrap(),
        args
    );
}

#[test]
fn fuzz_boot_line() {
    let seeds: [&[u8]; 4] = [
        b"--ip=eth0,172.16.0.2,255.255.255.0 --defaultgw=172.16.0.1 --nameserver=172.16.0.1 --nopci /bin/app one two;",
        b"--env=A=b --env=C=\"d e\" --cwd=/tmp --hostname=x --rootfs=rofs --verbose /a 'b c' \\;",
        b"virtio_mmio.device=4K@0xd0000000:5 console=ttyS0 -- --env=X /x",
        b"",
    ];
    uigniter_fuzz::run("boot-line", &seeds, |input| {
        let line = String::from_utf8_lossy(input);
        match BootArgs::parse(&line) {
            Ok(args) => assert!(!args.command.is_empty(), "a command or an error"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    });
}
