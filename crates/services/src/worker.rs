//! Takes tasks from the master, and works.
//!
//! | module | does |
//! |---|---|
//! | [`picture`] | what can be done with a picture |
//! | [`job`] | one task, from its lease to its end |
//! | [`service`] | several at a time, until it is told to stop |

pub mod job;
pub mod picture;
pub mod service;

pub use service::Worker;
