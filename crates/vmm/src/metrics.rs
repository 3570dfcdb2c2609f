//! Counters of the one VM of this process, and how long the steps to its start took.
//!
//! `FlushMetrics` and the end of the VM append them as one JSON line to the file that `PUT /metrics` named.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use crate::output::lock;

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Makes it `n`, for values that are counted elsewhere.
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// Its value.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// All counters.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics { $($(#[$doc])* pub(crate) $name: Counter,)* }

        /// The counters of this process.
        pub(crate) static METRICS: Metrics = Metrics { $($name: Counter(AtomicU64::new(0)),)* };

        fn values() -> serde_json::Map<String, serde_json::Value> {
            let mut map = serde_json::Map::new();
            $(map.insert(stringify!($name).to_owned(), METRICS.$name.get().into());)*
            map
        }
    };
}

counters! {
    /// Requests to the API.
    api_requests,
    /// Answers with an error.
    api_errors,
    /// Block requests done.
    block_requests,
    /// Block requests refused or failed.
    block_errors,
    /// Bytes read from block devices.
    block_read_bytes,
    /// Bytes written to block devices.
    block_written_bytes,
    /// Requests to shared folders.
    fs_requests,
    /// Those that were none, or got no reply.
    fs_errors,
    /// Flushes of files that are the guest's memory.
    pmem_flushes,
    /// Bytes of memory that the guest gave back.
    balloon_bytes,
    /// Frames to the guest.
    net_rx_frames,
    /// Bytes to the guest.
    net_rx_bytes,
    /// Frames from the guest.
    net_tx_frames,
    /// Bytes from the guest.
    net_tx_bytes,
    /// Frames from the guest that the tap refused.
    net_tx_dropped,
    /// Bytes of randomness given.
    rng_bytes,
    /// Virtio devices that the guest broke by a malformed ring.
    devices_broken,
    /// Console bytes that no reader took.
    console_dropped_bytes,
    /// Log lines dropped by the rate limit.
    log_dropped_lines,
}

/// When each step of the VM's life was reached.
#[derive(Debug)]
pub(crate) struct Timeline {
    start: Instant,
    steps: Mutex<Vec<(&'static str, u64)>>,
}

impl Timeline {
    /// Begins now.
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            steps: Mutex::new(Vec::with_capacity(16)),
        }
    }

    /// Notes that `step` is done.
    pub(crate) fn mark(&self, step: &'static str) {
        let micros = self.start.elapsed().as_micros() as u64;
        log::debug!("{step} at {micros} us");
        let mut steps = lock(&self.steps);
        // Pause and resume may come any number of times; the file tells of the first ones.
        if steps.len() < 64 {
            steps.push((step, micros));
        }
    }

    /// Everything as one JSON line, with the time of day in milliseconds.
    pub(crate) fn to_line(&self) -> String {
        let mut map = values();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        map.insert("utc_timestamp_ms".to_owned(), (now.as_millis() as u64).into());
        let steps: serde_json::Map<_, _> = lock(&self.steps)
            .iter()
            .map(|(step, micros)| ((*step).to_owned(), (*micros).into()))
            .collect();
        map.insert("steps_us".to_owned(), steps.into());
        format!("{}\n", serde_json::Value::Object(map))
    }
}
