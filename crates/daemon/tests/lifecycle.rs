//! Instances from their launch to their end: real microVMs on KVM that run real programs.

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

use std::{net::SocketAddr, time::Duration};

use common::{Testbed, fetch, hear, send};
use uigniter_api::{
    ErrorCode,
    instance::{CreateRequest, ExitReason, Instance, LogsQuery, State, StopRequest},
};

fn published(instance: &Instance) -> SocketAddr {
    let mapping = &instance.publish[0];
    (mapping.host_ip, mapping.host_port).into()
}

fn server(name: &str, word: &str) -> CreateRequest {
    CreateRequest {
        name: Some(name.into()),
        args: vec![word.into()],
        publish: vec!["80".parse().unwrap()],
        ..CreateRequest::new("server")
    }
}

#[tokio::test]
async fn a_web_server_runs_and_stops() {
    let testbed = Testbed::start(1);
    let client = &testbed.client;
    testbed.import("server", common::SERVER).await;
    let instance = client
        .create_instance(&server("web", "good morning"))
        .await
        .unwrap();
    assert_eq!((instance.state, instance.name.as_str()), (State::Running, "web"));
    hear(client, "web", "listening").await;
    assert_eq!(fetch(published(&instance)).await.as_deref(), Some("good morning"));

    let taken = client.create_instance(&server("web", "x")).await.unwrap_err();
    assert_eq!(taken.code(), Some(ErrorCode::NameTaken), "{taken}");
    let mut same_port = server("web2", "x");
    same_port.publish = instance.publish.clone();
    let taken = client.create_instance(&same_port).await.unwrap_err();
    assert_eq!(taken.code(), Some(ErrorCode::PortTaken), "{taken}");
    assert!(
        taken.to_string().contains(&published(&instance).to_string()),
        "{taken}"
    );
    let used = client.delete_image("server").await.unwrap_err();
    assert_eq!(used.code(), Some(ErrorCode::ImageInUse), "{used}");
    let running = client.delete_instance("web", false).await.unwrap_err();
    assert_eq!(running.code(), Some(ErrorCode::WrongState), "{running}");
    let stats = client.stats("web").await.unwrap();
    assert!(stats.rss_bytes > 1 << 20 && stats.pss_bytes <= stats.rss_bytes);

    let stopped = client
        .stop_instance("web", &StopRequest::default())
        .await
        .unwrap();
    assert_eq!(stopped.state, State::Exited);
    let exit = stopped.exit.unwrap();
    assert_eq!(
        (exit.reason, exit.code),
        (ExitReason::Signaled, 143),
        "SIGTERM ends the program: {exit:?}"
    );
    assert_eq!(
        fetch(published(&instance)).await,
        None,
        "a published port is closed at the end"
    );
    client.delete_instance("web", false).await.unwrap();
    assert_eq!(client.list_instances().await.unwrap(), []);
    testbed.finish();
}

#[tokio::test]
async fn the_first_uigniters_api_works_to_the_letter() {
    let testbed = Testbed::start(1);
    testbed.import("server", common::SERVER).await;
    for route in ["/vm/run", "/vm/create"] {
        let body = r#"{"image_name":"server","cmdline":"server hello","read_only":true}"#;
        let (status, answer) = send(&testbed, "POST", route, body).await;
        assert_eq!(status, 201, "{answer}");
        let id = answer["id"].as_str().unwrap();
        answer["ip_address"]
            .as_str()
            .unwrap()
            .parse::<std::net::Ipv4Addr>()
            .unwrap();
        assert_eq!(answer.as_object().unwrap().len(), 2);
        assert_eq!(send(&testbed, "POST", &format!("/vm/{id}/stop"), "").await.0, 201);
        assert_eq!(send(&testbed, "POST", &format!("/vm/{id}/stop"), "").await.0, 404);
    }
    testbed.finish();
}

