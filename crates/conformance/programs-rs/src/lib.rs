//! Conformance programs in Rust; each is a binary of its own in `src/bin`.
