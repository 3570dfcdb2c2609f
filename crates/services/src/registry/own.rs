//! Our own registry as a directory, and the first system's, which knows one value for each key.

use std::time::Duration;

use async_trait::async_trait;
use http::StatusCode;
use serde_json::json;

use super::{
    directory::{Directory, DirectoryError, Lookup, Service},
    server::INDEX,
};
use crate::http::{Answer, Client, client::Call};

/// How long one question for changes waits.
const WAIT_SECONDS: u64 = 20;

/// A registry that speaks HTTP.
#[derive(Debug)]
pub struct OwnDirectory {
    client: Client,
    endpoint: String,
}

impl OwnDirectory {
    /// That at `endpoint` (`host:port`).
    #[must_use]
    pub fn new(endpoint: &str) -> Self {
        Self {
            client: Client::new(),
            endpoint: endpoint.to_owned(),
        }
    }

    async fn call(&self, call: Call) -> Result<Answer, DirectoryError> {
        Ok(self.client.call(&self.endpoint, call).await?)
    }

    /// Instances, by our route or, where that is unknown, by the plain key.
    async fn ask(&self, service: Service, query: &str, most: Duration) -> Result<Lookup, DirectoryError> {
        let path = format!("/{}/instances{query}", service.key());
        let answer = self.call(Call::get(path).within(most)).await?;
        if answer.status == StatusCode::OK {
            let index = answer.header(&INDEX).and_then(|index| index.parse().ok());
            let list = serde_json::from_slice::<Vec<String>>(&answer.body);
            let mut instances = list.map_err(|error| DirectoryError::Refused(error.to_string()))?;
            instances.sort_unstable();
            return Ok(Lookup { instances, index });
        }
        if !other_registry(answer.status) {
            return Err(DirectoryError::Refused(answer.text()));
        }
        let answer = self.call(Call::get(format!("/{}", service.key()))).await?;
        let instances = match answer.status {
            StatusCode::OK => vec![answer.text()],
            _ => Vec::new(),
        };
        let instances = instances
            .into_iter()
            .filter(|endpoint| !endpoint.is_empty())
            .collect();
        Ok(Lookup {
            instances,
            index: None,
        })
    }
}

/// Whether a status means that our routes are unknown there.
fn other_registry(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED)
}

#[async_trait]
impl Directory for OwnDirectory {
    async fn announce(&self, service: Service, endpoint: &str, ttl: Duration) -> Result<(), DirectoryError> {
        let path = format!("/{}/instances/{endpoint}", service.key());
        let call = Call::new(http::Method::PUT, path).json(&json!({ "ttl": ttl.as_secs_f64() }));
        let mut answer = self.call(call).await?;
        if other_registry(answer.status) {
            let call = Call::post(format!("/{}", service.key())).json(&json!({ "value": endpoint }));
            answer = self.call(call).await?;
        }
        match answer.status {
            StatusCode::OK => Ok(()),
            _ => Err(DirectoryError::Refused(answer.text())),
        }
    }

    async fn withdraw(&self, service: Service, endpoint: &str) -> Result<(), DirectoryError> {
        let path = format!("/{}/instances/{endpoint}", service.key());
        let answer = self.call(Call::new(http::Method::DELETE, path)).await?;
        // Not there: forgotten already, or a registry that forgets nothing.
        match answer.status {
            StatusCode::OK | StatusCode::NOT_FOUND => Ok(()),
            _ => Err(DirectoryError::Refused(answer.text())),
        }
    }

    async fn lookup(&self, service: Service) -> Result<Lookup, DirectoryError> {
        self.ask(service, "", Duration::from_secs(5)).await
    }

    async fn watch(&self, service: Service, known: &Lookup) -> Result<Lookup, DirectoryError> {
        let Some(index) = known.index else {
            tokio::time::sleep(Duration::from_secs(1)).await;
            return self.lookup(service).await;
        };
        let query = format!("?index={index}&wait={WAIT_SECONDS}");
        self.ask(service, &query, Duration::from_secs(WAIT_SECONDS + 5))
            .await
    }
}
