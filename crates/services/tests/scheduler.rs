//! The scheduler: the first system's wire, leases and their ends, what a crash leaves.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{io::Write as _, net::TcpStream, path::Path, thread};

use http::HeaderValue;
use serde_json::{Value, json};
use support::{PATIENCE, Process, call, eventually, get, post};
use uigniter_services::{
    http::{Answer, client::Call},
    scheduler::server::{ATTEMPT, KIND, LEASE, PARAMS},
    trace::{TRACEPARENT, Trace},
};

fn scheduler(data: &Path, more: &[&str]) -> Process {
    // Nobody is at that registry; a scheduler works without.
    let mut args = vec![
        "scheduler",
        "--registry",
        "127.0.0.1:1",
        "--data",
        data.to_str().unwrap(),
    ];
    args.extend(more);
    Process::service(&args)
}

fn ready(at: &str, body: Value) -> String {
    let answer = call(at, Call::post("/task").json(&body));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.text();
    assert_eq!(post(at, &format!("/task/{id}/ready")), (200, String::new()));
    id
}

fn next(at: &str) -> Answer {
    call(at, Call::get("/task/next"))
}

/// Finishes or fails with the token of `lent`.
fn say(at: &str, id: &str, what: &str, lent: &Answer, body: &Value) -> u16 {
    let call_ = Call::post(format!("/task/{id}/{what}")).json(body);
    call(at, call_.header(LEASE, lent.headers[&LEASE].clone()))
        .status
        .as_u16()
}

fn state(at: &str, id: &str) -> i64 {
    support::json(at, &format!("/task/{id}"))["state"]
        .as_i64()
        .unwrap()
}

#[test]
fn the_first_systems_wire() {
    let dir = tempfile::tempdir().unwrap();
    let scheduler = scheduler(dir.path(), &[]);
    let at = scheduler.endpoint.as_str();
    assert_eq!(get(at, "/task/next"), (404, "{\"id\":-1,\"state\":0}".to_owned()));
    let (status, id) = post(at, "/task");
    assert_eq!(status, 200);
    assert_eq!(state(at, &id), -1);
    assert_eq!(next(at).status, 404, "not ready yet");
    assert_eq!(post(at, &format!("/task/{id}/finish")).0, 409, "nobody had it");
    assert_eq!(post(at, &format!("/task/{id}/ready")), (200, String::new()));
    assert_eq!(state(at, &id), 0);
    assert_eq!(next(at).text(), format!("{{\"id\":\"{id}\",\"state\":1}}"));
    assert_eq!(next(at).status, 404, "it is lent");
    assert_eq!(post(at, &format!("/task/{id}/finish")), (200, String::new()));
    assert_eq!(state(at, &id), 2);
    let missing = (404, "Task not found".to_owned());
    for wrong in [
        "0",
        "00000000-0000-0000-0000-000000000000",
        "%2e%2e",
        &"x".repeat(5000),
    ] {
        assert_eq!(get(at, &format!("/task/{wrong}")), missing);
        assert_eq!(post(at, &format!("/task/{wrong}/ready")), missing);
        assert_eq!(post(at, &format!("/task/{wrong}/finish")), missing);
    }
}

#[test]
fn a_worker_learns_type_parameters_and_trace() {
    let dir = tempfile::tempdir().unwrap();
    let scheduler = scheduler(dir.path(), &[]);
    let at = scheduler.endpoint.as_str();
    let trace = Trace::new();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let create = Call::post("/task").body(&form, "type=resize&width=10&name=%C3%A4".into());
    let create = create.header(TRACEPARENT, HeaderValue::from_str(&trace.to_string()).unwrap());
    let id = call(at, create).text();
    post(at, &format!("/task/{id}/ready"));
    let lent = next(at);
    assert_eq!(lent.headers[&KIND], "resize");
    let params: Value = serde_json::from_slice(lent.headers[&PARAMS].as_bytes()).unwrap();
    assert_eq!(params, json!({ "width": "10", "name": "ä" }));
    assert_eq!(lent.headers[&ATTEMPT], "1");
    let given: Trace = lent.headers[&TRACEPARENT].to_str().unwrap().parse().unwrap();
    assert_eq!(given.id(), trace.id());
    let seen = support::json(at, &format!("/task/{id}"));
    assert_eq!(
        (seen["type"].as_str(), seen["trace"].as_str()),
        (Some("resize"), Some(trace.id().as_str()))
    );
    assert!(
        !seen.to_string().contains(lent.headers[&LEASE].to_str().unwrap()),
        "the token is the worker's only"
    );

    let many: serde_json::Map<_, _> = (0..17).map(|n| (n.to_string(), json!("x"))).collect();
    for wrong in [
        json!({ "type": "" }),
        json!({ "type": "a b" }),
        json!({ "x": "y".repeat(2000) }),
        many.into(),
    ] {
        assert_eq!(call(at, Call::post("/task").json(&wrong)).status, 400, "{wrong}");
    }
}

