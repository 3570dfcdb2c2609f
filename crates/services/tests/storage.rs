//! The storage: the first system's wire, both pictures of a task, and clients that mean harm.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
};

use http::{HeaderValue, header::CONTENT_DISPOSITION};
use support::{PATIENCE, Process, call, get, post, upload};
use uigniter_services::http::client::Call;

fn storage(data: &Path, more: &[&str]) -> Process {
    let mut args = vec![
        "storage",
        "--registry",
        "127.0.0.1:1",
        "--data",
        data.to_str().unwrap(),
    ];
    args.extend(more);
    Process::service(&args)
}

#[test]
fn the_first_systems_wire() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = storage(dir.path(), &[]);
    let at = first.endpoint.clone();
    let png = b"\x89PNG\r\n\x1a\nnot much of a picture";
    let answer = call(&at, upload("/upload/0", png, &[]));
    assert_eq!((answer.status.as_u16(), answer.text()), (200, String::new()));
    let answer = call(&at, Call::get("/download/0"));
    assert_eq!(
        (answer.status.as_u16(), answer.body.as_ref()),
        (200, png.as_slice())
    );
    assert_eq!(
        answer.headers[CONTENT_DISPOSITION],
        "attachment; filename=\"0.png\""
    );
    // As a worker of the first system does it: the result in the place of the original.
    assert_eq!(call(&at, upload("/upload/0", b"result", &[])).status, 200);
    assert_eq!(get(&at, "/download/0").1, "result");
    assert_eq!(
        call(&at, Call::get("/download/0?version=original")).body.as_ref(),
        png
    );
    assert_eq!(
        call(&at, upload("/upload/0?version=result", b"again", &[])).status,
        200
    );
    first.kill();
    let second = storage(dir.path(), &[]);
    assert_eq!(get(&second.endpoint, "/download/0?version=result").1, "again");
    assert_eq!(
        get(&second.endpoint, "/download/1"),
        (404, "Image not found".to_owned())
    );
}

#[test]
fn wrong_requests_are_refused_and_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage(dir.path(), &["--max-picture-bytes", "1000"]);
    let at = storage.endpoint.as_str();
    let form = HeaderValue::from_static("multipart/form-data; boundary=x");
    let body = |text: &'static str| Call::post("/upload/a").body(&form, text.into());
    assert_eq!(post(at, "/upload/a"), (400, "Image not found".to_owned()));
    assert_eq!(call(at, body("")).status, 400);
    assert_eq!(call(at, body("--x\r\nrubbish")).status, 400);
    assert_eq!(
        call(
            at,
            body("--x\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nhalf")
        )
        .status,
        400
    );
    assert_eq!(
        call(
            at,
            body("--x\r\nContent-Disposition: form-data; name=\"picture\"\r\n\r\na\r\n--x--")
        )
        .status,
        400
    );
    assert_eq!(call(at, upload("/upload/a", b"", &[])).status, 400);
    assert_eq!(call(at, upload("/upload/a", &[1; 1001], &[])).status, 413);
    assert_eq!(call(at, upload("/upload/a", &[1; 1_000_000], &[])).status, 413);
    assert_eq!(
        call(at, upload("/upload/a", b"x", &[("note", &"x".repeat(2000))])).status,
        413
    );
    let many = [("note", "x"); 20];
    assert_eq!(call(at, upload("/upload/a", b"x", &many)).status, 400);
    for wrong in ["..", "%2e%2e%2fx", "a.b", &"x".repeat(65)] {
        assert_eq!(
            call(at, upload(&format!("/upload/{wrong}"), b"x", &[])).status,
            400,
            "{wrong}"
        );
        assert_eq!(get(at, &format!("/download/{wrong}")).0, 400, "{wrong}");
    }
    assert_eq!(get(at, "/download/a?version=third").0, 400);
    assert_eq!(get(at, "/download/a").0, 404);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    assert_eq!(call(at, upload("/upload/a", &[1; 1000], &[])).status, 200);
}

#[test]
fn damage_is_not_given_out() {
    let dir = tempfile::tempdir().unwrap();
    let storage = storage(dir.path(), &[]);
    let at = storage.endpoint.as_str();
    assert_eq!(call(at, upload("/upload/a", b"picture", &[])).status, 200);
    let path = dir.path().join("a.original");
    let mut bytes = fs::read(&path).unwrap();
    bytes[3] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (status, text) = get(at, "/download/a");
    assert_eq!(status, 500);
    assert!(text.contains("damaged"), "{text}");
}

/// What comes back on a connection until its end.
fn rest(mut stream: TcpStream) -> String {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn slow_clients_are_let_go_and_others_served() {
    let dir = tempfile::tempdir().unwrap();
    let limits = [
        "--request-timeout",
        "1",
        "--max-connections",
        "4",
        "--max-pictures",
        "1",
    ];
    let storage = storage(dir.path(), &limits);
    let at = storage.endpoint.as_str();
    let connect = |text: &str| {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let head = "POST /upload/a HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 500\r\n\r\n";
    let slow = [
        connect(""),
        connect("GET /heal"),
        connect(&format!(
            "{head}--x\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nslow"
        )),
        connect(&format!("{head}--x")),
    ];
    // All places are taken; this one waits for one of them.
    assert_eq!(call(at, Call::get("/healthz").within(PATIENCE)).status, 200);
    assert_eq!(call(at, upload("/upload/b", b"x", &[])).status, 200);
    for (stream, expected) in slow.into_iter().zip(["", "", "HTTP/1.1 504", "HTTP/1.1 504"]) {
        let text = rest(stream);
        assert!(text.starts_with(expected), "{text}");
    }
    assert_eq!(get(at, "/download/a").0, 404);
}
