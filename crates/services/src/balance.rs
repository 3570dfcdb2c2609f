//! All live instances of a service, as one to be called.
//!
//! | module | does |
//! |---|---|
//! | [`breaker`] | lets an instance alone that is down |
//! | [`pool`] | picks an instance, calls it, and another where that is safe |

pub mod breaker;
pub mod pool;

pub use pool::{Pool, PoolError, Retry};
