//! The API's answers to what is right and to what is wrong, without a guest.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]
#![expect(
    dead_code,
    unreachable_pub,
    reason = "each test uses a part of the common module"
)]
mod common;

use std::fs;

use common::{Testbed, compile, raw, send};
use uigniter_api::{
    ErrorCode,
    client::Error,
    image::{ImageKind, ImportQuery},
    openapi::ROUTES,
};

fn refused(error: Error) -> (u16, ErrorCode, String) {
    match error {
        Error::Refused { status, body } => (status, body.error.code, body.error.message),
        other => panic!("not refused but {other}"),
    }
}

#[tokio::test]
async fn the_daemon_says_what_it_is() {
    let testbed = Testbed::start(0);
    assert!(testbed.client.health().await.unwrap().ok);
    let version = testbed.client.version().await.unwrap();
    assert_eq!(version.api, "v1");
    let document = testbed.client.openapi().await.unwrap();
    for route in ROUTES {
        let method = route.method.as_str().to_ascii_lowercase();
        assert!(
            document["paths"][route.path][method].is_object(),
            "{}",
            route.path
        );
    }
    let metrics = testbed.client.metrics().await.unwrap();
    for name in [
        "uigniter_pool_hits_total 0",
        "uigniter_pool_size 0",
        "uigniter_requests_total{operation=\"Health\",status=\"200\"} 1",
    ] {
        assert!(metrics.contains(name), "{name} is not in {metrics}");
    }
    let tcp = uigniter_api::Client::new(uigniter_api::Endpoint::Tcp(testbed.address.to_string()));
    assert!(tcp.health().await.unwrap().ok, "the same API answers over TCP");
    testbed.finish();
}

#[tokio::test]
async fn every_route_is_served() {
    let testbed = Testbed::start(0);
    for route in ROUTES {
        let path = route
            .path
            .replace("{id}", "nobody")
            .replace("{reference}", "nothing");
        let (status, body) = send(&testbed, route.method.as_str(), &path, "").await;
        assert_ne!(status, 405, "{} {path}", route.method.as_str());
        assert_ne!(
            body["error"]["code"],
            "route_not_found",
            "{} {path}",
            route.method.as_str()
        );
    }
    testbed.finish();
}

