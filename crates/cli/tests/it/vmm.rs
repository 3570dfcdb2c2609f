//! `uigniter vmm`, from outside.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    process::Stdio,
};

use rustix::process::Signal;

use crate::support::{self, alone, uigniter};

#[test]
fn the_low_level_vmm_answers_on_its_socket_and_ends_on_sigterm() {
    let dir = tempfile::tempdir().unwrap();
    let (socket, exit) = (dir.path().join("vm.sock"), dir.path().join("exit.json"));
    let mut vmm = uigniter();
    vmm.arg("vmm")
        .arg("--api-sock")
        .arg(&socket)
        .args(["--id", "it-1"])
        .arg("--exit-file")
        .arg(&exit);
    let mut process = vmm.stdout(Stdio::null()).spawn().unwrap();
    let mut stream = loop {
        // The socket is the only sign that the process gives; it must not end before.
        match UnixStream::connect(&socket) {
            Ok(stream) => break stream,
            Err(_) => assert!(
                process.try_wait().unwrap().is_none(),
                "the VMM ended before it listened"
            ),
        }
        std::thread::yield_now();
    };
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = [0; 512];
    let length = stream.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    support::signal(&process, Signal::TERM);
    process.wait().unwrap();
    assert!(!socket.exists(), "the socket stays");
    assert!(exit.exists(), "nothing says how the microVM ended");
}

#[test]
fn without_a_socket_it_says_what_is_missing() {
    alone(["vmm", "--id", "x"]).fails_parsing("--api-sock");
}
