//! HTTP as all services speak it.
//!
//! | module | does |
//! |---|---|
//! | [`server`] | listens, bounds what clients may take, ends in peace |
//! | [`client`] | calls other services, with deadline and trace |
//! | [`body`] | JSON and forms |
//! | `linger` | lets a client that is refused hear it |
//! | [`form`] | pictures as multipart forms, in and out |
//! | [`refusal`] | answers that say no |
//! | [`wait`] | how long a caller would wait |

pub mod body;
pub mod client;
pub mod form;
mod linger;
pub mod refusal;
pub mod server;
pub mod wait;

pub use client::{Answer, CallError, Client};
pub use refusal::Refusal;
