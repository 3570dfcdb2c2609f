//! Real guests on real KVM: boot protocols, ways to end, devices, hostility.
//!
//! Needs root and `/dev/kvm`; where they are missing the tests fail and say so through the monitor's own error.

mod common;

use std::{fs, process::Command};

use common::{Folder, Vmm, guest, linux64, program, run_job};

#[test]
fn pvh_guest_gives_its_status_through_the_exit_port() {
    let (code, exit, _) = run_job("exit 3");
    assert_eq!((code, exit.as_str()), (3, r#"{"status":"exited","code":3}"#));
}

#[test]
fn linux_entry_has_zero_page_command_line_initrd_and_frequencies() {
    let mut vmm = Vmm::start();
    let initrd = vmm.folder.file("initrd", b"4321");
    vmm.put("/machine-config", r#"{"vcpu_count":1,"mem_size_mib":16}"#);
    let source = format!(
        r#"{{"kernel_image_path":"{}","initrd_path":"{}","boot_args":"file"}}"#,
        linux64().display(),
        initrd.display()
    );
    vmm.put("/boot-source", &source);
    vmm.put("/actions", r#"{"action_type":"InstanceStart"}"#);
    assert_eq!(vmm.end(), (7, r#"{"status":"exited","code":7}"#.to_owned()));
}

#[test]
fn reset_takes_the_status_from_the_console() {
    let (code, exit, console) = run_job("console-status");
    assert_eq!((code, exit.as_str()), (5, r#"{"status":"exited","code":5}"#));
    assert_eq!(console, "uigniter: exit exited 5\n");
    let (code, exit, _) = run_job("reset");
    assert_eq!((code, exit.as_str()), (0, r#"{"status":"reset"}"#));
}

#[test]
fn triple_fault_is_a_kernel_panic_with_its_place() {
    let (code, exit, _) = run_job("triple");
    assert_eq!(code, 70);
    assert!(
        exit.starts_with(r#"{"status":"kernel-panic","message":"triple fault at rip 0x1"#),
        "{exit}"
    );
}

#[test]
fn ctrl_alt_del_reaches_the_keyboard_controller() {
    let mut vmm = Vmm::start();
    vmm.boot(&guest(), "keys");
    vmm.until("the guest's word", |vmm| vmm.console() == "ready\n");
    vmm.put("/actions", r#"{"action_type":"SendCtrlAltDel"}"#);
    assert_eq!(vmm.end().0, 0, "{}", vmm.console());
}

#[test]
fn memory_that_is_not_there_reads_as_ones() {
    assert_eq!(run_job("beyond").0, 0);
}

#[test]
fn pause_stops_the_guest_and_resume_lets_it_go_on() {
    let mut vmm = Vmm::start();
    vmm.boot(&guest(), "count");
    for _ in 0..3 {
        let before = vmm.console().len();
        vmm.until("output", |vmm| vmm.console().len() > before);
        assert_eq!(vmm.call("PATCH", "/vm", r#"{"state":"Paused"}"#).0, 204);
        assert!(vmm.call("GET", "/", "").1.contains(r#""state":"Paused""#));
        let paused = vmm.console().len();
        // Many times as long as the guest takes for one byte.
        for _ in 0..50 {
            vmm.call("GET", "/version", "");
        }
        assert_eq!(vmm.console().len(), paused, "a paused guest writes");
        assert_eq!(vmm.call("PATCH", "/vm", r#"{"state":"Resumed"}"#).0, 204);
        vmm.until("output after resume", |vmm| vmm.console().len() > paused);
    }
}

#[test]
fn every_device_works() {
    let folder = Folder::new();
    let mut disk = b"first sector".to_vec();
    disk.resize(4096, 0);
    let disk = folder.file("disk", &disk);
    // A network namespace of its own, gone with the process; the host's stack there answers the guest.
    let mut command = Command::new("unshare");
    command.arg("--net").args(["sh", "-ec"]);
    command.arg(
        "ip tuntap add tap0 mode tap vnet_hdr; ip address add 172.30.0.1/24 dev tap0; ip link set tap0 up; exec \"$0\" \"$@\"",
    );
    command.arg(program());
    let mut vmm = Vmm::start_with(folder, command);
    let drive = format!(
        r#"{{"drive_id":"scratch","path_on_host":"{}","is_root_device":false,"cache_type":"Writeback"}}"#,
        disk.display()
    );
    vmm.put("/drives/scratch", &drive);
    vmm.put(
        "/network-interfaces/eth0",
        r#"{"iface_id":"eth0","host_dev_name":"tap0","guest_mac":"02:00:00:00:00:02"}"#,
    );
    vmm.put("/entropy", "{}");
    vmm.put(
        "/metrics",
        &format!(r#"{{"metrics_path":"{}"}}"#, vmm.folder.path("metrics").display()),
    );
    vmm.boot(&guest(), "devices");
    let (code, _) = vmm.end();
    assert_eq!(code, 0, "{}", vmm.console());
    assert_eq!(vmm.console(), "block ok\nnet ok\nconsole ok\nrng ok\n");
    let disk = fs::read(disk).unwrap();
    assert!(disk[7 * 512..].starts_with(b"written by the guest\0"));
    let metrics: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(vmm.folder.path("metrics")).unwrap()).unwrap();
    assert_eq!(metrics["block_read_bytes"], 512);
    assert_eq!(metrics["net_tx_frames"], 1);
    assert_eq!(metrics["devices_broken"], 0);
}

#[test]
fn a_scribbling_guest_does_not_hurt_the_monitor() {
    for seed in 0..4 {
        let folder = Folder::new();
        let disk = folder.file("disk", &[0; 4096]);
        let mut vmm = Vmm::start_with(folder, Command::new(program()));
        vmm.put(
            "/drives/scratch",
            &format!(
                r#"{{"drive_id":"scratch","path_on_host":"{}","is_root_device":false}}"#,
                disk.display()
            ),
        );
        vmm.put("/entropy", "{}");
        vmm.boot(&guest(), &format!("scribble {seed}"));
        while vmm.child.try_wait().unwrap().is_none() {
            // The API answers while the guest is at it; a refused connection means that the end was faster.
            if std::os::unix::net::UnixStream::connect(vmm.folder.path("api")).is_err() {
                break;
            }
        }
        assert_eq!(
            vmm.end(),
            (0, r#"{"status":"exited","code":0}"#.to_owned()),
            "seed {seed}: {}",
            vmm.console()
        );
    }
}

#[test]
fn sigterm_ends_a_halted_guest_at_once() {
    let mut vmm = Vmm::start();
    vmm.boot(&guest(), "halt");
    vmm.until("the guest's word", |vmm| vmm.console() == "ready\n");
    let status = Command::new("kill")
        .arg(vmm.child.id().to_string())
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(vmm.end(), (143, r#"{"status":"killed"}"#.to_owned()));
}

#[test]
fn several_cpus_are_built_and_the_first_boots() {
    let mut vmm = Vmm::start();
    vmm.put(
        "/machine-config",
        r#"{"vcpu_count":4,"mem_size_mib":16,"smt":true}"#,
    );
    vmm.put(
        "/boot-source",
        &format!(
            r#"{{"kernel_image_path":"{}","boot_args":"exit 4"}}"#,
            guest().display()
        ),
    );
    vmm.put("/actions", r#"{"action_type":"InstanceStart"}"#);
    assert_eq!(vmm.end().0, 4);
}
