//! The web page: upload, a gallery of before and after, live states of tasks and services.
//!
//! | module | does |
//! |---|---|
//! | [`live`] | asks the master while somebody looks |
//! | [`server`] | the page's routes |
//!
//! The page itself is three files that the binary carries; nothing has to be built.

pub mod live;
pub mod server;
