//! The whole platform as processes of this host.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{
    collections::BTreeMap,
    io::Cursor,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use http::HeaderValue;
use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use serde_json::Value;
use support::{PATIENCE, Process, call, eventually, get, json, upload};
use uigniter_services::{
    http::client::Call,
    trace::{TRACEPARENT, Trace},
};

/// The registry and all that is announced there; with a short lease, so that lost work is done again soon.
struct Platform {
    registry: Option<Process>,
    address: String,
    dir: tempfile::TempDir,
    scheduler: Process,
    storage: Process,
    master: Process,
    workers: Vec<Process>,
}

fn scheduler(registry: &str, data: &Path) -> Process {
    let data = data.join("tasks");
    let data = data.to_str().unwrap();
    Process::service(&[
        "scheduler",
        "--registry",
        registry,
        "--data",
        data,
        "--lease",
        "2",
    ])
}

impl Platform {
    fn new(registry: Option<Process>, address: String, workers: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let pictures = dir.path().join("pictures");
        let pictures = pictures.to_str().unwrap();
        let worker = |_| Process::service(&["worker", "--registry", &address, "--slots", "2"]);
        let platform = Self {
            scheduler: scheduler(&address, dir.path()),
            storage: Process::service(&["storage", "--registry", &address, "--data", pictures]),
            master: Process::service(&["master", "--registry", &address]),
            workers: (0..workers).map(worker).collect(),
            registry,
            address,
            dir,
        };
        eventually("the master knows all", || {
            let services = json(&platform.master.endpoint, "/services");
            let up = |name: &str| services[name].as_array().map_or(0, Vec::len);
            up("scheduler") == 1 && up("storage") == 1 && up("worker") == workers
        });
        platform
    }

    fn with_own_registry(workers: usize) -> Self {
        let registry = Process::service(&["registry"]);
        let address = registry.endpoint.clone();
        Self::new(Some(registry), address, workers)
    }

    fn at(&self) -> &str {
        &self.master.endpoint
    }

    fn upload(&self, image: &[u8], fields: &[(&str, &str)]) -> String {
        let answer = call(self.at(), upload("/task", image, fields));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    }

    fn state(&self, id: &str) -> i64 {
        json(self.at(), &format!("/task/{id}"))["state"].as_i64().unwrap()
    }

    fn result(&self, id: &str) -> RgbaImage {
        eventually("the task is done", || self.state(id) == 2);
        self.downloaded(id)
    }

    fn downloaded(&self, id: &str) -> RgbaImage {
        let answer = call(self.at(), Call::get(format!("/task/{id}/download")));
        assert_eq!(answer.status, 200, "{}", answer.text());
        image::load_from_memory(&answer.body).unwrap().to_rgba8()
    }
}

/// A picture that no other number has.
fn picture(number: usize) -> RgbaImage {
    RgbaImage::from_fn(48 + number as u32 % 7, 32, |x, y| {
        Rgba([
            (x * 5) as u8,
            (y * 7) as u8,
            number as u8,
            255 - (number / 2) as u8,
        ])
    })
}

fn png(picture: &RgbaImage) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// What the platform has to make of it.
fn expected(number: usize) -> (&'static str, RgbaImage) {
    let before = picture(number);
    match number % 4 {
        0 => ("grey", DynamicImage::from(before).grayscale().to_rgba8()),
        1 => (
            "thumbnail",
            DynamicImage::from(before).thumbnail(24, 24).to_rgba8(),
        ),
        _ => {
            let mut after = before;
            for Rgba([r, g, b, _]) in after.pixels_mut() {
                (*r, *g, *b) = (255 - *r, 255 - *g, 255 - *b);
            }
            ("invert", after)
        }
    }
}

