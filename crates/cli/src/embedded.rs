//! What the build script put into the binary.

/// The library OS, as an ELF.
pub(crate) static KERNEL: &[u8] = include_bytes!(env!("UIGNITER_KERNEL_ELF"));

/// The demo's web server: an ordinary static Linux program.
pub(crate) static DEMO_SERVER: &[u8] = include_bytes!(env!("UIGNITER_DEMO_SERVER"));
