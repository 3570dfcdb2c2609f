//! What instances take of the host's memory: given back when they free it, shared where it is the image's.

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

use std::time::{Duration, Instant};

use common::{Testbed, fetch, hear};
use uigniter_api::instance::CreateRequest;

const MIB: u64 = 1 << 20;

#[tokio::test]
async fn memory_that_the_program_frees_goes_back_to_the_host() {
    let testbed = Testbed::start(0);
    let client = &testbed.client;
    testbed.import("giver", common::GIVER).await;
    let request = CreateRequest {
        name: Some("giver".into()),
        publish: vec!["80".parse().unwrap()],
        ..CreateRequest::new("giver")
    };
    let instance = client.create_instance(&request).await.unwrap();
    hear(client, "giver", "touched").await;
    let before = client.stats("giver").await.unwrap().rss_bytes;
    assert!(before > 64 * MIB, "touched: {before}");
    let mapping = &instance.publish[0];
    let address = (mapping.host_ip, mapping.host_port).into();
    assert_eq!(fetch(address).await.as_deref(), Some("given"));
    // Reported when it has been free for a second or two; the limit is for loaded machines.
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        let now = client.stats("giver").await.unwrap().rss_bytes;
        if now + 60 * MIB < before {
            break;
        }
        assert!(Instant::now() < limit, "{before} bytes before, {now} still");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(fetch(address).await.as_deref(), Some("given"), "it goes on");
    client.delete_instance("giver", true).await.unwrap();
    testbed.finish();
}

#[tokio::test]
async fn instances_share_the_pages_of_their_image() {
    let testbed = Testbed::start(0);
    let client = &testbed.client;
    testbed.import("reader", common::READER).await;
    for name in ["first", "second"] {
        let request = CreateRequest {
            name: Some(name.into()),
            ..CreateRequest::new("reader")
        };
        client.create_instance(&request).await.unwrap();
        hear(client, name, "read all").await;
    }
    for name in ["first", "second"] {
        let stats = client.stats(name).await.unwrap();
        // Each has all 16 MiB mapped, and is charged for half.
        assert!(stats.rss_bytes > 16 * MIB, "{name}: {stats:?}");
        assert!(stats.rss_bytes - stats.pss_bytes > 7 * MIB, "{name}: {stats:?}");
        // A copy of its own would come on top.
        assert!(stats.rss_bytes < 40 * MIB, "{name}: {stats:?}");
    }
    for name in ["first", "second"] {
        client.delete_instance(name, true).await.unwrap();
    }
    testbed.finish();
}