/// Sends pictures from several clients until all are sent; who sent what is known at the end.
fn send(at: &str, pictures: usize, sent: &Arc<AtomicUsize>) -> Vec<JoinHandle<Vec<(usize, String)>>> {
    let client = |_| {
        let (at, sent) = (at.to_owned(), Arc::clone(sent));
        thread::spawn(move || {
            let mut ids = Vec::new();
            loop {
                let number = sent.fetch_add(1, Ordering::Relaxed);
                if number >= pictures {
                    return ids;
                }
                let fields = [("type", expected(number).0), ("size", "24")];
                let answer = call(&at, upload("/task", &png(&picture(number)), &fields));
                assert_eq!(answer.status, 200, "{}", answer.text());
                ids.push((number, answer.text()));
            }
        })
    };
    (0..4).map(client).collect()
}

#[test]
fn two_hundred_pictures_survive_a_killed_worker_and_a_killed_scheduler() {
    const PICTURES: usize = 200;
    let mut platform = Platform::with_own_registry(3);
    let sent = Arc::new(AtomicUsize::new(0));
    let clients = send(platform.at(), PICTURES, &sent);
    eventually("some went through", || {
        sent.load(Ordering::Relaxed) > PICTURES / 4
    });
    platform.workers[0].kill();
    eventually("more went through", || {
        sent.load(Ordering::Relaxed) > PICTURES / 2
    });
    platform.scheduler.kill();
    platform.scheduler = scheduler(&platform.address, platform.dir.path());
    let ids: BTreeMap<usize, String> = clients
        .into_iter()
        .flat_map(|client| client.join().unwrap())
        .collect();
    assert_eq!(ids.len(), PICTURES);

    let count = |state: &str| {
        let metrics = get(&platform.scheduler.endpoint, "/metrics").1;
        let line = format!("micro_tasks{{state=\"{state}\"}} ");
        let line = metrics.lines().find_map(|text| text.strip_prefix(&line)).unwrap();
        line.parse::<usize>().unwrap()
    };
    eventually("all are done", || count("ready") + count("leased") == 0);
    assert_eq!(
        (count("finished"), count("dead")),
        (PICTURES, 0),
        "none lost, none twice"
    );
    for (number, id) in &ids {
        assert_eq!(platform.state(id), 2, "{number}");
        assert!(
            platform.downloaded(id) == expected(*number).1,
            "picture {number} is wrong"
        );
    }
}

#[test]
fn memcached_in_the_place_of_the_registry() {
    let memcached = support::memcached();
    let address = format!("memcached://{}", memcached.endpoint);
    let mut platform = Platform::new(Some(memcached), address, 1);
    for number in 0..8 {
        let (kind, after) = expected(number);
        let id = platform.upload(&png(&picture(number)), &[("type", kind), ("size", "24")]);
        assert!(platform.result(&id) == after, "picture {number} is wrong");
    }
    assert_eq!(platform.workers[0].terminate(), 0);
    eventually("the worker took itself out", || {
        json(platform.at(), "/services")["worker"]
            .as_array()
            .is_some_and(Vec::is_empty)
    });
}

#[test]
fn nats_in_the_place_of_the_registry_may_go_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let at = support::free_port();
    let nats = support::nats(dir.path(), at);
    let mut platform = Platform::new(Some(nats), format!("nats://{at}"), 1);
    let id = platform.upload(&png(&picture(2)), &[]);
    assert!(platform.result(&id) == expected(2).1);
    platform.registry.as_mut().unwrap().kill();
    platform.registry = Some(support::nats(dir.path(), at));
    platform
        .workers
        .push(Process::service(&["worker", "--registry", &platform.address]));
    eventually("the new worker is known too", || {
        json(platform.at(), "/services")["worker"]
            .as_array()
            .is_some_and(|workers| workers.len() == 2)
    });
    let id = platform.upload(&png(&picture(3)), &[]);
    assert!(platform.result(&id) == expected(3).1);
}

