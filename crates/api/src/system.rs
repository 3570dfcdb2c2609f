//! The daemon itself: `/v1/version`, `/healthz`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answer of `GET /v1/version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Version {
    /// The daemon's version.
    pub version: String,
    /// Version of this API: `v1`.
    pub api: String,
    /// Digest of the kernel that instances boot.
    pub kernel: String,
    /// The monitor of new instances: `embedded` or `firecracker`.
    pub vmm: String,
    /// Process of the daemon.
    pub pid: u32,
    /// Network namespace of the instances; `ip netns exec NAME` enters it.
    pub network_namespace: String,
}

/// Answer of `GET /healthz`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Health {
    /// Whether the daemon takes requests.
    pub ok: bool,
}