#[test]
fn a_lease_ends_and_the_late_one_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let scheduler = scheduler(dir.path(), &["--lease", "0.5"]);
    let at = scheduler.endpoint.as_str();
    let id = ready(at, json!({}));
    let first = next(at);
    let again = call(at, Call::get("/task/next?wait=20").within(PATIENCE));
    assert_eq!(
        (again.status.as_u16(), &again.headers[&ATTEMPT]),
        (200, &HeaderValue::from_static("2"))
    );
    assert_eq!(say(at, &id, "finish", &first, &json!({})), 409);
    assert_eq!(say(at, &id, "fail", &first, &json!({})), 409);
    assert_eq!(say(at, &id, "finish", &again, &json!({})), 200);
    assert_eq!(
        say(at, &id, "finish", &again, &json!({})),
        200,
        "said twice is said once"
    );
    assert_eq!(state(at, &id), 2);
    let wrong = Call::post(format!("/task/{id}/finish")).header(LEASE, HeaderValue::from_static("x"));
    assert_eq!(call(at, wrong).status, 400);
}

#[test]
fn attempts_end_in_the_dead_letter_list() {
    let dir = tempfile::tempdir().unwrap();
    let scheduler = scheduler(dir.path(), &["--attempts", "2"]);
    let at = scheduler.endpoint.as_str();
    let id = ready(at, json!({}));
    for attempt in ["1", "2"] {
        let lent = next(at);
        assert_eq!(lent.headers[&ATTEMPT], attempt);
        assert_eq!(
            say(
                at,
                &id,
                "fail",
                &lent,
                &json!({ "error": "no light", "retry": true })
            ),
            200
        );
    }
    assert_eq!(next(at).status, 404);
    let dead = support::json(at, "/dead");
    assert_eq!(
        (dead[0]["id"].as_str(), dead[0]["error"].as_str()),
        (Some(id.as_str()), Some("no light"))
    );
    let metrics = get(at, "/metrics").1;
    assert!(metrics.contains("micro_tasks{state=\"dead\"} 1"), "{metrics}");
    assert_eq!(post(at, &format!("/task/{id}/ready")).0, 409);
    assert_eq!(post(at, &format!("/task/{id}/retry")).0, 200);
    let lent = next(at);
    assert_eq!(
        say(at, &id, "fail", &lent, &json!({ "error": "no picture" })),
        200
    );
    assert_eq!(state(at, &id), 3, "for good at once");
    assert_eq!(support::json(at, "/tasks?state=3").as_array().unwrap().len(), 1);
    assert_eq!(get(at, "/tasks?state=7").0, 400);
}

#[test]
fn a_waiting_worker_is_told_at_once_and_a_gone_one_keeps_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut scheduler = scheduler(dir.path(), &[]);
    let at = scheduler.endpoint.clone();
    // These wait and go away.
    let connections = |count| {
        let line = format!("micro_connections {count}\n");
        eventually("connections come and go", || {
            get(&at, "/metrics").1.contains(&line)
        });
    };
    let ask = |_| {
        let mut stream = TcpStream::connect(&at).unwrap();
        stream
            .write_all(b"GET /task/next?wait=20 HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        stream
    };
    let gone: Vec<_> = (0..5).map(ask).collect();
    connections(6);
    drop(gone);
    connections(1);
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let at = at.clone();
            thread::spawn(move || call(&at, Call::get("/task/next?wait=20").within(PATIENCE)).text())
        })
        .collect();
    let mut ids: Vec<_> = (0..3).map(|_| ready(&at, json!({}))).collect();
    let mut got: Vec<_> = waiting.into_iter().map(|thread| thread.join().unwrap()).collect();
    let text = |id: &String| format!("{{\"id\":\"{id}\",\"state\":1}}");
    ids.sort();
    got.sort();
    assert_eq!(got, ids.iter().map(text).collect::<Vec<_>>());

    let waiting = thread::spawn(move || call(&at, Call::get("/task/next?wait=30").within(PATIENCE)).status);
    eventually("it waits", || {
        get(&scheduler.endpoint, "/metrics")
            .1
            .contains("micro_connections 2\n")
    });
    assert_eq!(scheduler.terminate(), 0);
    assert_eq!(
        waiting.join().unwrap(),
        404,
        "who waits is answered when the scheduler stops"
    );
}

