//! Firecracker's REST API (the shape of 1.17) on a Unix socket.
//!
//! - [`http`] reads one request from bytes and writes one answer, nothing more of HTTP than that.
//! - [`server`] owns the connections: nonblocking, few, small buffers, so that no client can hold up another or eat memory.
//! - [`routes`] turns method, path and body into a [`routes::Command`]; [`model`] has the bodies.
//!
//! A server of our own, because hyper brings an async runtime and Firecracker's `micro_http` is not published as a crate.

pub(crate) mod http;
pub(crate) mod model;
pub(crate) mod routes;
pub(crate) mod server;

#[cfg(test)]
mod fuzz;
