//! Instances: microVMs that run, ran, or will run in a moment (`/v1/instances`).

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    configuration::{FileContent, FileInfo, HostName, Secret},
    mount::Mount,
    publish::PortMapping,
};

/// Memory of an instance where neither the request nor the image says, in MiB.
pub const DEFAULT_MEMORY_MIB: u32 = 128;

/// Seconds that a graceful stop waits before it kills, where the request does not say.
pub const DEFAULT_GRACE_SECONDS: u32 = 10;

/// Body of `POST /v1/instances`: creates an instance and starts it.
///
/// ```
/// use uigniter_api::instance::CreateRequest;
/// let request = CreateRequest { name: Some("web".into()), ..CreateRequest::new("hello") };
/// assert_eq!(request.memory_mib, None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRequest {
    /// Name: letters, digits, `.`, `_`, `-`, 1 to 63 of them, the first a letter or digit; unique. Absent: the id is the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Image by name, or by digest (`sha256:` and 64 hexadecimal digits).
    pub image: String,
    /// The whole command in OSv's boot syntax, in place of the image's own; not together with `args`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmdline: Option<String>,
    /// Arguments for the image's own program.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Environment of the program.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Host name of the instance; absent: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Name servers in place of the daemon's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
    /// Domains in which names without a dot are looked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns_search: Vec<String>,
    /// Names that are looked up before any name server is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostName>,
    /// Time zone by its name, as in `Europe/Berlin`, from the daemon's host; absent: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Who the program runs as: a user's name or number, and behind a colon a group's; absent: the image's user, or root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Files in place of the image's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileContent>,
    /// Files below `/run/secrets`; with `files` 4 MiB at the most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<Secret>,
    /// Memory in MiB, 8 at the least; absent: what the image says, or 128.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 8))]
    pub memory_mib: Option<u32>,
    /// Virtual CPUs; absent: what the image says, or 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub cpus: Option<u8>,
    /// Ports published on the host; where there are none, those that the image names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<PortMapping>,
    /// What is mounted besides the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Mount>,
    /// Whether the image is used as it is; otherwise the instance writes to a copy of its own.
    #[serde(default = "default_read_only")]
    pub read_only: bool,
    /// Free words for the caller's own use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whether the program's standard input is what is posted to the instance's console; otherwise it is empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interactive: bool,
    /// Whether the instance is deleted as soon as it has ended and every `wait` and log reader has been answered.
    #[serde(default)]
    pub auto_remove: bool,
}

impl CreateRequest {
    /// A request for an image with everything else at its default.
    #[must_use]
    pub fn new(image: impl Into<String>) -> Self {
        Self {
            name: None,
            image: image.into(),
            cmdline: None,
            args: Vec::new(),
            env: BTreeMap::new(),
            hostname: None,
            dns: Vec::new(),
            dns_search: Vec::new(),
            hosts: Vec::new(),
            timezone: None,
            user: None,
            files: Vec::new(),
            secrets: Vec::new(),
            memory_mib: None,
            cpus: None,
            publish: Vec::new(),
            volumes: Vec::new(),
            read_only: default_read_only(),
            labels: BTreeMap::new(),
            interactive: false,
            auto_remove: false,
        }
    }
}

fn default_read_only() -> bool {
    true
}

/// Our own monitor, in [`Instance::vmm`].
pub const EMBEDDED: &str = "embedded";

/// What records of daemons that knew no other monitor leave out.
fn embedded() -> String {
    EMBEDDED.into()
}

