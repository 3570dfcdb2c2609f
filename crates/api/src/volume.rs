//! Volumes: file systems that outlive the instances that use them (`/v1/volumes`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Size of a volume where nobody says, in bytes: 1 GiB. What is not written takes no room on the host.
pub const DEFAULT_VOLUME_BYTES: u64 = 1 << 30;

/// Body of `POST /v1/volumes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VolumeRequest {
    /// Name: letters, digits, `.`, `_`, `-`, 1 to 63 of them, the first a letter or digit; unique.
    pub name: String,
    /// Size in bytes, 32 MiB to 256 GiB.
    #[serde(default = "default_size")]
    #[schemars(range(min = 33_554_432, max = 274_877_906_944_u64))]
    pub size_bytes: u64,
}

fn default_size() -> u64 {
    DEFAULT_VOLUME_BYTES
}

/// One volume, as `GET /v1/volumes/{name}` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Bytes that it takes on the host's disk.
    pub used_bytes: u64,
    /// When it was made, milliseconds since 1970.
    pub created_at_ms: u64,
    /// The file on the daemon's host: an ext4 that Linux can mount, and `e2fsck` check, while nobody uses it.
    pub path: String,
    /// Running instances that have it mounted.
    pub users: Vec<VolumeUser>,
}

/// An instance that uses a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VolumeUser {
    /// The instance's name.
    pub instance: String,
    /// Whether it may only read.
    pub read_only: bool,
}
