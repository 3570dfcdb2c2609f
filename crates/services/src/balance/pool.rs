//! Calls to a service, whichever of its instances answers.
//!
//! The instance is the less loaded of two that are drawn by lot: nearly as even as asking all, without everybody running to the same
//! one. A call that brought no answer is made again, at another instance if there is one, where that is safe ([`Retry`]), until the
//! caller's patience or the request's deadline ends.

use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::breaker::Breaker;
use crate::{
    http::{Answer, CallError, Client, client::Call},
    registry::{Directory, Lookup, Service},
    trace::Context,
};

/// How often each instance is asked for its health.
const HEALTH: Duration = Duration::from_secs(5);
/// How long it may take to answer that.
const HEALTH_ANSWER: Duration = Duration::from_secs(1);
/// Pause before a call is made again.
const AGAIN: Duration = Duration::from_millis(25);

/// When a call may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Making it twice is the same as making it once.
    Safe,
    /// Only where the first one cannot have arrived.
    Unsent,
}

/// Why no instance answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// There is none, or all are left alone for a moment.
    #[error("no {0} is up; it is tried again by itself")]
    Nobody(&'static str),
    /// The last one that was asked.
    #[error("the {service}: {source}")]
    Failed {
        /// Which service.
        service: &'static str,
        /// What happened.
        source: CallError,
    },
}

/// An instance as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// `host:port`.
    pub endpoint: String,
    /// Whether it answers.
    pub up: bool,
    /// Calls under way.
    pub calls: usize,
}

#[derive(Debug)]
struct Member {
    endpoint: String,
    calls: AtomicUsize,
    breaker: Mutex<Breaker>,
}

impl Member {
    fn new(endpoint: String) -> Arc<Self> {
        let (calls, breaker) = (AtomicUsize::new(0), Mutex::default());
        Arc::new(Self {
            endpoint,
            calls,
            breaker,
        })
    }

    fn breaker<T>(&self, work: impl FnOnce(&mut Breaker) -> T) -> T {
        // Its changes are whole steps; a panic elsewhere leaves it usable.
        work(&mut self.breaker.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn load(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

/// Counts a call as long as it lives, also where it is given up.
#[derive(Debug)]
struct Picked(Arc<Member>);

impl Picked {
    fn new(member: Arc<Member>, now: Instant) -> Self {
        member.calls.fetch_add(1, Ordering::Relaxed);
        member.breaker(|breaker| breaker.begin(now));
        Self(member)
    }
}

impl Drop for Picked {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All instances of a service.
#[derive(Debug)]
pub struct Pool {
    service: Service,
    client: Client,
    directory: Arc<dyn Directory>,
    members: RwLock<Vec<Arc<Member>>>,
    changed: Notify,
    patience: Duration,
}

impl Pool {
    /// Those that `directory` knows; [`run`](Self::run) has to run beside it. A call is made again for up to `patience`.
    #[must_use]
    pub fn new(
        service: Service,
        client: Client,
        directory: Arc<dyn Directory>,
        patience: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            service,
            client,
            directory,
            members: RwLock::default(),
            changed: Notify::new(),
            patience,
        })
    }

    /// Follows the registry and asks for health, until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let work = async { tokio::join!(self.follow(), self.examine()) };
        // Both go on for ever.
        let _ = stop.run_until_cancelled(work).await;
    }

    /// The instances.
    #[must_use]
    pub fn view(&self) -> Vec<MemberView> {
        let members = self.members();
        let view = members.iter().map(|member| MemberView {
            endpoint: member.endpoint.clone(),
            up: member.breaker(|breaker| breaker.is_closed()),
            calls: member.load(),
        });
        view.collect()
    }

    /// Calls an instance.
    ///
    /// # Errors
    ///
    /// None answered in time.
    pub async fn call(&self, call: Call, retry: Retry) -> Result<Answer, PoolError> {
        self.attempt(call, retry, false).await
    }

    /// Calls instances until one knows the thing: an answer of 404 counts only when all have given it.
    ///
    /// # Errors
    ///
    /// None answered in time, or those that did not might know it.
    pub async fn search(&self, call: Call, retry: Retry) -> Result<Answer, PoolError> {
        self.attempt(call, retry, true).await
    }

    /// Calls every instance that is up, once; answers of those that gave one.
    pub async fn each(&self, call: Call) -> Vec<Answer> {
        let mut answers = Vec::new();
        for member in self.members() {
            if member.breaker(|breaker| breaker.allows(Instant::now())) {
                answers.extend(self.once(&member, call.clone()).await);
            }
        }
        answers
    }

    async fn attempt(&self, call: Call, retry: Retry, search: bool) -> Result<Answer, PoolError> {
        let patience = Context::current().map_or(self.patience, |context| context.left(self.patience));
        // A tenth is left for the answer on its way back.
        let end = Instant::now() + patience * 9 / 10;
        let mut last = PoolError::Nobody(self.service.name());
        let mut absent: Vec<(String, Answer)> = Vec::new();
        loop {
            // Who said 404 would say it again.
            let asked = |member: &Member| absent.iter().any(|(endpoint, _)| *endpoint == member.endpoint);
            if let Some(picked) = self.pick(asked) {
                match self.once(&picked.0, call.clone()).await {
                    Ok(answer) if search && answer.status == StatusCode::NOT_FOUND => {
                        absent.push((picked.0.endpoint.clone(), answer));
                        continue;
                    }
                    Ok(answer) if retry == Retry::Unsent || !passing(answer.status) => return Ok(answer),
                    Ok(answer) if Instant::now() + AGAIN >= end => return Ok(answer),
                    Ok(_) => {}
                    Err(source) => {
                        let give_up = retry == Retry::Unsent && !source.never_sent();
                        let service = self.service.name();
                        last = PoolError::Failed { service, source };
                        if give_up {
                            return Err(last);
                        }
                    }
                }
            } else if let Some((_, answer)) = self.all_said_no(&absent) {
                return Ok(answer.clone());
            }
            if Instant::now() + AGAIN >= end {
                return Err(last);
            }
            // Somebody new, or a pause that is over.
            let _ = tokio::time::timeout(AGAIN, self.changed.notified()).await;
        }
    }

    /// The 404 that counts: every instance has given it.
    fn all_said_no<'a>(&self, absent: &'a [(String, Answer)]) -> Option<&'a (String, Answer)> {
        let said_no = |member: &Arc<Member>| absent.iter().any(|(endpoint, _)| *endpoint == member.endpoint);
        absent.first().filter(|_| self.members().iter().all(said_no))
    }

