//! The network as its users see it: real namespaces, bridges and taps.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod common;
mod lifecycle;
mod names;
mod publish;
