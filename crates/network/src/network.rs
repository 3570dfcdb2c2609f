//! [`Network`]: the one door of this crate.

mod core;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use tokio::net::TcpStream;

use self::core::Core;
use crate::error::Result;
use crate::{Attachment, Config, Error, PortMapping, Publication, Reconciled, Subnet};

/// A network that is open in this process; clones are handles of the same one.
///
/// Futures may be awaited on any tokio runtime with I/O switched on. [`attach`](Self::attach),
/// [`detach`](Self::detach), [`reconcile`](Self::reconcile) and [`close`](Self::close) run to their end also if the
/// future is dropped. When the last handle is dropped without `close`, the threads and the published ports end; namespace,
/// bridges, taps and leases stay for the next [`open`](Self::open).
///
/// ```no_run
/// # async fn example() -> Result<(), uigniter_network::Error> {
/// use uigniter_network::{Config, Network};
///
/// let network = Network::open(Config::new("uigniter", "/var/lib/uigniter/network")).await?;
/// let guest = network.attach("3f2a").await?;
/// network.set_name("3f2a", "web")?;
/// let port = network.publish("3f2a", "127.0.0.1:8080:80".parse().expect("a mapping"), guest.address).await?;
/// println!("tap {} leads to {}, http://{} too", guest.tap, guest.address, port.host);
/// network.detach("3f2a").await?;
/// network.close(false).await
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Network {
    core: Arc<Core>,
}

impl Network {
    /// Makes the network, or takes it over as an earlier process left it: namespace, bridges, taps and leases.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] or [`Error::Name`] for settings that cannot be, [`Error::InUse`] if another process has it
    /// open, [`Error::Permission`] without the capabilities, [`Error::State`] or [`Error::CorruptState`] for the
    /// lease file, [`Error::Namespace`] or [`Error::Link`] for what the kernel refuses.
    pub async fn open(config: Config) -> Result<Self> {
        Ok(Self {
            core: Core::open(config).await?,
        })
    }

    /// The range in force: the configured one, unless leases of an earlier range were found.
    #[must_use]
    pub fn subnet(&self) -> Subnet {
        self.core.subnet()
    }

    /// The namespace's file, `/run/netns/NAME`.
    #[must_use]
    pub fn namespace_path(&self) -> &Path {
        self.core.namespace().path()
    }

    /// A new descriptor of the namespace, close-on-exec, for setns(2).
    ///
    /// # Errors
    ///
    /// [`Error::Namespace`] if the process is out of descriptors.
    pub fn namespace_fd(&self) -> Result<OwnedFd> {
        self.core.namespace().duplicate()
    }

    /// Makes `command` start its process inside the namespace, by setns(2) between fork and exec. With a tokio command,
    /// pass `command.as_std_mut()`. May be called together with other `pre_exec` hooks.
    ///
    /// # Errors
    ///
    /// [`Error::Namespace`] if the process is out of descriptors.
    pub fn start_inside(&self, command: &mut Command) -> Result<()> {
        self.core.namespace().start_inside(command)
    }

    /// Gives `owner` a tap, a MAC and an address. Asked again, also after a restart, it gives the same ones and makes a
    /// missing tap anew, which costs next to nothing where the tap is there.
    ///
    /// # Errors
    ///
    /// [`Error::PoolFull`] if every address is leased, [`Error::Name`] for an owner that is not 1 to 128 letters, digits,
    /// `-`, `_` or `.`, [`Error::State`] or [`Error::Link`] if disk or kernel refuse; nothing is left then.
    pub async fn attach(&self, owner: &str) -> Result<Attachment> {
        let (core, owner) = (Arc::clone(&self.core), owner.to_owned());
        self.core
            .control()
            .run(async move { core.attach(&owner).await })
            .await?
    }

