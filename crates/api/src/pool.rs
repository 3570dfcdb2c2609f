//! The pool of microVMs that wait for a request (`/v1/pool`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The pool, as `GET /v1/pool` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pool {
    /// How many microVMs shall wait.
    pub size: u32,
    /// How many wait at this moment.
    pub ready: u32,
    /// Requests that found one.
    pub hits: u64,
    /// Requests that had to have one made.
    pub misses: u64,
}

/// Body of `PUT /v1/pool`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResizeRequest {
    /// How many microVMs shall wait, 0 to 1024.
    #[schemars(range(max = 1024))]
    pub size: u32,
}
