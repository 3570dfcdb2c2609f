//! What the handles share: namespace, threads, leases, ports and names, and the order in which they change.
//!
//! | thread | does |
//! |---|---|
//! | `net-control` | makes bridges and taps, answers DNS, opens connections for [`connect`](crate::Network::connect) |
//! | `net-reaper` | removes taps, as many as wait at once: the kernel's waits hold up nobody else |
//! | `net-proxy-N` | serve the published ports, each port on one of them |

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use crate::config::Limits;
use crate::dns::{self, Names};
use crate::error::Result;
use crate::journal::{self, Journal};
use crate::lease::{self, Leases};
use crate::link::{self, Link, Links};
use crate::namespace::{self, Namespace};
use crate::publish::Published;
use crate::subnet::{GUESTS_PER_SLICE, Slot, TAP_PREFIX, bridge_name};
use crate::worker::{AbortOnDrop, Worker};
use crate::{Attachment, Config, Error, PortMapping, Publication, Reconciled, Subnet};

/// Longest name of a network, in bytes: it names a file and a socket.
const MAX_NAME_BYTES: usize = 64;
/// Most threads that serve published ports.
const MAX_PROXIES: usize = 4;

/// A tap that is to go, and whom to tell.
type Doomed = (Link, oneshot::Sender<Result<(), Arc<Error>>>);

/// One open network.
#[derive(Debug)]
pub(super) struct Core {
    config: Config,
    subnet: Subnet,
    namespace: Namespace,
    leases: Mutex<Leases>,
    names: Names,
    ports: Mutex<HashMap<String, Vec<Published>>>,
    links: Links,
    /// Bridges that exist. Held while bridges or taps are made.
    bridges: AsyncMutex<BTreeMap<u16, Bridge>>,
    doomed: mpsc::UnboundedSender<Doomed>,
    control: Worker,
    reaper: Worker,
    proxies: Vec<Worker>,
    next_proxy: AtomicUsize,
    lock: Mutex<Option<UnixListener>>,
}

/// A bridge that is up.
#[derive(Debug)]
struct Bridge {
    index: u32,
    /// Its responder, which ends with it.
    _dns: AbortOnDrop<()>,
}

impl Core {
    pub(super) async fn open(config: Config) -> Result<Arc<Self>> {
        check(&config)?;
        let lock = namespace::lock(&config.name)?;
        let (journal, records) = Journal::open(&config.state_dir)?;
        let leases = Leases::open(journal, records, config.subnet, &config.limits)?;
        let (namespace, made) = Namespace::open(&config.name)?;
        let path = namespace.path().to_owned();
        let opened = Self::start(config, lock, leases, namespace).await;
        if opened.is_err()
            && made
            && let Err(error) = namespace::unmount(&path)
        {
            tracing::warn!(%error, "cannot undo a network that failed to open");
        }
        opened
    }

    /// Starts the threads, and makes what has to be there at once.
    async fn start(
        config: Config,
        lock: UnixListener,
        leases: Leases,
        namespace: Namespace,
    ) -> Result<Arc<Self>> {
        let start = |name: &str| Worker::start(name, namespace.duplicate()?);
        let (control, reaper) = (start("net-control")?, start("net-reaper")?);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let proxies = (0..cores.min(MAX_PROXIES)).map(|number| start(&format!("net-proxy-{number}")));
        let proxies = proxies.collect::<Result<_>>()?;
        let (doomed, queue) = mpsc::unbounded_channel();
        reaper
            .run(async move { Links::open().map(|links| drop(tokio::spawn(reap(links, queue)))) })
            .await??;
        let links = control
            .run(async { namespace::configure().and_then(|()| Links::open()) })
            .await??;
        let core = Arc::new(Self {
            subnet: leases.subnet(),
            config,
            namespace,
            leases: Mutex::new(leases),
            names: Names::default(),
            ports: Mutex::new(HashMap::new()),
            links,
            bridges: AsyncMutex::new(BTreeMap::new()),
            doomed,
            control,
            reaper,
            proxies,
            next_proxy: AtomicUsize::new(0),
            lock: Mutex::new(Some(lock)),
        });
        let preparing = Arc::clone(&core);
        core.control
            .run(async move { preparing.prepare().await })
            .await??;
        Ok(core)
    }

    /// Loopback and the bridges that leases need; bridges of an earlier range go.
    async fn prepare(&self) -> Result<()> {
        self.links.up("lo").await?;
        let needed = self.leases().bridges_in_use();
        if needed.is_empty() {
            let stale = self.links.list(BRIDGE_PREFIX).await?;
            self.links.remove(&stale).await?;
        }
        let mut bridges = self.bridges.lock().await;
        self.bridge(&mut bridges, 0).await?;
        for bridge in needed {
            self.bridge(&mut bridges, bridge).await?;
        }
        Ok(())
    }

