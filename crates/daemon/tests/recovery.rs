//! A daemon that is killed at any moment, and the next one.

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

use std::net::SocketAddr;

use common::{Testbed, fetch, hear};
use uigniter_api::{
    ErrorCode,
    instance::{CreateRequest, ExitReason, InputQuery, State, StopRequest},
};

async fn start_server(testbed: &Testbed) -> SocketAddr {
    testbed.import("server", common::SERVER).await;
    let request = CreateRequest {
        name: Some("web".into()),
        publish: vec!["80".parse().unwrap()],
        ..CreateRequest::new("server")
    };
    let instance = testbed.client.create_instance(&request).await.unwrap();
    hear(&testbed.client, "web", "listening").await;
    (instance.publish[0].host_ip, instance.publish[0].host_port).into()
}

#[tokio::test]
async fn a_running_instance_is_found_again_after_a_kill() {
    let mut testbed = Testbed::start(2);
    let address = start_server(&testbed).await;
    let before = testbed.client.get_instance("web").await.unwrap();
    testbed.kill();
    testbed.restart(true);
    assert_eq!(testbed.client.get_instance("web").await.unwrap(), before);
    assert_eq!(
        fetch(address).await.as_deref(),
        Some("hello"),
        "its port leads to it again"
    );
    hear(&testbed.client, "web", "listening").await;
    let stopped = testbed
        .client
        .stop_instance("web", &StopRequest::default())
        .await
        .unwrap();
    assert_eq!(stopped.exit.unwrap().code, 143);
    testbed.finish();
}

/// Says how much input it has had, and by its status how much that was.
const LISTENER: &str = r#"
#include <stdio.h>
#include <unistd.h>
int main(void) {
    char buffer[64];
    long count, length = 0;
    while ((count = read(0, buffer, sizeof buffer)) > 0) {
        length += count;
        printf("%ld so far\n", length);
        fflush(stdout);
    }
    return count < 0 ? 99 : (int)length;
}"#;

/// Input goes on from one daemon to the next, until it is ended; then, and where it was not asked for, it is refused.
#[tokio::test]
async fn input_is_not_ended_by_the_end_of_a_daemon() {
    let mut testbed = Testbed::start(0);
    testbed.import("listener", LISTENER).await;
    let request = CreateRequest {
        name: Some("open".into()),
        interactive: true,
        ..CreateRequest::new("listener")
    };
    testbed.client.create_instance(&request).await.unwrap();
    let more = InputQuery { eof: false };
    testbed
        .client
        .send_input("open", &more, &b"one"[..])
        .await
        .unwrap();
    hear(&testbed.client, "open", "3 so far").await;
    testbed.kill();
    testbed.restart(true);
    testbed
        .client
        .send_input("open", &more, &b"four"[..])
        .await
        .unwrap();
    hear(&testbed.client, "open", "7 so far").await;
    let last = InputQuery::default();
    testbed.client.send_input("open", &last, &b""[..]).await.unwrap();
    assert_eq!(testbed.client.wait_instance("open").await.unwrap().code, 7);
    let late = testbed
        .client
        .send_input("open", &last, &b"x"[..])
        .await
        .unwrap_err();
    assert_eq!(late.code(), Some(ErrorCode::WrongState), "{late}");

    let request = CreateRequest {
        name: Some("shut".into()),
        ..CreateRequest::new("listener")
    };
    testbed.client.create_instance(&request).await.unwrap();
    let deaf = testbed
        .client
        .send_input("shut", &last, &b"x"[..])
        .await
        .unwrap_err();
    assert_eq!(deaf.code(), Some(ErrorCode::WrongState), "{deaf}");
    assert_eq!(testbed.client.wait_instance("shut").await.unwrap().code, 0);
    testbed.finish();
}

#[tokio::test]
async fn an_end_that_nobody_saw_is_told_by_the_next_daemon() {
    let mut testbed = Testbed::start(0);
    start_server(&testbed).await;
    let pid = testbed.client.get_instance("web").await.unwrap().pid.unwrap();
    testbed.kill();
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let watch = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
    rustix::process::pidfd_send_signal(&watch, rustix::process::Signal::TERM).unwrap();
    let mut poll = [rustix::event::PollFd::new(&watch, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut poll, None).unwrap();
    testbed.restart(true);
    let found = testbed.client.get_instance("web").await.unwrap();
    assert_eq!(found.exit.unwrap().reason, ExitReason::Killed);
    assert_eq!(found.ip_address, None);
    testbed.finish();
}

#[tokio::test]
async fn what_is_half_made_goes() {
    let mut testbed = Testbed::start(3);
    start_server(&testbed).await;
    // In the midst of a burst of launches and refills.
    let launches: Vec<_> = (0..4)
        .map(|_| {
            let client = testbed.client.clone();
            tokio::spawn(async move { client.create_instance(&CreateRequest::new("server")).await })
        })
        .collect();
    testbed.client.version().await.unwrap();
    testbed.kill();
    let mut told = 0;
    for launch in launches {
        told += usize::from(launch.await.unwrap().is_ok());
    }
    testbed.restart(true);
    let found = testbed.client.list_instances().await.unwrap();
    assert!(
        found.iter().all(|instance| instance.state == State::Running),
        "{found:?}"
    );
    // Whoever was told of an instance has it; one whose answer was lost may be there too.
    assert!(
        found.len() > told,
        "{} found, {told} and the first were told",
        found.len()
    );
    let pool = testbed.client.resize_pool(0).await.unwrap();
    assert_eq!(pool.size, 0);
    testbed.finish();
}

#[tokio::test]
async fn a_shared_daemon_leaves_its_instances_running() {
    let mut testbed = Testbed::start(0);
    let address = start_server(&testbed).await;
    testbed.kill();
    testbed.restart(false);
    testbed.stop();
    assert_eq!(testbed.processes().len(), 1);
    testbed.restart(true);
    assert_eq!(fetch(address).await.as_deref(), Some("hello"));
    testbed.finish();
}