/// One instance, as `GET /v1/instances/{id}` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Instance {
    /// Twelve hexadecimal digits.
    pub id: String,
    /// Name; every route takes it in place of the id.
    pub name: String,
    /// The image's name.
    pub image: String,
    /// The image's digest, if it has one: what is in use, also when the name has gone to another image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_digest: Option<String>,
    /// The monitor that runs it: `embedded` or `firecracker`.
    #[serde(default = "embedded")]
    pub vmm: String,
    /// Where it is in its life.
    pub state: State,
    /// Moment of the request, milliseconds since 1970.
    pub created_at_ms: u64,
    /// Moment when the microVM's first instruction ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at_ms: Option<u64>,
    /// Moment when the microVM had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at_ms: Option<u64>,
    /// Address; gone once the instance has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<Ipv4Addr>,
    /// Ethernet address, `aa:bb:cc:dd:ee:ff`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Environment of the program.
    pub env: BTreeMap<String, String>,
    /// Host name.
    #[serde(default)]
    pub hostname: String,
    /// Name servers.
    #[serde(default)]
    pub dns: Vec<IpAddr>,
    /// Domains in which names without a dot are looked for.
    #[serde(default)]
    pub dns_search: Vec<String>,
    /// Names with addresses of their own.
    #[serde(default)]
    pub hosts: Vec<HostName>,
    /// Time zone; absent: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Who the program runs as, as the request or the image names it; absent: root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Files that it was given.
    #[serde(default)]
    pub files: Vec<FileInfo>,
    /// Names of its secrets.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Virtual CPUs.
    pub cpus: u8,
    /// Published ports, with the host ports that were taken.
    pub publish: Vec<PortMapping>,
    /// What is mounted besides the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Mount>,
    /// Whether it uses the shared image itself.
    pub read_only: bool,
    /// The caller's own words.
    pub labels: BTreeMap<String, String>,
    /// Whether its program hears what is posted to its console.
    #[serde(default)]
    pub interactive: bool,
    /// Whether it is deleted when it ends.
    pub auto_remove: bool,
    /// Process of the VMM, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// How it ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
}

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its folder and network are being made.
    Creating,
    /// The VMM is told what to boot.
    Starting,
    /// The microVM runs.
    Running,
    /// The microVM stands still and can go on.
    Paused,
    /// It was told to stop and has not ended yet.
    Stopping,
    /// It ended; `exit` says how.
    Exited,
    /// It ended in a way that is not the program's; `exit` says how.
    Failed,
}

impl State {
    /// Whether nothing more will happen to the instance but its deletion.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Exited | Self::Failed)
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Creating => "creating",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Exited => "exited",
            Self::Failed => "failed",
        })
    }
}

/// How an instance ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exit {
    /// What ended it.
    pub reason: ExitReason,
    /// Status for a process that stands for the instance: the program's own, 128 plus a signal's number, 70 for a
    /// kernel panic or a VMM that failed, 78 for a failed boot, 137 for a kill.
    pub code: u8,
    /// A line for people, where there is more to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What ended an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ExitReason {
    /// The program ended by itself.
    Exited,
    /// A signal ended the program.
    Signaled,
    /// The library OS failed.
    KernelPanic,
    /// The program never ran.
    BootFailed,
    /// The machine reset without a status.
    Reset,
    /// It was killed from outside.
    Killed,
    /// The VMM failed, or vanished without a word.
    VmmError,
    /// A reason of a newer daemon.
    #[serde(other)]
    Unknown,
}

/// Body of `POST /v1/instances/{id}/stop`; an empty body stands for the default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopRequest {
    /// Seconds to wait for the program to end by itself; then it is killed. At most 3600.
    #[serde(default = "default_grace")]
    #[schemars(range(max = 3600))]
    pub grace_seconds: u32,
}

impl Default for StopRequest {
    fn default() -> Self {
        Self {
            grace_seconds: DEFAULT_GRACE_SECONDS,
        }
    }
}

fn default_grace() -> u32 {
    DEFAULT_GRACE_SECONDS
}

/// Query of `DELETE /v1/instances/{id}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteQuery {
    /// Whether a running instance is killed first; otherwise it is refused.
    #[serde(default)]
    pub force: bool,
}

/// Query of `GET /v1/instances/{id}/logs`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogsQuery {
    /// Whether the answer goes on until the instance ends.
    #[serde(default)]
    pub follow: bool,
    /// Only the last so many lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tail: Option<u32>,
}

/// Query of `POST /v1/instances/{id}/console`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputQuery {
    /// Whether the end of the body is the end of the program's input, for good; otherwise more can be posted.
    #[serde(default = "default_eof")]
    pub eof: bool,
}

impl Default for InputQuery {
    fn default() -> Self {
        Self { eof: default_eof() }
    }
}

fn default_eof() -> bool {
    true
}

/// What an instance uses at this moment, `GET /v1/instances/{id}/stats`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stats {
    /// The instance's id.
    pub id: String,
    /// CPU time of its VMM process with the guest's share, in microseconds (resolution: the kernel's clock tick).
    pub cpu_time_us: u64,
    /// Resident memory of the process in bytes.
    pub rss_bytes: u64,
    /// Its proportional share where pages are shared, in bytes.
    pub pss_bytes: u64,
    /// Milliseconds since it started.
    pub uptime_ms: u64,
    /// Different syscalls that the program made and the library OS lacks, as the console told.
    pub unimplemented_syscalls: u32,
}
