//! What the daemon and its callers say to each other: the REST API's wire types, its OpenAPI document, and a client.
//!
//! - [`vm`]: the first Uigniter's API (`/vm/run`, `/vm/create`, `/vm/{id}/stop`), to the letter.
//! - [`instance`], [`configuration`], [`image`], [`pool`], [`volume`], [`system`]: bodies of `/v1`.
//! - [`publish`], [`mount`]: parts of those bodies that have a short form.
//! - [`error`]: the one error body, `{"error":{"code","message"}}`.
//! - [`openapi`]: the table of all routes, from which the OpenAPI 3.1 document is made.
//! - [`client`]: an asynchronous client over a Unix socket or TCP.
//!
//! Requests refuse unknown fields; answers may gain fields in later versions, so clients skip what they do not know.
#![forbid(unsafe_code)]

pub mod client;
pub mod configuration;
pub mod error;
pub mod image;
pub mod instance;
pub mod mount;
pub mod openapi;
pub mod pool;
pub mod publish;
pub mod system;
pub mod vm;
pub mod volume;

pub use client::{Client, Endpoint};
pub use error::{ErrorBody, ErrorCode};
