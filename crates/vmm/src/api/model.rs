//! Bodies of requests and answers, named as in Firecracker's OpenAPI document. Unknown fields are errors.
//!
//! Fields that Firecracker has and this monitor cannot honour are known here as [`Unsupported`]: absent or `null` is
//! fine, anything else is refused with the field's name, never silently ignored.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::devices::virtio::net::MacAddress;

/// A field that must be absent or `null`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Unsupported;

impl<'de> Deserialize<'de> for Unsupported {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Option::<de::IgnoredAny>::deserialize(deserializer)? {
            None => Ok(Self),
            Some(_) => Err(de::Error::custom(
                "this monitor does not support rate limiters, vhost-user sockets and CPU templates; leave the field out",
            )),
        }
    }
}

/// `GET /`.
#[derive(Debug, Serialize)]
pub(crate) struct InstanceInfo<'a> {
    pub(crate) app_name: &'a str,
    pub(crate) id: &'a str,
    pub(crate) state: &'a str,
    pub(crate) vmm_version: &'a str,
}

/// `GET /version`.
#[derive(Debug, Serialize)]
pub(crate) struct Version<'a> {
    pub(crate) firecracker_version: &'a str,
}

/// Size of the pages behind guest memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum HugePages {
    /// 4 KiB.
    #[default]
    None,
    /// 2 MiB, from the hugetlb pool.
    #[serde(rename = "2M")]
    TwoMiB,
}

/// CPU templates; only "none" there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CpuTemplate {
    #[default]
    None,
}

/// `PUT` and `GET /machine-config`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MachineConfig {
    pub(crate) vcpu_count: u8,
    pub(crate) mem_size_mib: u64,
    #[serde(default)]
    pub(crate) smt: bool,
    #[serde(default, skip_serializing)]
    pub(crate) cpu_template: Option<CpuTemplate>,
    #[serde(default)]
    pub(crate) track_dirty_pages: bool,
    #[serde(default)]
    pub(crate) huge_pages: HugePages,
}

impl Default for MachineConfig {
    fn default() -> Self {
        Self {
            vcpu_count: 1,
            mem_size_mib: 128,
            smt: false,
            cpu_template: None,
            track_dirty_pages: false,
            huge_pages: HugePages::None,
        }
    }
}

/// `PATCH /machine-config`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MachinePatch {
    pub(crate) vcpu_count: Option<u8>,
    pub(crate) mem_size_mib: Option<u64>,
    pub(crate) smt: Option<bool>,
    pub(crate) cpu_template: Option<CpuTemplate>,
    pub(crate) track_dirty_pages: Option<bool>,
    pub(crate) huge_pages: Option<HugePages>,
}

/// `PUT /boot-source`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BootSource {
    pub(crate) kernel_image_path: PathBuf,
    pub(crate) initrd_path: Option<PathBuf>,
    pub(crate) boot_args: Option<String>,
}

/// What a guest's flush means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CacheType {
    /// Nothing.
    #[default]
    Unsafe,
    /// Writes are on the disk.
    Writeback,
}

/// How files are read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum IoEngine {
    #[default]
    Sync,
}

/// `PUT /drives/{drive_id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drive {
    pub(crate) drive_id: String,
    pub(crate) path_on_host: PathBuf,
    pub(crate) is_root_device: bool,
    pub(crate) partuuid: Option<String>,
    #[serde(default)]
    pub(crate) is_read_only: bool,
    #[serde(default)]
    pub(crate) cache_type: CacheType,
    #[serde(default)]
    pub(crate) io_engine: IoEngine,
    #[serde(default)]
    pub(crate) rate_limiter: Unsupported,
    #[serde(default)]
    pub(crate) socket: Unsupported,
}

/// `PATCH /drives/{drive_id}`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DrivePatch {
    pub(crate) drive_id: String,
    pub(crate) path_on_host: Option<PathBuf>,
    #[serde(default, rename = "rate_limiter")]
    pub(crate) _rate_limiter: Unsupported,
}

/// `PUT /pmem/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pmem {
    pub(crate) id: String,
    pub(crate) path_on_host: PathBuf,
    #[serde(default)]
    pub(crate) root_device: bool,
    #[serde(default)]
    pub(crate) read_only: bool,
    #[serde(default)]
    pub(crate) rate_limiter: Unsupported,
}