#[tokio::test]
async fn wrong_requests_are_refused_in_one_line() {
    let testbed = Testbed::start(0);
    testbed.import("hello", common::REPORTER).await;
    let long = format!("{{\"image\":\"{}\"}}", "x".repeat(8 << 20));
    for (method, path, body, status, code, word) in [
        ("GET", "/nowhere", "", 404, "route_not_found", "/nowhere"),
        ("PATCH", "/v1/pool", "", 405, "method_not_allowed", "/v1/pool"),
        ("POST", "/vm/run", "{", 400, "invalid_request", "not understood"),
        (
            "POST",
            "/vm/run",
            r#"{"image_name":"hello","cmdline":"hello","read_only":true,"color":1}"#,
            400,
            "invalid_request",
            "color",
        ),
        (
            "POST",
            "/vm/run",
            r#"{"image_name":"none","cmdline":"hello","read_only":true}"#,
            404,
            "image_not_found",
            "'none'",
        ),
        (
            "POST",
            "/vm/run",
            r#"{"image_name":"../x","cmdline":"hello","read_only":true}"#,
            400,
            "invalid_request",
            "'../x'",
        ),
        (
            "POST",
            "/vm/run",
            r#"{"image_name":"hello","cmdline":"--bogus=1 hello","read_only":true}"#,
            400,
            "invalid_request",
            "--bogus=1",
        ),
        (
            "POST",
            "/vm/create",
            r#"{"image_name":"hello","cmdline":"","read_only":true}"#,
            400,
            "invalid_request",
            "names no program",
        ),
        (
            "POST",
            "/vm/000000000000/stop",
            "",
            404,
            "instance_not_found",
            "000000000000",
        ),
        (
            "POST",
            "/v1/instances",
            r#"{"image":"hello","memory_mib":4}"#,
            400,
            "invalid_request",
            "memory_mib 4",
        ),
        (
            "POST",
            "/v1/instances",
            r#"{"image":"hello","memory_mib":4000000000}"#,
            400,
            "invalid_request",
            "than this host has",
        ),
        (
            "POST",
            "/v1/instances",
            r#"{"image":"hello","memory_mib":-1}"#,
            400,
            "invalid_request",
            "not understood",
        ),
        (
            "POST",
            "/v1/instances",
            r#"{"image":"hello","cpus":0}"#,
            400,
            "invalid_request",
            "cpus 0",
        ),
        (
            "POST",
            "/v1/instances",
            r#"{"image":"hello","name":"a b"}"#,
            400,
            "invalid_request",
            "'a b'",
        ),
        (
            "POST",
            "/v1/instances",
            r#"{"image":"hello","cmdline":"x","args":["y"]}"#,
            400,
            "invalid_request",
            "not both",
        ),
        (
            "POST",
            "/v1/instances",
            r#"{"image":"hello","env":{"A=B":"c"}}"#,
            400,
            "invalid_request",
            "'A=B'",
        ),
        (
            "POST",
            "/v1/instances",
            r#"{"image":"hello","publish":[{"guest_port":0}]}"#,
            400,
            "invalid_request",
            "guest_port 0",
        ),
        (
            "POST",
            "/v1/instances",
            &long,
            413,
            "body_too_large",
            "longer than",
        ),
        (
            "GET",
            "/v1/instances/nobody",
            "",
            404,
            "instance_not_found",
            "'nobody'",
        ),
        (
            "DELETE",
            "/v1/instances/nobody?force=perhaps",
            "",
            400,
            "invalid_request",
            "query",
        ),
        (
            "GET",
            "/v1/instances/nobody/logs?color=red",
            "",
            400,
            "invalid_request",
            "color",
        ),
        (
            "PUT",
            "/v1/pool",
            r#"{"size":100000}"#,
            400,
            "invalid_request",
            "100000",
        ),
        ("POST", "/v1/images", "x", 400, "invalid_request", "name"),
        ("DELETE", "/v1/images/none", "", 404, "image_not_found", "'none'"),
    ] {
        let (got, answer) = send(&testbed, method, path, body).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(
            (got, answer["error"]["code"].as_str()),
            (status, Some(code)),
            "{method} {path}: {message}"
        );
        assert!(
            message.contains(word),
            "{method} {path}: {message:?} does not say {word:?}"
        );
        assert!(!message.contains('\n'));
    }
    assert_eq!(
        testbed.folders(),
        Vec::<String>::new(),
        "a refusal leaves no instance"
    );
    let (status, _) = raw(
        &testbed,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nOrigin: http://evil\r\nConnection: close\r\n\r\n",
    )
    .await;
    assert_eq!(status, 403, "web pages may not speak to the daemon");
    testbed.finish();
}

#[tokio::test]
async fn garbage_does_not_stop_the_server() {
    let testbed = Testbed::start(0);
    for garbage in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"POST /vm/run HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    ] {
        let (status, _) = raw(&testbed, garbage).await;
        assert_eq!(status, 400);
    }
    assert!(testbed.client.health().await.unwrap().ok);
    testbed.finish();
}

