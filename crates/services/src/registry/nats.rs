//! NATS as a directory, by a key-value bucket of JetStream.
//!
//! An instance is a key, `dbendpoint.HEX` (a `:` may not be in a key), put again and again; the bucket forgets what is older than the time
//! to live. One watch for each process is told of every change, so nobody asks for anything. What is not put again ends here by
//! the local clock: of what a bucket drops by age nobody is told. The bucket is in the server's memory; after a restart it is made anew, and all
//! announce themselves again.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant},
};

use async_nats::{
    ConnectOptions, Event,
    jetstream::{
        self,
        kv::{Operation, Store},
        stream::{Config, DiscardPolicy, StorageType},
    },
};
use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::sync::watch;

use super::directory::{Directory, DirectoryError, Lookup, Service};

/// The bucket of all services.
const BUCKET: &str = "uigniter";
/// Pause before the server is tried again.
const AGAIN: Duration = Duration::from_millis(300);
/// Within what a server looks for duplicates; its own default, and never more than it keeps.
const DUPLICATES: Duration = Duration::from_secs(120);
/// For one request to the server.
const REQUEST: Duration = Duration::from_secs(2);

/// A NATS server.
#[derive(Debug)]
pub struct NatsDirectory {
    shared: Arc<Shared>,
}

struct Shared {
    endpoint: String,
    ttl: Duration,
    /// The bucket, while there is one.
    store: watch::Sender<Option<Store>>,
    /// Keys, and when each ends.
    seen: Mutex<BTreeMap<String, Instant>>,
    /// Raised with every change.
    changes: watch::Sender<u64>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

fn failed(error: impl std::fmt::Display) -> DirectoryError {
    DirectoryError::Nats(error.to_string())
}

impl NatsDirectory {
    /// That at `endpoint` (`host:port`), where an announcement holds for `ttl`. It is followed as long as this lives.
    #[must_use]
    pub fn new(endpoint: &str, ttl: Duration) -> Self {
        let shared = Arc::new(Shared {
            endpoint: endpoint.to_owned(),
            ttl,
            store: watch::Sender::default(),
            seen: Mutex::default(),
            changes: watch::Sender::default(),
        });
        tokio::spawn(follow(Arc::downgrade(&shared)));
        Self { shared }
    }

    /// The bucket; one that is being looked for is waited for a moment.
    async fn store(&self) -> Result<Store, DirectoryError> {
        let mut store = self.shared.store.subscribe();
        let there = tokio::time::timeout(REQUEST, store.wait_for(Option::is_some)).await;
        let there = there.ok().and_then(Result::ok).and_then(|store| store.clone());
        there.ok_or_else(|| failed("no connection"))
    }

    /// What `work` did; a server that did not do it is looked for anew.
    fn checked<T, E: std::fmt::Display>(&self, done: Result<T, E>) -> Result<T, DirectoryError> {
        done.map_err(|error| {
            self.shared.store.send_replace(None);
            failed(error)
        })
    }
}

/// Connects, and again where the bucket is lost, as long as somebody has the directory.
async fn follow(shared: Weak<Shared>) {
    while let Some(shared) = shared.upgrade() {
        if let Err(error) = shared.follow_once().await {
            tracing::debug!(%error, "the registry was lost");
        }
        shared.store.send_replace(None);
        drop(shared);
        tokio::time::sleep(AGAIN).await;
    }
}

impl Shared {
    async fn connect(self: &Arc<Self>) -> Result<Store, DirectoryError> {
        let shared = Arc::downgrade(self);
        // A server that comes back has an empty memory: the bucket is made anew, rather than waited for.
        let lost = move |event| {
            let shared = shared.upgrade().filter(|_| matches!(event, Event::Disconnected));
            async move {
                if let Some(shared) = shared {
                    shared.store.send_replace(None);
                }
            }
        };
        let options = ConnectOptions::new()
            .connection_timeout(REQUEST)
            .request_timeout(Some(REQUEST))
            .event_callback(lost);
        let client = options
            .connect(format!("nats://{}", self.endpoint))
            .await
            .map_err(failed)?;
        let context = jetstream::new(client);
        // A bucket is a stream of that shape (NATS ADR-8). The crate's own `create_key_value` first asks for the account in a way that
        // servers before 2.10, as Debian has them, do not answer to its liking.
        let bucket = Config {
            name: format!("KV_{BUCKET}"),
            subjects: vec![format!("$KV.{BUCKET}.>")],
            max_messages_per_subject: 1,
            max_age: self.ttl,
            duplicate_window: self.ttl.min(DUPLICATES),
            storage: StorageType::Memory,
            discard: DiscardPolicy::New,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            num_replicas: 1,
            ..Config::default()
        };
        // Where it is there with another time to live, that of whoever made it counts.
        let made = context.create_stream(bucket).await;
        let store = context.get_key_value(BUCKET).await;
        store.map_err(|error| match made {
            Ok(_) => failed(error),
            Err(made) => failed(made),
        })
    }

