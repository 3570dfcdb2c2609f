//! What a daemon is started with. Nothing here comes from the environment: the caller decides.

use std::{borrow::Cow, net::SocketAddr, path::PathBuf};

use crate::monitor::Monitor;

/// Settings of one daemon. [`Config::new`] gives the defaults; every field may be changed before
/// [`Daemon::start`](crate::Daemon::start).
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder for images, instances and leases; made if absent. One daemon at a time may use it.
    pub state_dir: PathBuf,
    /// Unix socket of the API, for root and its group.
    pub socket: PathBuf,
    /// TCP address of the API; `None` for none, port 0 for any free one. There is no password: loopback only.
    pub listen: Option<SocketAddr>,
    /// How many microVMs wait in the pool at first.
    pub pool_size: u32,
    /// What runs the microVMs.
    pub monitor: Monitor,
    /// The library OS's ELF, for instances unless `kernel/kernel.elf` is in the state folder.
    pub kernel: Cow<'static, [u8]>,
    /// Name of the network namespace, `/run/netns/NAME`; one daemon at a time may use it.
    pub network_name: String,
    /// Range of the instances' addresses, as in `172.16.0.0/12`; `None` for that default.
    pub subnet: Option<String>,
    /// A private daemon takes everything down with itself: instances, network, namespace. Another one leaves its
    /// instances running when it ends, and finds them again when it starts.
    pub private: bool,
    /// How much of each instance's console is kept, in bytes; the oldest part goes first.
    pub console_limit_bytes: u64,
}

impl Config {
    /// A daemon with its state in `state_dir`, its socket at `socket`, and `kernel` for the instances.
    #[must_use]
    pub fn new(
        state_dir: impl Into<PathBuf>,
        socket: impl Into<PathBuf>,
        kernel: impl Into<Cow<'static, [u8]>>,
    ) -> Self {
        Self {
            state_dir: state_dir.into(),
            socket: socket.into(),
            listen: None,
            pool_size: 4,
            monitor: Monitor::embedded(),
            kernel: kernel.into(),
            network_name: "uigniter".into(),
            subnet: None,
            private: false,
            console_limit_bytes: 16 << 20,
        }
    }
}
