//! Bodies of requests and answers, field for field as in Firecracker 1.17's `firecracker.yaml`.
//!
//! Optional fields that are `None` are left out, so that every server applies its own default.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Answer of `GET /`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct InstanceInfo {
    /// Name of the monitor, for example `Firecracker`.
    pub app_name: String,
    /// The id that the VMM was started with.
    pub id: String,
    /// Where the microVM is in its life.
    pub state: InstanceState,
    /// Version of the monitor.
    pub vmm_version: String,
}

/// State of a microVM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum InstanceState {
    /// Being configured.
    #[serde(rename = "Not started")]
    NotStarted,
    /// The vCPUs run.
    Running,
    /// The vCPUs are stopped and can run on.
    Paused,
}

/// Answer of `GET /version`.
#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    pub(crate) firecracker_version: String,
}

/// Body of every refusal.
#[derive(Debug, Deserialize)]
pub(crate) struct Fault {
    pub(crate) fault_message: String,
}

/// `PUT /machine-config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MachineConfig {
    /// vCPUs, 1 to 32.
    pub vcpu_count: u8,
    /// Guest memory, in MiB.
    pub mem_size_mib: u64,
    /// Simultaneous multithreading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smt: Option<bool>,
    /// Keep a log of dirty pages, for diff snapshots.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track_dirty_pages: Option<bool>,
}

impl MachineConfig {
    /// A machine of that many vCPUs and that much memory, the rest by default.
    #[must_use]
    pub const fn new(vcpu_count: u8, mem_size_mib: u64) -> Self {
        Self {
            vcpu_count,
            mem_size_mib,
            smt: None,
            track_dirty_pages: None,
        }
    }
}

/// `PUT /boot-source`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BootSource {
    /// The kernel, an uncompressed ELF.
    pub kernel_image_path: PathBuf,
    /// The kernel's command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_args: Option<String>,
    /// An initial RAM disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initrd_path: Option<PathBuf>,
}

impl BootSource {
    /// That kernel with that command line.
    #[must_use]
    pub fn new(kernel: impl AsRef<Path>, boot_args: impl Into<String>) -> Self {
        Self {
            kernel_image_path: kernel.as_ref().to_owned(),
            boot_args: Some(boot_args.into()),
            initrd_path: None,
        }
    }
}

/// `PUT /drives/{drive_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drive {
    /// Id, letters, digits and `_`; also in the path.
    pub drive_id: String,
    /// The file or block device.
    pub path_on_host: PathBuf,
    /// Whether a Linux guest mounts it as its root. At most one drive.
    pub is_root_device: bool,
    /// Whether writes are refused.
    pub is_read_only: bool,
    /// Whether a flush of the guest reaches the host's disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_type: Option<CacheType>,
    /// How the host does the I/O.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_engine: Option<IoEngine>,
}

impl Drive {
    /// A drive that is not the root device, the rest by default.
    #[must_use]
    pub fn new(drive_id: impl Into<String>, path: impl AsRef<Path>, is_read_only: bool) -> Self {
        Self {
            drive_id: drive_id.into(),
            path_on_host: path.as_ref().to_owned(),
            is_root_device: false,
            is_read_only,
            cache_type: None,
            io_engine: None,
        }
    }
}

/// `PUT /pmem/{id}`: a file as the guest's memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pmem {
    /// Id, letters, digits and `_`; also in the path.
    pub id: String,
    /// The file.
    pub path_on_host: PathBuf,
    /// Whether a Linux guest mounts it as its root. At most one device.
    pub root_device: bool,
    /// Whether the guest cannot write.
    pub read_only: bool,
}

impl Pmem {
    /// A file that is not the root device.
    #[must_use]
    pub fn new(id: impl Into<String>, path: impl AsRef<Path>, read_only: bool) -> Self {
        Self {
            id: id.into(),
            path_on_host: path.as_ref().to_owned(),
            root_device: false,
            read_only,
        }
    }
}

/// `PUT /folders/{tag}`: a folder of the host's as a virtio-fs device; the embedded monitor's, Firecracker has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Folder {
    /// Tag by which the guest finds it, letters, digits and `_`, 36 bytes at the most; also in the path.
    pub tag: String,
    /// The folder.
    pub path_on_host: PathBuf,
    /// Whether the guest cannot write.
    pub read_only: bool,
}

/// `PUT /balloon`: the guest's unused memory goes back to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Balloon {
    /// Memory that is taken from the guest, in MiB.
    pub amount_mib: u32,
    /// Whether the guest may take it back when it has no other.
    pub deflate_on_oom: bool,
    /// Whether the guest reports memory that it does not use at the moment (Firecracker 1.14 and later).
    pub free_page_reporting: bool,
}

/// Caching of a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum CacheType {
    /// Flushes are not offered to the guest.
    Unsafe,
    /// A flush reaches the disk.
    Writeback,
}

/// I/O of a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum IoEngine {
    /// read(2) and write(2).
    Sync,
    /// io_uring(7).
    Async,
}

/// `PUT /network-interfaces/{iface_id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NetworkInterface {
    /// Id, letters, digits and `_`; also in the path.
    pub iface_id: String,
    /// Name of the tap in the VMM's network namespace.
    pub host_dev_name: String,
    /// The guest's MAC, `06:00:ac:10:00:02`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_mac: Option<String>,
}

/// `PUT /logger`. Every field that is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Logger {
    /// File or named pipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_path: Option<PathBuf>,
    /// The least severe level that is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<LogLevel>,
    /// Begin lines with the level.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_level: Option<bool>,
    /// Begin lines with file and line of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub show_log_origin: Option<bool>,
}

/// Level of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the levels of every logger")]
pub enum LogLevel {
    Off,
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// `PUT /metrics`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metrics {
    /// File or named pipe that every flush appends a JSON line to.
    pub metrics_path: PathBuf,
}

/// `PUT /serial`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Serial {
    /// File or named pipe that takes the output of the serial port instead of the VMM's stdout.
    pub serial_out_path: PathBuf,
}

/// `PUT /actions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "action_type")]
pub enum Action {
    /// Boot the guest.
    InstanceStart,
    /// Ask the guest to shut down.
    SendCtrlAltDel,
    /// Write the metrics now.
    FlushMetrics,
}

/// `PATCH /vm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state")]
pub enum VmState {
    /// Stop the vCPUs.
    Paused,
    /// Let them run on.
    Resumed,
}
