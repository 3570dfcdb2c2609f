//! The binary as users have it: every command against a real daemon and real microVMs. One module per command, and `given` and `volume_folder` for what `run` gives.
//!
//! These tests need root, `/dev/kvm`, `/dev/net/tun` and a C compiler, and fail where one is missing (`uigniter doctor` says what).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends at the first thing that is not as it should be; clippy exempts only the test functions themselves"
)]

mod registry;
mod support;

mod build;
mod completion;
mod daemon;
mod demo;
mod doctor;
mod given;
mod image;
mod inspect;
mod kill;
mod load;
mod logs;
mod man;
mod pool;
mod ps;
mod pull;
mod push;
mod reference;
mod rm;
mod run;
mod save;
mod stats;
mod stop;
mod vmm;
mod volume;
mod volume_folder;
mod wait;
