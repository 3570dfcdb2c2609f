//! The microservice platform: an application cut into small services that find each other, share out work, and carry on when one
//! dies. All are ordinary Linux programs, and one program, so that one image serves all of them.
//!
//! ```text
//!  browser -> page -> master -> scheduler (tasks)
//!                       |  \--> storage (pictures) <-+
//!                       +------ worker --------------+        all of them <-> registry
//! ```
//!
//! The wire between them is the first system's, so each part can be another implementation of it.
//!
//! | module | does |
//! |---|---|
//! | [`cli`] | flags, `MICRO_*` variables, `--help`; starts a service |
//! | [`registry`] | who is where; the seam to memcached and NATS |
//! | [`scheduler`], [`storage`], [`master`], [`worker`], [`page`] | the services |
//! | [`balance`] | all instances of a service, as one to be called |
//! | [`http`], [`trace`], [`telemetry`] | server, client, forms; what a request carries along; logs and metrics |
#![forbid(unsafe_code)]

pub mod balance;
pub mod cli;
pub mod http;
pub mod master;
pub mod page;
pub mod registry;
pub mod scheduler;
pub mod storage;
pub mod telemetry;
pub mod trace;
pub mod worker;
