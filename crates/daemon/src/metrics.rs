//! Counters and gauges for Prometheus.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use uigniter_api::instance::Instance;

/// Metrics of one daemon.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) pool_hits: Counter,
    pub(crate) pool_misses: Counter,
    pool_ready: Gauge,
    pool_size: Gauge,
    pub(crate) launches: Counter,
    pub(crate) launch_failures: Counter,
    launch_seconds: Histogram,
    instances: Family<StateLabel, Gauge>,
    requests: Family<RequestLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabel {
    operation: String,
    status: u16,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = [
            0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0, 5.0,
        ];
        let mut metrics = Self {
            registry: Registry::with_prefix("uigniter"),
            pool_hits: Counter::default(),
            pool_misses: Counter::default(),
            pool_ready: Gauge::default(),
            pool_size: Gauge::default(),
            launches: Counter::default(),
            launch_failures: Counter::default(),
            launch_seconds: Histogram::new(seconds),
            instances: Family::default(),
            requests: Family::default(),
        };
        let registry = &mut metrics.registry;
        registry.register(
            "pool_hits",
            "Launches that found a waiting microVM",
            metrics.pool_hits.clone(),
        );
        registry.register(
            "pool_misses",
            "Launches that had to make a microVM",
            metrics.pool_misses.clone(),
        );
        registry.register("pool_ready", "MicroVMs that wait", metrics.pool_ready.clone());
        registry.register("pool_size", "MicroVMs that shall wait", metrics.pool_size.clone());
        registry.register(
            "launches",
            "Instances that were started",
            metrics.launches.clone(),
        );
        registry.register(
            "launch_failures",
            "Instances that were not",
            metrics.launch_failures.clone(),
        );
        let text = "From the request to the start of the guest, in seconds";
        registry.register("launch_seconds", text, metrics.launch_seconds.clone());
        registry.register("instances", "Instances by state", metrics.instances.clone());
        registry.register(
            "requests",
            "API requests by operation and status",
            metrics.requests.clone(),
        );
        metrics
    }
}

impl Metrics {
    pub(crate) fn launched(&self, took: Duration) {
        self.launches.inc();
        self.launch_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn answered(&self, operation: &str, status: u16) {
        self.requests
            .get_or_create(&RequestLabel {
                operation: operation.to_owned(),
                status,
            })
            .inc();
    }

    /// Everything as text, with the gauges as they are now.
    pub(crate) fn render(&self, instances: &[Instance], pool_ready: u32, pool_size: u32) -> String {
        self.pool_ready.set(i64::from(pool_ready));
        self.pool_size.set(i64::from(pool_size));
        self.instances.clear();
        for instance in instances {
            self.instances
                .get_or_create(&StateLabel {
                    state: instance.state.to_string(),
                })
                .inc();
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
