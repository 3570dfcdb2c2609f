//! Why a command is refused: the text of `fault_message`. Where Firecracker has a sentence for it, this is that sentence.

use std::{io, path::PathBuf};

use crate::{
    api::routes,
    boot,
    devices::virtio::{block, fs, net, pmem},
    kvm,
};

/// Answered with status 400.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No command.
    #[error(transparent)]
    Request(#[from] routes::Error),
    /// Too late.
    #[error("The requested operation is not supported after starting the microVM.")]
    AlreadyStarted,
    /// Too early.
    #[error("The requested operation is not supported before starting the microVM.")]
    NotStarted,
    /// No kernel named.
    #[error("Cannot start microvm without kernel configuration.")]
    NoKernel,
    /// CPUs out of range.
    #[error("The vCPU number is invalid! It must be 1 to 32, and 1 or even with smt.")]
    VcpuCount,
    /// Memory out of range.
    #[error("The memory size (MiB) is invalid: it must be 8 to {0}, and even with 2M pages.")]
    MemorySize(u64),
    /// Nothing to change.
    #[error("Empty PATCH request.")]
    EmptyPatch,
    /// Kernel file.
    #[error("The kernel file cannot be opened: {path}: {1}", path = .0.display())]
    KernelFile(PathBuf, io::Error),
    /// Initrd file.
    #[error("The initrd file cannot be opened due to invalid path or invalid permissions: {path}: {1}", path = .0.display())]
    InitrdFile(PathBuf, io::Error),
    /// Second root drive.
    #[error("A root block device already exists!")]
    SecondRoot,
    /// A drive's file.
    #[error("Unable to create the block device: {0}")]
    Drive(block::Error),
    /// A file that is to be memory.
    #[error("Unable to create the pmem device: {0}")]
    Pmem(#[from] pmem::Error),
    /// A folder that is to be shared.
    #[error("Unable to create the fs device: {0}")]
    Folder(#[from] fs::Error),
    /// A balloon larger than memory.
    #[error("Amount of pages requested cannot be satisfied: the balloon may have up to {0} MiB.")]
    BalloonSize(u64),
    /// What the balloon cannot do.
    #[error(
        "This monitor's balloon has no statistics and no free page hinting; leave stats_polling_interval_s and free_page_hinting out."
    )]
    BalloonFeature,
    /// No balloon.
    #[error("No balloon device found.")]
    NoBalloon,
    /// A drive that is not there.
    #[error("No block device with id '{0}'.")]
    UnknownDrive(String),
    /// A network interface that is not there.
    #[error("No network interface with id '{0}'.")]
    UnknownNetwork(String),
    /// A tap.
    #[error("Cannot create the network device: {0}")]
    Tap(#[from] net::TapError),
    /// Two interfaces with one address.
    #[error("The MAC address is already in use: {0}")]
    MacInUse(String),
    /// Two interfaces with one tap.
    #[error("The host device name is already in use: {0}")]
    TapInUse(String),
    /// More devices than interrupt lines.
    #[error("Too many devices: {0} are configured, at most {1} fit.")]
    TooManyDevices(usize, usize),
    /// The log file.
    #[error("Cannot initialize the logging system: {path}: {1}", path = .0.display())]
    LogFile(PathBuf, io::Error),
    /// The metrics file.
    #[error("Cannot write the metrics file: {path}: {1}", path = .0.display())]
    MetricsFile(PathBuf, io::Error),
    /// Metrics named twice.
    #[error("Re-initialization of metrics not allowed.")]
    MetricsTwice,
    /// The serial port's file.
    #[error("Cannot open the serial output file: {path}: {1}", path = .0.display())]
    SerialFile(PathBuf, io::Error),
    /// Out of file descriptors.
    #[error("Cannot create a file descriptor: {0}; raise the limit (ulimit -n).")]
    Descriptor(io::Error),
    /// No device thread.
    #[error("Cannot start the device thread: {0}")]
    DeviceThread(io::Error),
    /// The event loop of the devices.
    #[error("Cannot start the device loop: {0}")]
    DeviceLoop(event_manager::Error),
    /// KVM.
    #[error("Cannot build the virtual machine: {0}")]
    Kvm(#[from] kvm::Error),
    /// CPUs.
    #[error("Cannot run virtual CPUs: {0}")]
    Vcpu(#[from] kvm::vcpu::Error),
    /// Kernel or boot data.
    #[error("Cannot load the kernel: {0}")]
    Boot(#[from] boot::Error),
    /// The answer cannot be written as JSON.
    #[error("Cannot write the answer: {0}")]
    Json(#[from] serde_json::Error),
}
