//! The queue of tasks: every task is done at least once, and none is lost, not even by a crash of this service.
//!
//! | module | does |
//! |---|---|
//! | [`task`] | a task, its states and what may happen to it; no clock, no disk |
//! | [`queue`] | the seam: where tasks are kept |
//! | [`embedded`] | the queue in a file of this machine (redb) |
//! | `postgres` | the queue in PostgreSQL, for several schedulers |
//! | [`service`] | leases, their ends, waiting workers, what is swept away |
//! | [`server`] | the service's routes |

pub mod embedded;
#[cfg(feature = "postgres")]
pub mod postgres;
pub mod queue;
pub mod server;
pub mod service;
pub mod task;

pub use queue::{Queue, QueueError};
pub use service::{Policy, Scheduler};
pub use task::{State, Task};
