//! The seam: what services need of a registry.
//!
//! A service announces itself again and again ([`Presence`]) and watches the others. Which registry stands behind it is said by an
//! address: `host:port` or `http://host:port` for our own or the first system's, `memcached://host:port`, `nats://host:port`.

use std::{fmt, net::SocketAddr, str::FromStr, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::http::CallError;

/// The services that are found by the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// The queue of tasks.
    Scheduler,
    /// The pictures.
    Storage,
    /// What mediates between all.
    Master,
    /// What works.
    Worker,
    /// The web page.
    Page,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Master,
        Self::Scheduler,
        Self::Storage,
        Self::Worker,
        Self::Page,
    ];

    /// The registry's key; the first system gave the first three their names.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Scheduler => "dbendpoint",
            Self::Storage => "storageendpoint",
            Self::Master => "masterendpoint",
            Self::Worker => "workerendpoint",
            Self::Page => "pageendpoint",
        }
    }

    /// The port it listens on where nothing else is said.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Scheduler => 9001,
            Self::Storage => 9002,
            Self::Master => 9003,
            Self::Page => 9004,
            Self::Worker => 9005,
        }
    }

    /// Its name for people, and the subcommand.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduler => "scheduler",
            Self::Storage => "storage",
            Self::Master => "master",
            Self::Worker => "worker",
            Self::Page => "page",
        }
    }
}

/// Why a registry did not do as it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// No answer.
    #[error("the registry: {0}")]
    Call(#[from] CallError),
    /// An answer that says no.
    #[error("the registry refused: {0}; is it a registry that listens there?")]
    Refused(String),
    /// memcached did not do it.
    #[error("memcached: {0}; is it up?")]
    Memcached(#[from] async_memcached::Error),
    /// NATS did not do it.
    #[error("NATS: {0}; is the server up, with JetStream (-js)?")]
    Nats(String),
    /// Nowhere to announce oneself.
    #[error("all {0} places of the service are taken; stop some instances")]
    Full(usize),
    /// No answer in time.
    #[error("the registry does not answer within {} s; is it up?", .0.as_secs())]
    Late(Duration),
}

/// Instances of a service at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lookup {
    /// `host:port` of each, sorted.
    pub instances: Vec<String>,
    /// The registry's mark of this moment, where it has one.
    pub index: Option<u64>,
}

/// A registry, as services see it.
#[async_trait]
pub trait Directory: fmt::Debug + Send + Sync {
    /// Says that `endpoint` is an instance of `service`, for `ttl`. Saying it again prolongs it.
    ///
    /// # Errors
    ///
    /// The registry did not take it.
    async fn announce(&self, service: Service, endpoint: &str, ttl: Duration) -> Result<(), DirectoryError>;

    /// Takes that back.
    ///
    /// # Errors
    ///
    /// The registry did not take it; it will forget by itself.
    async fn withdraw(&self, service: Service, endpoint: &str) -> Result<(), DirectoryError>;

    /// All instances of `service`.
    ///
    /// # Errors
    ///
    /// The registry does not answer.
    async fn lookup(&self, service: Service) -> Result<Lookup, DirectoryError>;

    /// Returns when they may be others than `known`. A registry that cannot tell is asked every second.
    ///
    /// # Errors
    ///
    /// The registry does not answer.
    async fn watch(&self, service: Service, known: &Lookup) -> Result<Lookup, DirectoryError> {
        let _ = known;
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.lookup(service).await
    }
}

/// Where the registry is, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryAddress {
    /// Our own, or another that speaks like it.
    Own(String),
    /// memcached.
    Memcached(String),
    /// NATS, by a bucket of JetStream.
    #[cfg(feature = "nats")]
    Nats(String),
}

impl RegistryAddress {
    /// `host:port`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        match self {
            Self::Own(endpoint) | Self::Memcached(endpoint) => endpoint,
            #[cfg(feature = "nats")]
            Self::Nats(endpoint) => endpoint,
        }
    }

    /// The directory behind it. Connections are made when they are needed.
    #[must_use]
    pub fn open(&self, ttl: Duration) -> Arc<dyn Directory> {
        // Only NATS wants to know it before the first announcement.
        let _ = ttl;
        match self {
            Self::Own(endpoint) => Arc::new(super::own::OwnDirectory::new(endpoint)),
            Self::Memcached(endpoint) => Arc::new(super::memcached::MemcachedDirectory::new(endpoint)),
            #[cfg(feature = "nats")]
            Self::Nats(endpoint) => Arc::new(super::nats::NatsDirectory::new(endpoint, ttl)),
        }
    }
}