#[tokio::test]
async fn images_come_and_go() {
    let testbed = Testbed::start(0);
    let client = &testbed.client;
    let program = compile(testbed.folder.path(), "hello", common::REPORTER, &["-static"]);
    let image = client.import_image("hello", &program).await.unwrap();
    assert_eq!(
        (image.kind, image.command.clone()),
        (ImageKind::Elf, vec!["/hello".to_owned()])
    );
    let digest = image.digest.clone().unwrap();
    assert_eq!(client.get_image(&digest).await.unwrap(), image);
    assert_eq!(client.get_image("hello:latest").await.unwrap(), image);
    // Who holds the program can ask for it by its digest.
    let sent = uigniter_image::digest::of(&fs::read(&program).unwrap());
    assert_eq!(client.get_image(&sent).await.unwrap(), image);
    // The packed disk is a disk that can be imported, and laid into the folder by hand, too; it says itself what it runs.
    let stored = common::disk(&testbed, &digest);
    let disk = fs::read(&stored).unwrap();
    let other = client.import_image_bytes("other", disk.clone()).await.unwrap();
    assert_eq!(
        (other.kind, &other.command[..], other.digest.as_deref()),
        (ImageKind::Disk, &["/hello".to_owned()][..], Some(&*digest))
    );
    // Who sends a disk may say which program in it runs.
    let named = |program: &str| ImportQuery {
        name: "other".to_owned(),
        program: Some(program.to_owned()),
    };
    let other = client.import_image_as(&named("/other"), &stored).await.unwrap();
    assert_eq!(other.command, ["/other"]);
    for (query, file) in [(named("hello"), &stored), (named("/hello"), &program)] {
        let (status, code, message) = refused(client.import_image_as(&query, file).await.unwrap_err());
        assert_eq!((status, code), (400, ErrorCode::InvalidRequest), "{message}");
    }
    fs::write(testbed.state("image/laid.raw"), &disk).unwrap();
    let images = client.list_images().await.unwrap();
    let names: Vec<_> = images.into_iter().map(|image| image.name).collect();
    assert_eq!(names, ["hello", "laid", "other"]);
    fs::write(testbed.state("image/laid.raw"), &disk[..disk.len() / 2]).unwrap();
    let (status, code, message) = refused(client.get_image("laid").await.unwrap_err());
    assert_eq!((status, code), (400, ErrorCode::InvalidImage));
    assert!(
        message.contains("'laid'") && message.contains("truncated"),
        "{message}"
    );
    client.delete_image("laid").await.unwrap();
    for name in ["hello", "other"] {
        assert!(stored.exists(), "a disk is gone before its last name");
        client.delete_image(name).await.unwrap();
    }
    assert_eq!(common::store(&testbed), Vec::<String>::new());
    testbed.finish();
}

#[tokio::test]
async fn foreign_programs_are_refused() {
    let testbed = Testbed::start(0);
    let dynamic = fs::read(compile(testbed.folder.path(), "dynamic", common::REPORTER, &[])).unwrap();
    let mut arm = fs::read(compile(
        testbed.folder.path(),
        "static",
        common::REPORTER,
        &["-static"],
    ))
    .unwrap();
    let truncated = arm[..arm.len() / 2].to_vec();
    let mut narrow = arm.clone();
    narrow[4] = 1;
    arm[18] = 183;
    for (bytes, word) in [
        (dynamic, "link with -static"),
        (arm, "64-bit ARM"),
        (narrow, "32-bit"),
        (truncated, "truncated"),
        (
            b"#!/bin/sh\necho hello\n".to_vec(),
            "neither an ELF program nor a disk",
        ),
        (Vec::new(), "empty"),
        (vec![0; 64 << 20], "neither an ELF program nor a disk"),
    ] {
        let (status, code, message) =
            refused(testbed.client.import_image_bytes("bad", bytes).await.unwrap_err());
        assert_eq!((status, code), (400, ErrorCode::InvalidImage), "{message}");
        assert!(
            message.contains(word) && message.starts_with("bad"),
            "{message:?} does not say {word:?}"
        );
    }
    assert_eq!(
        common::store(&testbed),
        Vec::<String>::new(),
        "a refused import leaves a file"
    );
    testbed.finish();
}

#[tokio::test]
async fn a_second_daemon_is_refused() {
    let testbed = Testbed::start(0);
    let said = testbed.second();
    assert!(said.contains("a daemon is already running on"), "{said}");
    let other = tempfile::tempdir().unwrap();
    let said = testbed.rival(other.path());
    assert!(said.contains("in use by another process"), "{said}");
    assert!(
        !other.path().join("api.sock").exists(),
        "a daemon that did not start left its socket"
    );
    assert!(testbed.client.health().await.unwrap().ok, "the first one goes on");
    testbed.finish();
}
