//! The pictures: what was uploaded and what became of it.
//!
//! | module | does |
//! |---|---|
//! | [`blobs`] | the seam: bytes under a name |
//! | [`folder`] | in a folder, whole or not at all, checked when they are read |
//! | [`server`] | the service's routes |

pub mod blobs;
pub mod folder;
pub mod server;

pub use blobs::{BlobError, Blobs, Name, Version};