    /// Index of a bridge, which is made if it is absent.
    async fn bridge(&self, bridges: &mut BTreeMap<u16, Bridge>, number: u16) -> Result<u32> {
        if let Some(bridge) = bridges.get(&number) {
            return Ok(bridge.index);
        }
        let gateway = self.subnet.gateway(number);
        let index = self.links.ensure_bridge(&bridge_name(number), gateway).await?;
        let names = self.names.clone();
        let answering = async move {
            if let Err(error) = dns::serve(gateway, names).await {
                tracing::error!(%gateway, %error, "the name service of a bridge ended");
            }
        };
        bridges.insert(
            number,
            Bridge {
                index,
                _dns: self.control.spawn(answering),
            },
        );
        Ok(index)
    }

    pub(super) async fn attach(&self, owner: &str) -> Result<Attachment> {
        let mut bridges = self.bridges.lock().await;
        let taken = self.leases().take(owner)?;
        match self.plug(&mut bridges, taken).await {
            Ok(attachment) => Ok(attachment),
            Err(error) => {
                drop(bridges);
                if taken.fresh
                    && let Err(second) = self.detach(owner).await
                {
                    tracing::warn!(owner, error = %second, "cannot undo an attachment that failed");
                }
                Err(error)
            }
        }
    }

    async fn plug(&self, bridges: &mut BTreeMap<u16, Bridge>, taken: lease::Taken) -> Result<Attachment> {
        let attachment = self.subnet.attachment(taken.slot);
        let bridge = self.bridge(bridges, taken.slot.bridge).await?;
        if taken.fresh
            && let Some(index) = link::index(&attachment.tap)
        {
            // Of an owner that died with an earlier daemon; somebody may still hold it open.
            self.unplug(vec![Link {
                name: attachment.tap.clone(),
                index,
            }])
            .await?;
        }
        self.links.ensure_tap(&attachment, bridge).await?;
        Ok(attachment)
    }

    pub(super) async fn detach(&self, owner: &str) -> Result<()> {
        self.unpublish(owner).await;
        self.names.clear(owner);
        // Not while the same owner's tap is being made.
        let bridges = self.bridges.lock().await;
        let Some(slot) = self.leases().vacate(owner) else {
            return Ok(());
        };
        let bridge = bridges.get(&slot.bridge).map(|bridge| bridge.index);
        drop(bridges);
        self.release(slot, bridge).await
    }

    /// Removes the tap of a slot that nobody owns, then lets others have it.
    async fn release(&self, slot: Slot, bridge: Option<u32>) -> Result<()> {
        let attachment = self.subnet.attachment(slot);
        if let Some(bridge) = bridge {
            self.links.forget_neighbour(attachment.address, bridge).await;
        }
        if let Some(index) = link::index(&attachment.tap) {
            self.unplug(vec![Link {
                name: attachment.tap,
                index,
            }])
            .await?;
        }
        self.leases().free(slot)
    }

    /// Has the reaper remove links, and waits for that.
    async fn unplug(&self, links: Vec<Link>) -> Result<()> {
        let mut answers = Vec::new();
        for link in links {
            let (done, answer) = oneshot::channel();
            self.doomed.send((link, done)).map_err(|_| Error::Closed)?;
            answers.push(answer);
        }
        for answer in answers {
            answer.await.map_err(|_| Error::Closed)?.map_err(shared)?;
        }
        Ok(())
    }

