//! The registry: the first system's wire, what is new beside it, and other registries in its place.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{sync::Arc, thread, time::Duration};

use http::{HeaderValue, Method};
use serde_json::json;
use support::{Process, call, get};
use tokio::runtime::Runtime;
use uigniter_services::{
    http::client::Call,
    registry::{Directory, Lookup, Service, directory::RegistryAddress},
};

const TTL: Duration = Duration::from_secs(2);

fn put(endpoint: &str, path: &str, body: serde_json::Value) -> u16 {
    call(endpoint, Call::new(Method::PUT, path).json(&body))
        .status
        .as_u16()
}

#[test]
fn the_first_systems_wire() {
    let variables = [
        ("MICRO_MASTER_ENDPOINT", "10.0.0.1:9003"),
        ("MICRO_DB_ENDPOINT", ""),
    ];
    let registry = Process::service_with(&["registry"], &variables);
    let at = registry.endpoint.as_str();
    assert_eq!(get(at, "/masterendpoint"), (200, "10.0.0.1:9003".to_owned()));
    assert_eq!(get(at, "/masterendpoint/"), (200, "10.0.0.1:9003".to_owned()));
    assert_eq!(get(at, "/dbendpoint"), (404, "Key not found".to_owned()));

    let first = Call::post("/dbendpoint").json(&json!({ "value": "10.0.0.2:9001" }));
    let answer = call(at, first);
    assert_eq!((answer.status.as_u16(), answer.text()), (200, String::new()));
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let second = Call::post("/dbendpoint").body(&form, "value=10.0.0.3%3A9001".into());
    assert_eq!(call(at, second).status, 200);
    assert_eq!(get(at, "/dbendpoint"), (200, "10.0.0.2:9001".to_owned()));
    let form = Call::post("/storageendpoint").body(&form, "value=10.0.0.3%3A9002".into());
    assert_eq!(call(at, form).status, 200);
    assert_eq!(get(at, "/storageendpoint"), (200, "10.0.0.3:9002".to_owned()));
}

#[test]
fn wrong_bodies_are_refused() {
    let registry = Process::service(&["registry"]);
    let at = registry.endpoint.as_str();
    let json = HeaderValue::from_static("application/json");
    assert_eq!(call(at, Call::post("/a").body(&json, "{".into())).status, 400);
    assert_eq!(call(at, Call::post("/a").body(&json, "{}".into())).status, 400);
    assert_eq!(call(at, Call::post("/a")).status, 400);
    assert_eq!(put(at, "/a", json!({ "value": "x", "ttl": -1 })), 400);
    assert_eq!(put(at, "/a", json!({ "value": "x", "ttl": 1e300 })), 400);
    assert_eq!(put(at, "/a", json!({ "value": "x".repeat(70_000) })), 400);
    assert_eq!(put(at, "/a", json!({ "value": "x".repeat(4 << 20) })), 413);
    assert_eq!(
        put(at, &format!("/{}", "k".repeat(251)), json!({ "value": "x" })),
        400
    );
    assert_eq!(get(at, "/a").0, 404);
}

#[test]
fn values_end_and_watchers_hear_of_it() {
    let registry = Process::service(&["registry"]);
    let at = registry.endpoint.clone();
    assert_eq!(put(&at, "/a", json!({ "value": "x", "ttl": 0.3 })), 200);
    let answer = call(&at, Call::get("/a"));
    assert_eq!(answer.text(), "x");
    let index = answer.headers["x-index"].to_str().unwrap().to_owned();
    let watch = format!("/a?index={index}&wait=20");
    assert_eq!(get(&at, &watch), (404, "Key not found".to_owned()));

    let index = call(&at, Call::get("/a")).headers["x-index"]
        .to_str()
        .unwrap()
        .to_owned();
    let watcher = {
        let at = at.clone();
        thread::spawn(move || get(&at, &format!("/a/instances?index={index}&wait=20")))
    };
    assert_eq!(put(&at, "/a/instances/h:1", json!({ "ttl": 5 })), 200);
    assert_eq!(watcher.join().unwrap(), (200, "[\"h:1\"]".to_owned()));
    assert_eq!(put(&at, "/a/instances/h:2", json!({ "ttl": 5 })), 200);
    assert_eq!(get(&at, "/a/instances").1, "[\"h:1\",\"h:2\"]");
    assert_eq!(
        call(&at, Call::new(Method::DELETE, "/a/instances/h:1")).status,
        200
    );
    assert_eq!(get(&at, "/a"), (200, "h:2".to_owned()));
    assert_eq!(call(&at, Call::new(Method::DELETE, "/a")).status, 200);
    assert_eq!(call(&at, Call::new(Method::DELETE, "/a")).status, 404);
}

