//! What mediates between all: services know only the registry and the master.
//!
//! [`server`] has its routes. It keeps nothing: any number of masters may run.

pub mod server;
