//! Any memcached as a directory, by its text protocol.
//!
//! memcached cannot list keys, and two writers of one list would lose each other's lines. So a service has [`PLACES`] keys,
//! `dbendpoint.0`, `dbendpoint.1`, ..; an instance takes the first free one with `add`, keeps it alive with `set`, and all are read by
//! one `get`. Ends are memcached's own, so nobody's clock matters. The plain key `dbendpoint` has one instance as well, where nobody else
//! set it: the first system's services read that.

use std::time::Duration;

use async_memcached::{AsciiProtocol as _, Client, Error, Status};
use async_trait::async_trait;
use tokio::sync::Mutex;

use super::directory::{Directory, DirectoryError, Lookup, Service};

/// Instances that a service can have.
const PLACES: usize = 64;

/// A memcached.
pub struct MemcachedDirectory {
    endpoint: String,
    client: Mutex<Option<Client>>,
}

impl std::fmt::Debug for MemcachedDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemcachedDirectory")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl MemcachedDirectory {
    /// That at `endpoint` (`host:port`).
    #[must_use]
    pub fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            client: Mutex::new(None),
        }
    }

    /// The connection, made again where the last one broke.
    async fn connect(&self, client: &mut Option<Client>) -> Result<(), DirectoryError> {
        if client.as_ref().is_none_or(Client::is_closed) {
            *client = Some(Client::new(format!("tcp://{}", self.endpoint)).await?);
        }
        Ok(())
    }

    /// Does `work` on the connection; one that failed is not used again.
    async fn with<T>(
        &self,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, DirectoryError>,
    ) -> Result<T, DirectoryError> {
        let mut held = self.client.lock().await;
        self.connect(&mut held).await?;
        let Some(mut client) = held.take() else {
            return Err(Error::ConnectionClosed.into());
        };
        let done = work(&mut client).await;
        if !matches!(done, Err(DirectoryError::Memcached(_))) {
            *held = Some(client);
        }
        done
    }
}

fn places(service: Service) -> Vec<String> {
    let places = (0..PLACES).map(|place| format!("{}.{place}", service.key()));
    places.collect()
}

/// What is stored: key and value of each place that is taken, and of the plain key.
async fn stored(client: &mut Client, service: Service) -> Result<Vec<(String, String)>, DirectoryError> {
    let mut keys = places(service);
    keys.push(service.key().to_owned());
    let values = match client.get_multi(&keys).await {
        // The crate's word for an answer without values.
        Err(Error::Protocol(Status::NotFound)) => Vec::new(),
        values => values?,
    };
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let values = values.into_iter();
    Ok(values
        .map(|value| (text(value.key), text(value.data.unwrap_or_default())))
        .collect())
}

/// Takes a key that nobody has; says whether it was free.
async fn add(client: &mut Client, key: &str, endpoint: &str, ttl: i64) -> Result<bool, DirectoryError> {
    match client.add(key, endpoint, Some(ttl), None).await {
        Ok(()) => Ok(true),
        Err(Error::Protocol(Status::NotStored)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn announce(
    client: &mut Client,
    service: Service,
    endpoint: &str,
    ttl: i64,
) -> Result<(), DirectoryError> {
    let stored = stored(client, service).await?;
    let plain = stored.iter().find(|(key, _)| key == service.key());
    match plain {
        Some((key, value)) if value == endpoint => client.set(key, endpoint, Some(ttl), None).await?,
        Some(_) => {}
        None => drop(add(client, service.key(), endpoint, ttl).await?),
    }
    let own = stored
        .iter()
        .find(|(key, value)| key != service.key() && value == endpoint);
    if let Some((key, _)) = own {
        return Ok(client.set(key, endpoint, Some(ttl), None).await?);
    }
    for place in places(service) {
        let taken = stored.iter().any(|(key, _)| *key == place);
        if !taken && add(client, &place, endpoint, ttl).await? {
            return Ok(());
        }
    }
    Err(DirectoryError::Full(PLACES))
}

async fn withdraw(client: &mut Client, service: Service, endpoint: &str) -> Result<(), DirectoryError> {
    for (key, value) in stored(client, service).await? {
        if value == endpoint {
            match client.delete(&key).await {
                // It ended between the two.
                Ok(()) | Err(Error::Protocol(Status::NotFound)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

#[async_trait]
impl Directory for MemcachedDirectory {
    async fn announce(&self, service: Service, endpoint: &str, ttl: Duration) -> Result<(), DirectoryError> {
        // memcached counts whole seconds, and zero means for ever.
        let seconds = i64::try_from(ttl.as_millis().div_ceil(1000))
            .unwrap_or(i64::MAX)
            .max(2);
        self.with(async |client| announce(client, service, endpoint, seconds).await)
            .await
    }

    async fn withdraw(&self, service: Service, endpoint: &str) -> Result<(), DirectoryError> {
        self.with(async |client| withdraw(client, service, endpoint).await)
            .await
    }

    async fn lookup(&self, service: Service) -> Result<Lookup, DirectoryError> {
        let stored = self.with(async |client| stored(client, service).await).await?;
        let mut instances: Vec<_> = stored.into_iter().map(|(_, value)| value).collect();
        instances.retain(|instance| !instance.is_empty());
        instances.sort_unstable();
        instances.dedup();
        Ok(Lookup {
            instances,
            index: None,
        })
    }
}