#[test]
fn health_metrics_and_a_clean_end() {
    let mut registry = Process::service(&["registry"]);
    let at = registry.endpoint.as_str();
    assert_eq!(support::json(at, "/healthz")["status"], "ok");
    assert_eq!(get(at, "/nothing").0, 404);
    let (status, text) = get(at, "/metrics");
    assert_eq!(status, 200);
    let line = "micro_requests_total{method=\"GET\",route=\"/{key}\",status=\"404\"} 1";
    assert!(text.contains(line), "{text}");
    assert_eq!(registry.terminate(), 0);
    assert_eq!(registry.logged("\"message\":\"stopping\"").len(), 1);
}

/// What every directory has to do, on a real server.
fn a_directory(address: &str) {
    let runtime = Runtime::new().unwrap();
    let address: RegistryAddress = address.parse().unwrap();
    runtime.block_on(async {
        let one = address.open(TTL);
        let other = address.open(TTL);
        let service = Service::Storage;
        assert!(one.lookup(service).await.unwrap().instances.is_empty());
        one.announce(service, "h:1", TTL).await.unwrap();
        other.announce(service, "h:2", TTL).await.unwrap();
        one.announce(service, "h:1", TTL).await.unwrap();
        let known = other.lookup(service).await.unwrap();
        assert_eq!(known.instances, ["h:1", "h:2"]);
        assert!(one.lookup(Service::Master).await.unwrap().instances.is_empty());

        one.withdraw(service, "h:1").await.unwrap();
        one.withdraw(service, "h:1").await.unwrap();
        let known = until(&other, service, known.clone(), &["h:2"]).await;
        // Nobody prolongs h:2.
        let known = until(&other, service, known, &[]).await;
        one.announce(service, "h:3", TTL).await.unwrap();
        until(&other, service, known, &["h:3"]).await;
    });
}

/// Watches until exactly these are there.
async fn until(
    directory: &Arc<dyn Directory>,
    service: Service,
    mut known: Lookup,
    instances: &[&str],
) -> Lookup {
    let work = async {
        while known.instances != instances {
            known = directory.watch(service, &known).await.unwrap();
        }
        known
    };
    tokio::time::timeout(support::PATIENCE, work).await.unwrap()
}

#[test]
fn our_registry_is_a_directory() {
    let registry = Process::service(&["registry"]);
    a_directory(&registry.endpoint);
}

#[test]
fn memcached_is_a_directory() {
    let memcached = support::memcached();
    a_directory(&format!("memcached://{}", memcached.endpoint));
}

#[test]
fn nats_is_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let nats = support::nats(dir.path(), support::free_port());
    a_directory(&format!("nats://{}", nats.endpoint));
}

#[test]
fn nats_may_go_away_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let at = support::free_port();
    let mut nats = support::nats(dir.path(), at);
    let address: RegistryAddress = format!("nats://{at}").parse().unwrap();
    let runtime = Runtime::new().unwrap();
    let (one, other) = runtime.block_on(async {
        let (one, other) = (address.open(TTL), address.open(TTL));
        one.announce(Service::Worker, "h:1", TTL).await.unwrap();
        until(&other, Service::Worker, Lookup::default(), &["h:1"]).await;
        (one, other)
    });
    nats.kill();
    runtime.block_on(async {
        // What was known ends, and nothing can be said.
        let known = Lookup {
            instances: vec!["h:1".to_owned()],
            index: None,
        };
        until(&other, Service::Worker, known, &[]).await;
        assert!(one.announce(Service::Worker, "h:1", TTL).await.is_err());
    });
    let _nats = support::nats(dir.path(), at);
    runtime.block_on(async {
        while one.announce(Service::Worker, "h:1", TTL).await.is_err() {}
        until(&other, Service::Worker, Lookup::default(), &["h:1"]).await;
    });
}

#[test]
fn memcached_has_the_plain_key_too() {
    let memcached = support::memcached();
    let address: RegistryAddress = format!("memcached://{}", memcached.endpoint).parse().unwrap();
    Runtime::new().unwrap().block_on(async {
        use async_memcached::{AsciiProtocol as _, Client};
        let mut client = Client::new(format!("tcp://{}", memcached.endpoint))
            .await
            .unwrap();
        // As the first system's services announce themselves.
        client.set("dbendpoint", "h:9", Some(0), None).await.unwrap();
        let directory = address.open(TTL);
        directory.announce(Service::Scheduler, "h:1", TTL).await.unwrap();
        let found = directory.lookup(Service::Scheduler).await.unwrap();
        assert_eq!(found.instances, ["h:1", "h:9"]);
        directory.announce(Service::Storage, "h:2", TTL).await.unwrap();
        let plain = client.get("storageendpoint").await.unwrap().unwrap();
        assert_eq!(plain.data.unwrap(), b"h:2");
    });
}