#[test]
fn a_crash_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = scheduler(dir.path(), &["--lease", "0.5"]);
    let at = first.endpoint.clone();
    let finished = ready(&at, json!({}));
    assert_eq!(say(&at, &finished, "finish", &next(&at), &json!({})), 200);
    let leased = ready(&at, json!({ "type": "grey" }));
    let lent = next(&at);
    let waiting = ready(&at, json!({}));
    let created = post(&at, "/task").1;
    first.kill();

    let second = scheduler(dir.path(), &["--lease", "0.5"]);
    let at = second.endpoint.as_str();
    assert_eq!(state(at, &finished), 2);
    assert_eq!(state(at, &created), -1);
    let mut got = Vec::new();
    for _ in 0..2 {
        let lent = call(at, Call::get("/task/next?wait=20").within(PATIENCE));
        let task: Value = serde_json::from_slice(&lent.body).unwrap();
        let id = task["id"].as_str().unwrap().to_owned();
        assert_eq!(say(at, &id, "finish", &lent, &json!({})), 200);
        got.push(id);
    }
    got.sort();
    let mut expected = vec![leased.clone(), waiting];
    expected.sort();
    assert_eq!(got, expected, "each once");
    assert_eq!(
        say(at, &leased, "finish", &lent, &json!({})),
        409,
        "it was another's after the crash"
    );
    assert_eq!(next(at).status, 404);

    // Two on one file would undo each other.
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_uigniter-services"))
        .args([
            "scheduler",
            "--listen",
            "127.0.0.1:0",
            "--data",
            dir.path().to_str().unwrap(),
        ])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("another scheduler at it?"), "{text}");
}

#[test]
fn several_schedulers_share_a_queue_in_postgresql() {
    const TASKS: usize = 40;
    let dir = tempfile::tempdir().unwrap();
    let (_postgres, url) = support::postgres(dir.path());
    let shared = ["--queue", url.as_str(), "--lease", "1", "--attempts", "3"];
    let mut schedulers: Vec<_> = (0..2).map(|_| scheduler(dir.path(), &shared)).collect();
    let ends: Vec<_> = schedulers
        .iter()
        .map(|scheduler| scheduler.endpoint.clone())
        .collect();
    // Takers wait at both before there is anything.
    let takers: Vec<_> = (0..4)
        .map(|taker| {
            let at = ends[taker % 2].clone();
            thread::spawn(move || {
                let mut done = Vec::new();
                loop {
                    let lent = call(&at, Call::get("/task/next?wait=2").within(PATIENCE));
                    if lent.status != 200 {
                        return done;
                    }
                    let task: Value = serde_json::from_slice(&lent.body).unwrap();
                    let id = task["id"].as_str().unwrap().to_owned();
                    assert_eq!(say(&at, &id, "finish", &lent, &json!({})), 200);
                    done.push(id);
                }
            })
        })
        .collect();
    let mut ids: Vec<_> = (0..TASKS)
        .map(|number| ready(&ends[number % 2], json!({})))
        .collect();
    let mut done: Vec<_> = takers
        .into_iter()
        .flat_map(|taker| taker.join().unwrap())
        .collect();
    ids.sort();
    done.sort();
    assert_eq!(done, ids, "each once");

    // One is lent by the first scheduler, which dies; the second ends the lease.
    let id = ready(&ends[1], json!({ "type": "grey" }));
    let first = next(&ends[0]);
    assert_eq!(first.status, 200);
    schedulers[0].kill();
    let at = ends[1].as_str();
    let again = call(at, Call::get("/task/next?wait=20").within(PATIENCE));
    assert_eq!(
        (again.status.as_u16(), &again.headers[&KIND]),
        (200, &HeaderValue::from_static("grey"))
    );
    assert_eq!(say(at, &id, "finish", &first, &json!({})), 409);
    assert_eq!(say(at, &id, "fail", &again, &json!({ "error": "no light" })), 200);
    assert_eq!(support::json(at, "/dead")[0]["error"], "no light");
    assert_eq!(post(at, &format!("/task/{id}/retry")).0, 200);
    let counts = support::json(at, "/counts");
    assert_eq!(
        (&counts["finished"], &counts["ready"], &counts["dead"]),
        (&json!(TASKS), &json!(1), &json!(0))
    );
    assert_eq!(get(at, &format!("/task/{}", uuid::Uuid::nil())).0, 404);
}

#[test]
fn a_database_that_is_not_there_is_said() {
    let address = format!("postgres://test@{}/postgres", support::free_port());
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_uigniter-services"))
        .args(["scheduler", "--listen", "127.0.0.1:0", "--queue", &address])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        text.starts_with("error: PostgreSQL:") && text.contains("is the server up"),
        "{text}"
    );
}
