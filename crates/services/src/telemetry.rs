//! Logs and metrics, the same for every service.
//!
//! A log line is one JSON object with the trace it belongs to; `/metrics` is Prometheus text.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A JSON object for each line
    #[default]
    Json,
    /// Lines for people
    Text,
}

/// Lets log lines of `level` and above go to standard error.
pub fn log(format: LogFormat, level: LevelFilter) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        // Said on standard error, where it would end the task: a log that nobody reads is no reason to stop working.
        .log_internal_errors(false)
        .with_span_events(FmtSpan::NONE)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .init(),
        LogFormat::Text => builder.with_ansi(false).init(),
    }
}

/// Labels of a request that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

/// Labels of a gauge that has one value for each state.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

/// Gauges by state.
#[derive(Clone, Debug, Default)]
pub struct States(Family<StateLabel, Gauge>);

impl States {
    /// Sets the gauge of `state`.
    pub fn set(&self, state: &'static str, value: u64) {
        self.0
            .get_or_create(&StateLabel { state })
            .set(i64::try_from(value).unwrap_or(i64::MAX));
    }
}

/// Brings gauges up to date before they are read.
pub type Refresh = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Metrics of one service. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    refresh: Option<Refresh>,
    registry: Arc<Registry>,
    requests: Family<RequestLabels, Counter>,
    seconds: Histogram,
    pub(crate) connections: Gauge,
}

/// Collects a service's own metrics before it starts.
#[derive(Debug)]
pub struct MetricsBuilder(Registry);

impl Default for MetricsBuilder {
    fn default() -> Self {
        Self(Registry::with_prefix("micro"))
    }
}

impl MetricsBuilder {
    /// A counter; Prometheus sees it as `micro_NAME_total`.
    #[must_use]
    pub fn counter(&mut self, name: &str, help: &str) -> Counter {
        let counter = Counter::default();
        self.0.register(name, help, counter.clone());
        counter
    }

    /// A gauge for each state.
    #[must_use]
    pub fn states(&mut self, name: &str, help: &str) -> States {
        let states = States::default();
        self.0.register(name, help, states.0.clone());
        states
    }

    /// A gauge.
    #[must_use]
    pub fn gauge(&mut self, name: &str, help: &str) -> Gauge {
        let gauge = Gauge::default();
        self.0.register(name, help, gauge.clone());
        gauge
    }

    /// A histogram of seconds.
    #[must_use]
    pub fn seconds(&mut self, name: &str, help: &str) -> Histogram {
        let bounds = [
            0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0,
        ];
        let histogram = Histogram::new(bounds);
        self.0.register(name, help, histogram.clone());
        histogram
    }

    /// Those and what every service counts.
    #[must_use]
    pub fn build(mut self) -> Metrics {
        let requests = Family::<RequestLabels, Counter>::default();
        self.0
            .register("requests", "Requests that were answered", requests.clone());
        let seconds = self.seconds(
            "request_seconds",
            "From a request's head to the head of its answer",
        );
        let connections = self.gauge("connections", "Connections that are open");
        Metrics {
            refresh: None,
            registry: Arc::new(self.0),
            requests,
            seconds,
            connections,
        }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// These, with gauges that `refresh` brings up to date whenever they are read.
    #[must_use]
    pub fn with_refresh(mut self, refresh: Refresh) -> Self {
        self.refresh = Some(refresh);
        self
    }

    /// Brings them up to date.
    pub(crate) async fn refresh(&self) {
        if let Some(refresh) = &self.refresh {
            refresh().await;
        }
    }

    /// Counts a request that was answered.
    pub(crate) fn request(&self, method: &http::Method, route: &str, status: u16, took: Duration) {
        let labels = RequestLabels {
            // A client may invent methods without end; metrics would keep each.
            method: match *method {
                http::Method::GET | http::Method::HEAD => "GET",
                http::Method::POST => "POST",
                http::Method::PUT => "PUT",
                http::Method::DELETE => "DELETE",
                _ => "other",
            },
            route: route.to_owned(),
            status,
        };
        self.requests.get_or_create(&labels).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// All of them as Prometheus text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // A `String` takes everything; an error here has no meaning.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