    /// Tells of all changes until the bucket is lost.
    async fn follow_once(self: &Arc<Self>) -> Result<(), DirectoryError> {
        let store = self.connect().await?;
        // Before the look at what is there, so that nothing between the two is missed.
        let mut news = store.watch_all().await.map_err(failed)?;
        let keys: Vec<String> = store
            .keys()
            .await
            .map_err(failed)?
            .try_collect()
            .await
            .map_err(failed)?;
        self.change(|seen| {
            let end = Instant::now() + self.ttl;
            seen.extend(keys.into_iter().map(|key| (key, end)));
        });
        let mut current = self.store.subscribe();
        self.store.send_replace(Some(store));
        current.mark_unchanged();
        loop {
            tokio::select! {
                entry = news.next() => {
                    let Some(entry) = entry else { return Ok(()) };
                    let entry = entry.map_err(failed)?;
                    self.change(|seen| match entry.operation {
                        Operation::Put => drop(seen.insert(entry.key, Instant::now() + self.ttl)),
                        Operation::Delete | Operation::Purge => drop(seen.remove(&entry.key)),
                    });
                }
                // Somebody found it broken.
                _ = current.wait_for(Option::is_none) => return Ok(()),
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        // Each change is one step.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, work: impl FnOnce(&mut BTreeMap<String, Instant>)) {
        work(&mut self.seen());
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Instances of `service` that have not ended, and when the first of them does.
    fn instances(&self, service: Service) -> (Lookup, Option<Instant>) {
        let now = Instant::now();
        let mut seen = self.seen();
        seen.retain(|_, end| *end > now);
        let prefix = format!("{}.", service.key());
        let of_service = seen
            .iter()
            .filter_map(|(key, end)| Some((endpoint(key.strip_prefix(&prefix)?)?, *end)));
        let (mut instances, ends): (Vec<_>, Vec<_>) = of_service.unzip();
        instances.sort_unstable();
        (
            Lookup {
                instances,
                index: None,
            },
            ends.into_iter().min(),
        )
    }
}

/// The key of an instance.
fn key(service: Service, endpoint: &str) -> String {
    let mut key = format!("{}.", service.key());
    for byte in endpoint.bytes() {
        // A `String` takes everything.
        let _ = write!(key, "{byte:02x}");
    }
    key
}

/// What [`key`] made of an endpoint; others' keys are none.
fn endpoint(hex: &str) -> Option<String> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    String::from_utf8(digits.map(byte).collect::<Option<_>>()?).ok()
}

#[async_trait]
impl Directory for NatsDirectory {
    async fn announce(&self, service: Service, endpoint: &str, _ttl: Duration) -> Result<(), DirectoryError> {
        let store = self.store().await?;
        self.checked(store.put(key(service, endpoint), Vec::new().into()).await)
            .map(drop)
    }

    async fn withdraw(&self, service: Service, endpoint: &str) -> Result<(), DirectoryError> {
        let store = self.store().await?;
        self.checked(store.purge(key(service, endpoint)).await)
    }

    async fn lookup(&self, service: Service) -> Result<Lookup, DirectoryError> {
        // Once the bucket has been there, what it said holds until it ends.
        drop(self.store().await?);
        Ok(self.shared.instances(service).0)
    }

    async fn watch(&self, service: Service, known: &Lookup) -> Result<Lookup, DirectoryError> {
        let mut changes = self.shared.changes.subscribe();
        loop {
            let (found, end) = self.shared.instances(service);
            if found != *known {
                return Ok(found);
            }
            let end = async {
                match end {
                    Some(end) => tokio::time::sleep_until(end.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // The sender lives as long as this.
                _ = changes.changed() => {}
                () = end => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_go_through_keys() {
        let key = key(Service::Master, "[::1]:9003");
        assert!(
            key.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.')
        );
        let hex = key.strip_prefix("masterendpoint.").unwrap();
        assert_eq!(endpoint(hex).as_deref(), Some("[::1]:9003"));
        assert_eq!(endpoint("xyz"), None);
        assert_eq!(endpoint("ff"), None);
    }
}
