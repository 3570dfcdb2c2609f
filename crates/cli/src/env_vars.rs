//! Every environment variable that the binary reads, each declared and described once.
//!
//! `docs/cli.md` and the man pages take the list from [`ALL`].

/// One variable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnvVar {
    /// Its name.
    pub(crate) name: &'static str,
    /// What it does, as a sentence.
    pub(crate) meaning: &'static str,
}

/// Where the daemon listens, and where every other command looks for it.
pub(crate) const SOCKET: &str = "UIGNITER_SOCKET";
/// The daemon's state folder.
pub(crate) const STATE_DIR: &str = "UIGNITER_STATE_DIR";
/// The Firecracker binary.
pub(crate) const FIRECRACKER: &str = "UIGNITER_FIRECRACKER";
/// What is logged on stderr.
pub(crate) const LOG: &str = "UIGNITER_LOG";

/// Docker's configuration folder.
pub(crate) const DOCKER_CONFIG: &str = "DOCKER_CONFIG";

/// The list for the documentation.
pub(crate) const ALL: &[EnvVar] = &[
    EnvVar {
        name: SOCKET,
        meaning: "The daemon's Unix socket; `--socket` overrides it. Default: /run/uigniter/uigniter.sock.",
    },
    EnvVar {
        name: STATE_DIR,
        meaning: "The daemon's state folder; `--state-dir` overrides it. Default: /var/lib/uigniter.",
    },
    EnvVar {
        name: FIRECRACKER,
        meaning: "The Firecracker that `uigniter daemon --vmm firecracker` runs, where it is not the one of PATH; tests run it, too.",
    },
    EnvVar {
        name: DOCKER_CONFIG,
        meaning: "Folder of the `config.json` in which `docker login` notes who asks a registry. Default: ~/.docker.",
    },
    EnvVar {
        name: LOG,
        meaning: "What `uigniter daemon` logs on stderr, as in `info`, `debug` or `uigniter_daemon=trace`. Default: info.",
    },
];
