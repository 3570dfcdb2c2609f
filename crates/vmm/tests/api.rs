//! The API over its socket: states, errors with Firecracker's words, and clients that misbehave.

mod common;

use std::{
    fs,
    io::{Read, Write},
    process::{Command, Stdio},
};

use common::{Folder, Vmm, elf, guest, program};

#[test]
fn a_new_monitor_says_what_it_is() {
    let vmm = Vmm::start();
    let (status, body) = vmm.call("GET", "/", "");
    assert_eq!(status, 200);
    let info: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(info["id"], "test-vm");
    assert_eq!(info["state"], "Not started");
    assert!(info["app_name"].is_string() && info["vmm_version"].is_string());
    assert_eq!(
        vmm.call("GET", "/machine-config", "").1,
        r#"{"vcpu_count":1,"mem_size_mib":128,"smt":false,"track_dirty_pages":false,"huge_pages":"None"}"#
    );
    assert!(vmm.call("GET", "/version", "").1.contains("firecracker_version"));
    assert_eq!(vmm.call("GET", "/vm/config", "").0, 200);
}

#[test]
fn wrong_requests_have_a_fault_message() {
    let vmm = Vmm::start();
    let missing = "/nonexistent/kernel";
    for (method, path, body, expected) in [
        (
            "GET",
            "/nothing",
            "",
            "Invalid request method and/or path: GET /nothing.",
        ),
        ("PUT", "/actions", "", "Empty PUT request."),
        (
            "PUT",
            "/actions",
            r#"{"action_type":"Dance"}"#,
            "unknown variant `Dance`",
        ),
        (
            "PUT",
            "/actions",
            r#"{"action_type":"InstanceStart"}"#,
            "Cannot start microvm without kernel configuration.",
        ),
        (
            "PUT",
            "/actions",
            r#"{"action_type":"SendCtrlAltDel"}"#,
            "not supported before starting",
        ),
        (
            "PATCH",
            "/vm",
            r#"{"state":"Paused"}"#,
            "not supported before starting",
        ),
        (
            "PUT",
            "/machine-config",
            r#"{"vcpu_count":0,"mem_size_mib":64}"#,
            "The vCPU number is invalid!",
        ),
        (
            "PUT",
            "/machine-config",
            r#"{"vcpu_count":1,"mem_size_mib":4}"#,
            "The memory size (MiB) is invalid",
        ),
        (
            "PUT",
            "/machine-config",
            r#"{"vcpu_count":1,"mem_size_mib":99999999}"#,
            "The memory size (MiB) is invalid",
        ),
        (
            "PUT",
            "/machine-config",
            r#"{"vcpu_count":1,"mem_size_mib":64,"gpu":1}"#,
            "unknown field `gpu`",
        ),
        ("PATCH", "/machine-config", "{}", "Empty PATCH request."),
        ("PUT", "/machine-config", "[", "EOF while parsing"),
        (
            "PUT",
            "/boot-source",
            &format!(r#"{{"kernel_image_path":"{missing}"}}"#),
            missing,
        ),
        (
            "PUT",
            "/drives/root",
            r#"{"drive_id":"root","path_on_host":"/nonexistent/disk","is_root_device":true}"#,
            "cannot open /nonexistent/disk",
        ),
        (
            "PATCH",
            "/drives/x",
            r#"{"drive_id":"x"}"#,
            "not supported before starting",
        ),
        (
            "PUT",
            "/network-interfaces/e",
            r#"{"iface_id":"e","host_dev_name":"nosuchtap"}"#,
            "there is no tap 'nosuchtap'",
        ),
        (
            "PUT",
            "/network-interfaces/e",
            r#"{"iface_id":"e","host_dev_name":"t","guest_mac":"xyz"}"#,
            "'xyz' is not a MAC address",
        ),
        (
            "PUT",
            "/metrics",
            r#"{"metrics_path":"/nonexistent/m"}"#,
            "/nonexistent/m",
        ),
        (
            "PUT",
            "/logger",
            r#"{"log_path":"/nonexistent/l"}"#,
            "/nonexistent/l",
        ),
    ] {
        let fault = vmm.fault(method, path, body);
        assert!(fault.contains(expected), "{method} {path} {body}: {fault}");
    }
    assert!(
        vmm.call("GET", "/", "").1.contains("Not started"),
        "errors change nothing"
    );
}

#[test]
fn kernels_that_cannot_boot_are_refused_and_another_may_follow() {
    let vmm = Vmm::start();
    vmm.put("/machine-config", r#"{"vcpu_count":1,"mem_size_mib":8}"#);
    let start = r#"{"action_type":"InstanceStart"}"#;
    let mut small = elf(&[0x90; 16], true);
    small[4] = 1;
    let mut arm = elf(&[0x90; 16], true);
    arm[18] = 0xb7;
    let mut big = elf(&[0x90; 16], true);
    big[64 + 40..64 + 48].copy_from_slice(&(64u64 << 20).to_le_bytes());
    let mut truncated = elf(&[0x90; 4096], true);
    truncated.truncate(0x1800);
    for (name, content, expected) in [
        ("text", b"#!/bin/sh\n".repeat(10), "not an ELF file"),
        ("small", small, "a 32-bit ELF file"),
        ("arm", arm, "for another machine"),
        ("big", big, "raise mem_size_mib"),
        ("truncated", truncated, "is the file whole?"),
        ("short", b"\x7fELF".to_vec(), "too short"),
    ] {
        let path = vmm.folder.file(name, &content);
        vmm.put(
            "/boot-source",
            &format!(r#"{{"kernel_image_path":"{}"}}"#, path.display()),
        );
        let fault = vmm.fault("PUT", "/actions", start);
        assert!(fault.contains(expected), "{name}: {fault}");
    }
    let good = format!(
        r#"{{"kernel_image_path":"{}","boot_args":"halt"}}"#,
        guest().display()
    );
    vmm.put("/boot-source", &good);
    vmm.put("/actions", start);
    assert!(vmm.call("GET", "/", "").1.contains("Running"));
    for (method, path, body) in [
        ("PUT", "/actions", start),
        ("PUT", "/boot-source", good.as_str()),
        ("PUT", "/machine-config", r#"{"vcpu_count":1,"mem_size_mib":8}"#),
        ("PUT", "/entropy", "{}"),
    ] {
        let fault = vmm.fault(method, path, body);
        assert_eq!(
            fault,
            "The requested operation is not supported after starting the microVM."
        );
    }
}

#[test]
fn clients_cannot_hold_up_each_other() {
    let vmm = Vmm::start();
    // Silent, half a head, half a body, garbage, too long a head, too long a body.
    let _silent: Vec<_> = (0..40).map(|_| vmm.stream()).collect();
    let mut half = vmm.stream();
    half.write_all(b"PUT /machine-config HTT").unwrap();
    let mut body = vmm.stream();
    body.write_all(b"PUT /machine-config HTTP/1.1\r\nContent-Length: 40000\r\n\r\n{")
        .unwrap();
    for (bytes, status) in [
        (b"\0\x01\x02\xff\r\n\r\n".to_vec(), "400"),
        ([b"GET /".as_slice(), &[b'a'; 20000]].concat(), "431"),
        (
            b"PUT / HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n".to_vec(),
            "413",
        ),
    ] {
        let mut stream = vmm.stream();
        // The monitor may close before it has read everything.
        let _ = stream.write_all(&bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{status}: {answer}"
        );
        assert!(answer.contains("fault_message"));
    }
    assert_eq!(
        vmm.call("GET", "/", "").0,
        200,
        "an honest client is served all the while"
    );
    // The half body is completed with blanks: the connection is still good, or has made room for others.
    let mut rest = vec![b' '; 39998];
    rest.push(b'}');
    if body.write_all(&rest).is_ok() {
        let mut answer = [0; 64];
        let count = body.read(&mut answer).unwrap_or(0);
        assert!(count == 0 || answer.starts_with(b"HTTP/1.1 400"));
    }
}

#[test]
fn requests_can_follow_each_other_on_one_connection() {
    let vmm = Vmm::start();
    let mut stream = vmm.stream();
    // Twenty at once, the last of which asks to close; the answers are more than one turn's worth.
    let mut requests = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n".repeat(19);
    requests.push_str("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    stream.write_all(requests.as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 20);
    let mut stream = vmm.stream();
    stream
        .write_all(b"PUT /entropy HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n")
        .unwrap();
    let mut sign = [0; 25];
    stream.read_exact(&mut sign).unwrap();
    assert_eq!(&sign, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"{}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"));
}

#[test]
fn a_monitor_that_cannot_begin_says_why_in_one_line() {
    let folder = Folder::new();
    let vmm = Vmm::start();
    let run = |wrapper: &[&str], socket: &std::path::Path| {
        let mut words = wrapper.iter().map(std::ffi::OsStr::new).collect::<Vec<_>>();
        let program = program();
        words.push(program.as_os_str());
        let output = Command::new(words[0])
            .args(&words[1..])
            .arg("--api-sock")
            .arg(socket)
            .args(["--id", "x", "--exit-file"])
            .arg(folder.path("exit"))
            .stdout(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert_eq!(output.status.code(), Some(71), "{text}");
        let exit = fs::read_to_string(folder.path("exit")).unwrap();
        assert!(exit.starts_with(r#"{"status":"vmm-error","message":"#), "{exit}");
        text
    };
    let text = run(&[], &vmm.folder.path("api"));
    assert!(text.contains("is another VMM using it"), "{text}");
    assert_eq!(
        vmm.call("GET", "/", "").0,
        200,
        "the other monitor keeps its socket"
    );
    // A mount namespace of its own, where /dev has no kvm.
    let text = run(
        &[
            "unshare",
            "--mount",
            "sh",
            "-ec",
            "mount -t tmpfs none /dev; exec \"$0\" \"$@\"",
        ],
        &folder.path("api"),
    );
    assert!(
        text.contains("cannot open /dev/kvm") && text.contains("uigniter doctor"),
        "{text}"
    );
    assert!(!folder.path("api").exists(), "the socket is left behind");
}