impl FromStr for RegistryAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, endpoint) = text.split_once("://").unwrap_or(("http", text));
        let endpoint = endpoint.trim_end_matches('/');
        let port = endpoint.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) || endpoint.contains(['/', ' ']) {
            return Err(format!("'{endpoint}' is not HOST:PORT"));
        }
        let endpoint = endpoint.to_owned();
        match scheme {
            "http" => Ok(Self::Own(endpoint)),
            "memcached" => Ok(Self::Memcached(endpoint)),
            #[cfg(feature = "nats")]
            "nats" => Ok(Self::Nats(endpoint)),
            other => Err(format!(
                "no registry speaks '{other}'; take http, memcached or nats"
            )),
        }
    }
}

impl fmt::Display for RegistryAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(endpoint) => write!(f, "http://{endpoint}"),
            Self::Memcached(endpoint) => write!(f, "memcached://{endpoint}"),
            #[cfg(feature = "nats")]
            Self::Nats(endpoint) => write!(f, "nats://{endpoint}"),
        }
    }
}

/// The address under which others reach a service that listens on `bound`: where it listens on all addresses, that of the
/// interface towards the registry. No packet is sent to find it.
pub async fn own_address(bound: SocketAddr, registry: &str) -> String {
    if !bound.ip().is_unspecified() {
        return bound.to_string();
    }
    let towards = async {
        let socket = tokio::net::UdpSocket::bind("0.0.0.0:0").await?;
        socket.connect(registry).await?;
        socket.local_addr()
    };
    match towards.await {
        Ok(address) if !address.ip().is_unspecified() => format!("{}:{}", address.ip(), bound.port()),
        _ => {
            let uname = rustix::system::uname();
            format!("{}:{}", uname.nodename().to_string_lossy(), bound.port())
        }
    }
}

/// A service's presence in the registry, from its start to its end.
#[derive(Debug)]
pub struct Presence {
    /// The registry.
    pub directory: Arc<dyn Directory>,
    /// What is announced.
    pub service: Service,
    /// `host:port`.
    pub endpoint: String,
    /// For how long each announcement holds; it is made again after a third of it.
    pub ttl: Duration,
}

impl Presence {
    /// Announces until `stop`, then withdraws. A registry that is away is tried again every half second.
    pub async fn keep(self, stop: CancellationToken) {
        let mut known = None;
        while !stop.is_cancelled() {
            let said = self
                .bounded(self.directory.announce(self.service, &self.endpoint, self.ttl))
                .await;
            let ok = said.is_ok();
            if known != Some(ok) {
                known = Some(ok);
                let (service, endpoint) = (self.service.name(), &self.endpoint);
                match said {
                    Ok(()) => tracing::info!(service, endpoint, "announced"),
                    Err(error) => tracing::warn!(service, endpoint, %error, "not announced; trying again"),
                }
            }
            let pause = if ok {
                self.ttl / 3
            } else {
                self.ttl.min(Duration::from_millis(500))
            };
            let _ = stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
        if let Err(error) = self
            .bounded(self.directory.withdraw(self.service, &self.endpoint))
            .await
        {
            tracing::warn!(%error, "not withdrawn; the registry forgets by itself");
        }
    }

    async fn bounded(
        &self,
        work: impl Future<Output = Result<(), DirectoryError>>,
    ) -> Result<(), DirectoryError> {
        let most = Duration::from_secs(3);
        tokio::time::timeout(most, work)
            .await
            .unwrap_or(Err(DirectoryError::Late(most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_which_registry() {
        let parse = |text: &str| text.parse::<RegistryAddress>();
        assert_eq!(parse("h:9000"), Ok(RegistryAddress::Own("h:9000".to_owned())));
        assert_eq!(
            parse("http://h:9000/"),
            Ok(RegistryAddress::Own("h:9000".to_owned()))
        );
        let memcached = parse("memcached://h:9000").unwrap();
        assert_eq!(memcached, RegistryAddress::Memcached("h:9000".to_owned()));
        assert_eq!(parse(&memcached.to_string()), Ok(memcached));
        for wrong in [
            "",
            "h",
            ":1",
            "h:",
            "h:x",
            "h:99999",
            "redis://h:1",
            "http://h:1/x",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