    /// Takes back all that `owner` has: published ports, names, tap and address. Having nothing is no error.
    ///
    /// The kernel takes some 20 ms to remove a tap, so this belongs off a request's path; calls at the same time
    /// share that wait. The VMM should have ended before; one that has not loses its tap.
    ///
    /// # Errors
    ///
    /// [`Error::Link`] or [`Error::State`] if kernel or disk refuse: the address then stays out of use until the next
    /// [`open`](Self::open) and [`reconcile`](Self::reconcile).
    pub async fn detach(&self, owner: &str) -> Result<()> {
        let (core, owner) = (Arc::clone(&self.core), owner.to_owned());
        self.core
            .control()
            .run(async move { core.detach(&owner).await })
            .await?
    }

    /// What `owner` has.
    #[must_use]
    pub fn attachment(&self, owner: &str) -> Option<Attachment> {
        self.core.attachment(owner)
    }

    /// All attachments with their owners, in the order of the owners.
    #[must_use]
    pub fn attachments(&self) -> Vec<(String, Attachment)> {
        self.core.attachments()
    }

    /// After a crash: keeps what the `live` owners have, making missing taps anew, and removes every other lease and tap.
    ///
    /// # Errors
    ///
    /// As [`attach`](Self::attach) and [`detach`](Self::detach).
    pub async fn reconcile(&self, live: &[String]) -> Result<Reconciled> {
        let (core, live) = (Arc::clone(&self.core), live.to_vec());
        self.core
            .control()
            .run(async move { core.reconcile(&live).await })
            .await?
    }

    /// Listens on a port of the host (in the network namespace of the calling thread) and leads it to `target`.
    ///
    /// When this returns, clients can connect. A client whose connection the guest refuses, or does not take within
    /// [`Limits::connect_timeout`](crate::Limits::connect_timeout), is reset.
    ///
    /// # Errors
    ///
    /// [`Error::PortTaken`], [`Error::Listen`], [`Error::NotAGuest`] for a target outside the network, and
    /// [`Error::Closed`].
    pub async fn publish(&self, owner: &str, mapping: PortMapping, target: Ipv4Addr) -> Result<Publication> {
        self.core.publish(owner, mapping, target).await
    }

    /// Closes the published ports of `owner` with every connection through them. The ports are free when it returns.
    pub async fn unpublish(&self, owner: &str) {
        self.core.unpublish(owner).await;
    }

    /// All published ports, in the order of owner and host address.
    #[must_use]
    pub fn publications(&self) -> Vec<Publication> {
        self.core.publications()
    }

    /// Opens a TCP connection to a guest. The stream has `TCP_NODELAY` and belongs to the calling runtime.
    ///
    /// There is no bound on the time but TCP's own (some two minutes): use `tokio::time::timeout`. A segment that is sent
    /// before the VMM has opened its tap is lost, and TCP repeats it after a whole second.
    ///
    /// # Errors
    ///
    /// [`Error::Connect`] with the kernel's answer, `ConnectionRefused` if the guest is up and nothing listens there.
    pub async fn connect(&self, address: SocketAddrV4) -> Result<TcpStream> {
        let connecting = async move {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            stream.into_std()
        };
        let stream = self.core.control().run_while_awaited(connecting).await?;
        stream
            .and_then(TcpStream::from_std)
            .map_err(|source| Error::Connect { address, source })
    }

    /// Lets `name` and `name.uigniter` resolve to the address of `owner`, for every guest, until it is detached. Names
    /// are not kept on disk.
    ///
    /// # Errors
    ///
    /// [`Error::NotAttached`], [`Error::NameTaken`] by another owner, [`Error::Name`] if it is not 1 to 63 letters,
    /// digits, `-`, `_` or `.`.
    pub fn set_name(&self, owner: &str, name: &str) -> Result<()> {
        self.core.set_name(owner, name)
    }

    /// Forgets the names of `owner`.
    pub fn clear_names(&self, owner: &str) {
        self.core.clear_names(owner);
    }

    /// Ends published ports, names and threads, and waits for that; every handle is closed then. With `destroy` also
    /// removes taps, bridges, namespace and leases, whoever uses them.
    ///
    /// # Errors
    ///
    /// [`Error::Link`], [`Error::Namespace`] or [`Error::State`] for what could not be removed; what comes after it is
    /// tried all the same. [`Error::Closed`] if it was closed before.
    pub async fn close(self, destroy: bool) -> Result<()> {
        Core::close(self.core, destroy).await
    }
}