    async fn once(&self, member: &Member, call: Call) -> Result<Answer, CallError> {
        let answer = self.client.call(&member.endpoint, call).await;
        member.breaker(|breaker| match &answer {
            Ok(answer) if passing(answer.status) => breaker.failure(false, Instant::now()),
            Ok(_) => breaker.success(),
            Err(error) => breaker.failure(error.never_sent(), Instant::now()),
        });
        answer
    }

    /// The less loaded of two.
    fn pick(&self, but_not: impl Fn(&Member) -> bool) -> Option<Picked> {
        let now = Instant::now();
        let members = self.members();
        let free = members.into_iter().filter(|member| !but_not(member));
        let mut free: Vec<_> = free
            .filter(|member| member.breaker(|breaker| breaker.allows(now)))
            .collect();
        let one = draw(&mut free)?;
        let picked = match draw(&mut free) {
            Some(other) if other.load() < one.load() => other,
            _ => one,
        };
        Some(Picked::new(picked, now))
    }

    fn members(&self) -> Vec<Arc<Member>> {
        self.members
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Keeps the members those that the registry knows.
    async fn follow(&self) {
        let mut known: Option<Lookup> = None;
        loop {
            let found = match &known {
                None => self.directory.lookup(self.service).await,
                Some(known) => self.directory.watch(self.service, known).await,
            };
            match found {
                Ok(found) => {
                    if known.as_ref().map(|known| &known.instances) != Some(&found.instances) {
                        self.replace(&found.instances);
                    }
                    known = Some(found);
                }
                Err(error) => {
                    // What was known stays: better than nobody. A registry that starts anew counts from the beginning.
                    tracing::debug!(%error, "the registry was not asked");
                    known = None;
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    }

    fn replace(&self, endpoints: &[String]) {
        let old = self.members();
        let kept = |endpoint: &String| old.iter().find(|member| member.endpoint == *endpoint).cloned();
        let members = endpoints
            .iter()
            .map(|endpoint| kept(endpoint).unwrap_or_else(|| Member::new(endpoint.clone())));
        let members: Vec<_> = members.collect();
        *self.members.write().unwrap_or_else(PoisonError::into_inner) = members;
        let service = self.service.name();
        tracing::info!(service, instances = endpoints.join(" "), "known");
        self.changed.notify_waiters();
    }

    /// Asks every instance for its health; any answer that is no failure is a good one, as not all have that route.
    async fn examine(&self) {
        loop {
            tokio::time::sleep(HEALTH).await;
            for member in self.members() {
                let call = Call::get("/healthz").within(HEALTH_ANSWER);
                drop(self.once(&member, call).await);
            }
        }
    }
}

/// Statuses that may be others a moment later.
fn passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// Takes one by lot.
fn draw<T>(from: &mut Vec<T>) -> Option<T> {
    (!from.is_empty()).then(|| from.swap_remove(fastrand::usize(..from.len())))
}