/// `PUT /folders/{tag}`: a folder of the host's as a virtio-fs device. Ours: Firecracker has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Folder {
    pub(crate) tag: String,
    pub(crate) path_on_host: PathBuf,
    #[serde(default)]
    pub(crate) read_only: bool,
}

/// `PUT /network-interfaces/{iface_id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkInterface {
    pub(crate) iface_id: String,
    pub(crate) host_dev_name: String,
    pub(crate) guest_mac: Option<MacAddress>,
    #[serde(default)]
    pub(crate) rx_rate_limiter: Unsupported,
    #[serde(default)]
    pub(crate) tx_rate_limiter: Unsupported,
}

/// `PATCH /network-interfaces/{iface_id}`: Firecracker only changes rate limiters here.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkPatch {
    pub(crate) iface_id: String,
    #[serde(default, rename = "rx_rate_limiter")]
    pub(crate) _rx_rate_limiter: Unsupported,
    #[serde(default, rename = "tx_rate_limiter")]
    pub(crate) _tx_rate_limiter: Unsupported,
}

/// What `PUT /actions` can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum ActionType {
    InstanceStart,
    SendCtrlAltDel,
    FlushMetrics,
}

/// `PUT /actions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Action {
    pub(crate) action_type: ActionType,
}

/// States that `PATCH /vm` can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum VmState {
    Paused,
    Resumed,
}

/// `PATCH /vm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VmPatch {
    pub(crate) state: VmState,
}

/// Log levels, in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LogLevel {
    #[serde(alias = "OFF", alias = "off")]
    Off,
    #[serde(alias = "TRACE", alias = "trace")]
    Trace,
    #[serde(alias = "DEBUG", alias = "debug")]
    Debug,
    #[default]
    #[serde(alias = "INFO", alias = "info")]
    Info,
    #[serde(
        alias = "WARN",
        alias = "warn",
        alias = "WARNING",
        alias = "warning",
        alias = "Warn"
    )]
    Warning,
    #[serde(alias = "ERROR", alias = "error")]
    Error,
}

/// `PUT /logger`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoggerConfig {
    pub(crate) log_path: Option<PathBuf>,
    pub(crate) level: Option<LogLevel>,
    pub(crate) show_level: Option<bool>,
    pub(crate) show_log_origin: Option<bool>,
    pub(crate) module: Option<String>,
}

/// `PUT /metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricsConfig {
    pub(crate) metrics_path: PathBuf,
}

/// `PUT /entropy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntropyConfig {
    #[serde(default)]
    pub(crate) rate_limiter: Unsupported,
}

/// `PUT` and `GET /balloon`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BalloonConfig {
    pub(crate) amount_mib: u32,
    pub(crate) deflate_on_oom: bool,
    #[serde(default)]
    pub(crate) stats_polling_interval_s: u16,
    #[serde(default)]
    pub(crate) free_page_hinting: bool,
    #[serde(default)]
    pub(crate) free_page_reporting: bool,
}

/// `PATCH /balloon`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BalloonPatch {
    pub(crate) amount_mib: u32,
}

/// `PUT /serial`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SerialConfig {
    pub(crate) serial_out_path: Option<PathBuf>,
    #[serde(default)]
    pub(crate) rate_limiter: Unsupported,
}

/// `GET /vm/config`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct FullConfig {
    #[serde(rename = "machine-config")]
    pub(crate) machine: MachineConfig,
    #[serde(rename = "boot-source")]
    pub(crate) boot_source: Option<BootSource>,
    pub(crate) drives: Vec<Drive>,
    pub(crate) pmem: Vec<Pmem>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) folders: Vec<Folder>,
    #[serde(rename = "network-interfaces")]
    pub(crate) network_interfaces: Vec<NetworkInterface>,
    pub(crate) logger: Option<LoggerConfig>,
    pub(crate) metrics: Option<MetricsConfig>,
    pub(crate) entropy: Option<EntropyConfig>,
    pub(crate) balloon: Option<BalloonConfig>,
    pub(crate) serial: Option<SerialConfig>,
}
