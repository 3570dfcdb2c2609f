//! The first Uigniter's API: `POST /vm/run`, `POST /vm/create`, `POST /vm/{id}/stop`.
//!
//! That API has no route that starts a created VM, so `create` and `run` are one thing under two names.

use std::net::Ipv4Addr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of `POST /vm/run` and `POST /vm/create`.
///
/// ```
/// let body = r#"{"image_name":"hello","cmdline":"hello","read_only":true}"#;
/// let request: uigniter_api::vm::RunRequest = serde_json::from_str(body)?;
/// assert!(request.read_only);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRequest {
    /// The image's name: `image/NAME.raw` under the daemon's state folder.
    pub image_name: String,
    /// The program and its arguments in OSv's boot syntax; options such as `--env=K=V` may come first.
    pub cmdline: String,
    /// Whether the image is used as it is; otherwise the instance writes to a copy of its own.
    #[serde(default)]
    pub read_only: bool,
}

/// Answer of `POST /vm/run` and `POST /vm/create`, with status 201.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunResponse {
    /// The instance's id.
    pub id: String,
    /// Its address.
    pub ip_address: Ipv4Addr,
}