#[tokio::test]
async fn arguments_environment_and_status_pass() {
    let testbed = Testbed::start(0);
    let client = &testbed.client;
    testbed.import("reporter", common::REPORTER).await;
    let mut request = CreateRequest {
        args: vec!["two words".into(), "\"quoted\\".into(), ";".into(), String::new()],
        read_only: false,
        memory_mib: Some(64),
        ..CreateRequest::new("reporter")
    };
    request
        .env
        .insert("GREETING".into(), "good morning; \"you\"".into());
    let instance = client.create_instance(&request).await.unwrap();
    let exit = client.wait_instance(&instance.id).await.unwrap();
    assert_eq!((exit.reason, exit.code), (ExitReason::Exited, 3), "{exit:?}");
    let mut log = client.logs(&instance.id, &LogsQuery::default()).await.unwrap();
    let mut text = String::new();
    while let Some(piece) = log.next().await.unwrap() {
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    for line in [
        "argument 1: two words",
        "argument 2: \"quoted\\",
        "argument 3: ;",
        "argument 4: ",
        "greeting: good morning; \"you\"",
    ] {
        assert!(
            text.lines().any(|found| found.trim_end() == line.trim_end()),
            "{line:?} is not in {text:?}"
        );
    }
    let pool = client.pool().await.unwrap();
    assert_eq!((pool.hits, pool.misses), (0, 1));
    testbed.finish();
}

#[tokio::test]
async fn an_instance_can_remove_itself() {
    let testbed = Testbed::start(0);
    testbed.import("reporter", common::REPORTER).await;
    let request = CreateRequest {
        auto_remove: true,
        ..CreateRequest::new("reporter")
    };
    let instance = testbed.client.create_instance(&request).await.unwrap();
    let exit = testbed.client.wait_instance(&instance.id).await.unwrap();
    assert_eq!(exit.code, 3);
    // Gone or about to be: a delete either finds it gone, or waits for its task.
    let _ = testbed.client.delete_instance(&instance.id, true).await;
    assert_eq!(testbed.client.list_instances().await.unwrap(), []);
    assert_eq!(
        testbed.client.wait_instance(&instance.id).await.unwrap(),
        exit,
        "its end is remembered"
    );
    testbed.finish();
}

#[tokio::test]
async fn a_stubborn_program_is_killed_after_its_grace() {
    let testbed = Testbed::start(0);
    let client = &testbed.client;
    testbed.import("stubborn", common::STUBBORN).await;
    let instance = client
        .create_instance(&CreateRequest::new("stubborn"))
        .await
        .unwrap();
    hear(client, &instance.id, "here").await;
    let started = std::time::Instant::now();
    let stopped = client
        .stop_instance(&instance.id, &StopRequest { grace_seconds: 1 })
        .await
        .unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(stopped.exit.unwrap().reason, ExitReason::Killed);
    let other = client
        .create_instance(&CreateRequest::new("stubborn"))
        .await
        .unwrap();
    let killed = client.kill_instance(&other.id).await.unwrap();
    assert_eq!(killed.exit.unwrap().code, 137);
    testbed.finish();
}

#[tokio::test]
async fn a_guest_that_dies_in_boot_is_a_failed_instance() {
    let testbed = Testbed::start(0);
    testbed.import("reporter", common::REPORTER).await;
    let request = CreateRequest {
        cmdline: Some("/absent".into()),
        ..CreateRequest::new("reporter")
    };
    let instance = testbed.client.create_instance(&request).await.unwrap();
    let exit = testbed.client.wait_instance(&instance.id).await.unwrap();
    assert_eq!(exit.reason, ExitReason::BootFailed, "{exit:?}");
    assert!(
        exit.message.as_deref().unwrap_or_default().contains("/absent"),
        "{exit:?}"
    );
    assert_eq!(
        testbed.client.get_instance(&instance.id).await.unwrap().state,
        State::Failed
    );
    testbed.finish();
}

#[tokio::test]
async fn pausing_holds_the_program() {
    let testbed = Testbed::start(0);
    let client = &testbed.client;
    testbed.import("server", common::SERVER).await;
    let instance = client.create_instance(&server("web", "hello")).await.unwrap();
    hear(client, "web", "listening").await;
    assert_eq!(client.pause_instance("web").await.unwrap().state, State::Paused);
    let twice = client.pause_instance("web").await.unwrap_err();
    assert_eq!(twice.code(), Some(ErrorCode::WrongState));
    let page = tokio::spawn(fetch(published(&instance)));
    assert_eq!(client.resume_instance("web").await.unwrap().state, State::Running);
    assert_eq!(page.await.unwrap().as_deref(), Some("hello"));
    client.pause_instance("web").await.unwrap();
    let stopped = client
        .stop_instance("web", &StopRequest::default())
        .await
        .unwrap();
    assert_eq!(
        stopped.exit.unwrap().code,
        143,
        "a paused instance is resumed to end gracefully"
    );
    testbed.finish();
}
