//! Who is where: the registry itself, and how every service finds the others.
//!
//! | module | does |
//! |---|---|
//! | [`store`] | keys, values with a time to live, instances, in memory |
//! | [`server`] | the store as a service |
//! | [`directory`] | the seam: what services need of a registry, whichever it is |
//! | [`own`], [`memcached`], `nats` | the directories |
//!
//! The registry keeps nothing on disk: what lives announces itself again within a third of its time to live.

pub mod directory;
pub mod memcached;
#[cfg(feature = "nats")]
pub mod nats;
pub mod own;
pub mod server;
pub mod store;

pub use directory::{Directory, Lookup, Service};