    pub(super) async fn reconcile(&self, live: &[String]) -> Result<Reconciled> {
        let live: HashSet<&str> = live.iter().map(String::as_str).collect();
        let mut found = Reconciled::default();
        let all = self.attachments();
        let (kept, dead): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|(owner, _)| live.contains(owner.as_str()));
        // At the same time, so that the taps go together.
        let gone = dead.iter().map(|(owner, _)| self.detach(owner));
        futures_util::future::try_join_all(gone).await?;
        found.removed_owners = dead.into_iter().map(|(owner, _)| owner).collect();
        // The lock keeps attachments from being made between the two looks.
        let bridges = self.bridges.lock().await;
        let leased: HashSet<String> = self
            .attachments()
            .into_iter()
            .map(|(_, attachment)| attachment.tap)
            .collect();
        let mut stray = self.links.list(TAP_PREFIX).await?;
        stray.retain(|link| !leased.contains(&link.name));
        found.removed_taps = stray.iter().map(|link| link.name.clone()).collect();
        self.unplug(stray).await?;
        drop(bridges);
        for (owner, attachment) in kept {
            if link::index(&attachment.tap).is_none() {
                self.attach(&owner).await?;
                found.restored_owners.push(owner);
            }
        }
        Ok(found)
    }

    pub(super) async fn publish(
        &self,
        owner: &str,
        mapping: PortMapping,
        target: Ipv4Addr,
    ) -> Result<Publication> {
        if self.subnet.slot(target).is_none() {
            return Err(Error::NotAGuest { address: target });
        }
        if self.lock.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return Err(Error::Closed);
        }
        let number = self.next_proxy.fetch_add(1, Ordering::Relaxed);
        let worker = self
            .proxies
            .get(number % self.proxies.len().max(1))
            .ok_or(Error::Closed)?;
        let guest = SocketAddrV4::new(target, mapping.guest_port);
        let published = Published::open(owner, mapping, guest, worker, &self.config.limits)?;
        let publication = published.publication.clone();
        self.ports().entry(owner.to_owned()).or_default().push(published);
        Ok(publication)
    }

    pub(super) async fn unpublish(&self, owner: &str) {
        let closing = self.ports().remove(owner);
        for port in closing.into_iter().flatten() {
            port.close().await;
        }
    }

    pub(super) fn publications(&self) -> Vec<Publication> {
        let mut all: Vec<_> = self
            .ports()
            .values()
            .flatten()
            .map(|port| port.publication.clone())
            .collect();
        all.sort_by(|left, right| {
            (&left.owner, left.host, left.protocol).cmp(&(&right.owner, right.host, right.protocol))
        });
        all
    }

    pub(super) fn set_name(&self, owner: &str, name: &str) -> Result<()> {
        let attachment = self.attachment(owner).ok_or_else(|| Error::NotAttached {
            owner: owner.to_owned(),
        })?;
        self.names.set(owner, name, attachment.address)
    }

    pub(super) fn clear_names(&self, owner: &str) {
        self.names.clear(owner);
    }

    pub(super) fn attachment(&self, owner: &str) -> Option<Attachment> {
        self.leases().get(owner).map(|slot| self.subnet.attachment(slot))
    }

    pub(super) fn attachments(&self) -> Vec<(String, Attachment)> {
        self.leases().all()
    }

    pub(super) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    pub(super) fn control(&self) -> &Worker {
        &self.control
    }

    pub(super) fn subnet(&self) -> Subnet {
        self.subnet
    }

    pub(super) async fn close(core: Arc<Self>, destroy: bool) -> Result<()> {
        let lock = core
            .lock
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .ok_or(Error::Closed)?;
        let owners: Vec<String> = core.ports().keys().cloned().collect();
        for owner in owners {
            core.unpublish(&owner).await;
        }
        let links = if destroy {
            let core = Arc::clone(&core);
            let control = Arc::clone(&core);
            control
                .control
                .run(async move { core.remove_links().await })
                .await
                .flatten()
        } else {
            Ok(())
        };
        for worker in core.proxies.iter().chain([&core.reaper, &core.control]) {
            worker.stop().await;
        }
        let mut result = links;
        if destroy {
            result = result
                .and(namespace::unmount(core.namespace.path()))
                .and(journal::remove(&core.config.state_dir));
        }
        drop(lock);
        result
    }

    /// Removes all taps, then all bridges.
    async fn remove_links(&self) -> Result<()> {
        let mut bridges = self.bridges.lock().await;
        bridges.clear();
        let taps = self.links.list(TAP_PREFIX).await?;
        self.unplug(taps).await?;
        let bridges = self.links.list(BRIDGE_PREFIX).await?;
        self.unplug(bridges).await
    }

    fn leases(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ports(&self) -> MutexGuard<'_, HashMap<String, Vec<Published>>> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the names of our bridges begin with.
const BRIDGE_PREFIX: &str = "uigniter";

/// Removes taps as they come, all that wait at once.
async fn reap(links: Links, mut queue: mpsc::UnboundedReceiver<Doomed>) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, usize::MAX).await > 0 {
        let (doomed, waiting): (Vec<Link>, Vec<_>) = batch.drain(..).unzip();
        let result = links.remove(&doomed).await.map_err(Arc::new);
        for done in waiting {
            // Who asked may have gone.
            drop(done.send(result.clone()));
        }
    }
}

/// The reaper's answer to one of those who waited for it.
fn shared(error: Arc<Error>) -> Error {
    Arc::try_unwrap(error).unwrap_or_else(|error| Error::link("remove taps", std::io::Error::other(error)))
}

fn check(config: &Config) -> Result<()> {
    lease::check_name("a network", &config.name, MAX_NAME_BYTES)?;
    let Limits {
        guests_per_bridge,
        bridges,
        connections_per_port,
        flows_per_port,
        ..
    } = config.limits;
    let most_connections = tokio::sync::Semaphore::MAX_PERMITS;
    for (limit, value, max) in [
        (
            "guests_per_bridge",
            usize::from(guests_per_bridge),
            usize::from(GUESTS_PER_SLICE),
        ),
        ("bridges", usize::from(bridges), usize::from(u16::MAX)),
        ("connections_per_port", connections_per_port, most_connections),
        ("flows_per_port", flows_per_port, usize::MAX),
    ] {
        if value == 0 || value > max {
            return Err(Error::Limit { limit, value, max });
        }
    }
    Ok(())
}
