//! What the page shows, kept up to date while somebody looks.
//!
//! One task asks the master for all browsers together, and only tells them of changes; without browsers it asks nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    balance::{Pool, Retry},
    http::client::Call,
    trace::{Context, Trace},
};

/// How often tasks are asked for, and after how many of these the services.
const TICK: Duration = Duration::from_millis(300);
const SERVICES_EVERY: u32 = 5;
/// How long the master may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// Tasks on the page.
const TASKS: usize = 60;

/// What browsers are told: the tasks with their counts, and the services. Empty until it is known.
#[derive(Debug)]
pub struct Live {
    master: Arc<Pool>,
    tasks: watch::Sender<String>,
    services: watch::Sender<String>,
    /// A browser has come.
    come: Notify,
}

impl Live {
    /// Over `master`; [`run`](Self::run) has to run beside it.
    #[must_use]
    pub fn new(master: Arc<Pool>) -> Arc<Self> {
        Arc::new(Self {
            master,
            tasks: watch::Sender::default(),
            services: watch::Sender::default(),
            come: Notify::new(),
        })
    }

    /// For a browser that looks from now on: the events `tasks` and `services`.
    #[must_use]
    pub fn look(&self) -> (watch::Receiver<String>, watch::Receiver<String>) {
        let events = (self.tasks.subscribe(), self.services.subscribe());
        self.come.notify_one();
        events
    }

    /// Asks until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let _ = stop.run_until_cancelled(self.ask_on()).await;
    }

    async fn ask_on(&self) {
        let mut ticks = 0;
        loop {
            self.watched().await;
            let tasks = self.ask(&format!("/tasks?limit={TASKS}")).await;
            let counts = self.ask("/counts").await;
            let up = tasks.is_some();
            if let (Some(tasks), Some(counts)) = (tasks, counts) {
                tell(&self.tasks, &json!({ "tasks": tasks, "counts": counts }));
            }
            if !up {
                tell(&self.services, &json!({ "up": false }));
            } else if ticks % SERVICES_EVERY == 0 {
                let services = self.ask("/services").await;
                tell(
                    &self.services,
                    &json!({ "up": services.is_some(), "services": services }),
                );
            }
            // After a master that was away the services are told at once.
            ticks = if up { ticks.wrapping_add(1) } else { 0 };
            tokio::time::sleep(TICK).await;
        }
    }

    /// Waits until somebody looks.
    async fn watched(&self) {
        while self.tasks.is_closed() {
            self.come.notified().await;
        }
    }

    async fn ask(&self, path: &str) -> Option<Value> {
        // Nobody asked for this; a master that is away is seen soon, and not tried for long.
        let context = Context {
            trace: Trace::new(),
            deadline: Some(Instant::now() + PATIENCE),
        };
        let answer = context
            .scope(self.master.call(Call::get(path), Retry::Safe))
            .await
            .ok()?;
        let good = answer.status == StatusCode::OK;
        good.then(|| serde_json::from_slice(&answer.body).ok()).flatten()
    }
}

fn tell(event: &watch::Sender<String>, value: &Value) {
    let text = value.to_string();
    event.send_if_modified(|known| {
        let new = *known != text;
        if new {
            *known = text;
        }
        new
    });
}