#[test]
fn the_registry_may_go_and_come_back_empty() {
    let registry = Process::service(&["registry"]);
    let address = registry.endpoint.clone();
    let mut platform = Platform::new(Some(registry), address.clone(), 1);
    platform.registry.as_mut().unwrap().kill();
    // What is known stays known.
    let id = platform.upload(&png(&picture(2)), &[]);
    assert!(platform.result(&id) == expected(2).1);
    let registry = Process::service(&["registry", "--listen", &address]);
    eventually("all announce themselves again", || {
        let keys = json(&registry.endpoint, "/");
        keys.as_object().is_some_and(|keys| keys.len() == 4)
    });
}

#[test]
fn one_trace_from_the_client_to_the_worker_and_back() {
    let platform = Platform::with_own_registry(1);
    let trace = Trace::new();
    let header = HeaderValue::from_str(&trace.to_string()).unwrap();
    let answer = call(
        platform.at(),
        upload("/task", &png(&picture(2)), &[]).header(TRACEPARENT, header),
    );
    assert!(
        answer.headers[&TRACEPARENT]
            .to_str()
            .unwrap()
            .contains(&trace.id())
    );
    let id = answer.text();
    platform.result(&id);
    assert_eq!(json(platform.at(), &format!("/task/{id}"))["trace"], trace.id());
    for (process, path) in [
        (&platform.master, "/task/{id}/finish"),
        (&platform.scheduler, "/task/{id}/finish"),
        (&platform.storage, "/upload/"),
    ] {
        let path = path.replace("{id}", &id);
        eventually("it is in the log", || {
            process
                .logged(&trace.id())
                .iter()
                .any(|line| line.contains(&path))
        });
    }
    eventually("the worker logs it", || {
        let lines = platform.workers[0].logged(&trace.id());
        lines
            .iter()
            .any(|line| serde_json::from_str::<Value>(line).unwrap()["message"] == "done")
    });
}

#[test]
fn what_is_no_picture_is_given_up_with_a_reason() {
    let platform = Platform::with_own_registry(1);
    let bomb = png(&RgbaImage::new(17_000, 1));
    for (image, fields, reason) in [
        (b"no picture".to_vec(), vec![], "cannot be read"),
        (bomb, vec![], "cannot be read"),
        (
            png(&picture(1)),
            vec![("type", "explode")],
            "no worker can 'explode'",
        ),
        (
            png(&picture(1)),
            vec![("type", "resize")],
            "'width' is a number of pixels",
        ),
    ] {
        let id = platform.upload(&image, &fields);
        eventually("it is given up", || platform.state(&id) == 3);
        let task = json(platform.at(), &format!("/task/{id}"));
        assert!(task["error"].as_str().unwrap().contains(reason), "{task}");
        assert_eq!(task["attempts"], 1);
        let original = call(platform.at(), Call::get(format!("/task/{id}/download")));
        assert_eq!(original.body, image, "what was sent is still there");
    }
    // The worker goes on.
    let id = platform.upload(&png(&picture(2)), &[]);
    assert!(platform.result(&id) == expected(2).1);
    let metrics = get(&platform.workers[0].endpoint, "/metrics").1;
    assert!(metrics.contains("micro_tasks_failed_total 4"), "{metrics}");
}

#[test]
fn without_services_the_master_says_so_in_time() {
    let registry = Process::service(&["registry"]);
    let master = Process::service(&["master", "--registry", &registry.endpoint]);
    let at = master.endpoint.as_str();
    // Whoever asks gets an answer before it gives up.
    let answer = call(at, Call::get("/task/x").within(Duration::from_secs(3)));
    assert_eq!(
        (
            answer.status.as_u16(),
            answer.text().contains("no scheduler is up")
        ),
        (503, true)
    );
    assert_eq!(get(at, "/task/a.b").0, 404);
    assert_eq!(call(at, Call::post("/task").within(PATIENCE)).status, 400);
    assert_eq!(call(at, Call::post("/task/x/explode")).status, 404);
}
