//! The microVM behind the API: its configuration, and what each command does in each state.
//!
//! ```text
//!                       InstanceStart                 PATCH /vm Paused
//!   Not started  -------------------------> Running ------------------> Paused
//!    |        ^                               ^  |                        |
//!    +--------+                               |  +-> SendCtrlAltDel       |
//!    PUT, PATCH of configuration              +------- PATCH /vm Resumed -+
//!
//!   Running, Paused --guest ended, CPU failed, SIGTERM--> the process ends (module `process`)
//! ```
//!
//! Configuration is refused once started, actions on the guest before; each answers 400 with Firecracker's words. Files and taps are opened when they are
//! named, so that an error comes with the request that caused it; the VM itself is built after `PUT /machine-config` has been
//! answered, so that `InstanceStart` finds it ready.

mod configure;
mod error;
mod start;

use std::{
    fs::File,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use vmm_sys_util::eventfd::EventFd;

use crate::{
    api::{
        http::Request,
        model::{
            Action, ActionType, BalloonConfig, BalloonPatch, BootSource, Drive, DrivePatch, EntropyConfig,
            Folder, FullConfig, InstanceInfo, LoggerConfig, MachineConfig, MetricsConfig, NetworkInterface,
            Pmem, SerialConfig, Version, VmPatch, VmState,
        },
        routes::{self, Command},
        server::Answer,
    },
    devices::{
        i8042::I8042,
        serial::SharedStatus,
        virtio::{balloon, block, fs, mmio::SharedDevice, net, pmem},
    },
    input::SharedInput,
    kvm::{self, vcpu::Reporter, vcpu::Vcpus},
    metrics::Timeline,
    output::{Output, SharedOutput, lock},
};

pub(crate) use error::Error;

/// Release of Firecracker whose API this is.
const API_LEVEL: &str = "1.17.0";

/// What `InstanceStart` has set going.
struct Running {
    vcpus: Vcpus,
    keyboard: Arc<std::sync::Mutex<I8042>>,
    /// Devices of the drives, in the order of `Machine::drives`.
    drives: Vec<SharedDevice>,
    /// The balloon, if there is one.
    balloon: Option<SharedDevice>,
    is_paused: bool,
}

/// A kernel file that has been named.
struct Boot {
    source: BootSource,
    kernel: File,
    initrd: Option<File>,
}

/// The microVM.
pub(crate) struct Machine {
    id: String,
    timeline: Arc<Timeline>,
    reporter: Reporter,
    wake: EventFd,
    host: kvm::Host,
    /// Built, and not started yet.
    vm: Option<kvm::Vm>,
    config: MachineConfig,
    /// Since the VM was last built ahead.
    config_changed: bool,
    boot: Option<Boot>,
    drives: Vec<(Drive, block::Backing)>,
    pmems: Vec<(Pmem, pmem::Backing)>,
    folders: Vec<(Folder, fs::Backing)>,
    networks: Vec<(NetworkInterface, net::Backing)>,
    logger: Option<LoggerConfig>,
    metrics: Option<(MetricsConfig, File)>,
    entropy: Option<EntropyConfig>,
    balloon: Option<(BalloonConfig, balloon::Backing)>,
    serial: Option<(SerialConfig, Option<SharedOutput>)>,
    console: SharedOutput,
    input: SharedInput,
    status: SharedStatus,
    running: Option<Running>,
    /// Devices threads and CPUs use it as long as the process lives.
    started_vm: Option<StartedVm>,
}

/// What must stay alive while CPUs run.
struct StartedVm {
    _vm: Arc<kvm_ioctls::VmFd>,
    _memory: Arc<crate::memory::GuestMemory>,
    _windows: Vec<pmem::Window>,
}

impl Machine {
    /// A machine without a guest; what the guest says goes to `console`, and what it hears comes from `input`.
    ///
    /// # Errors
    ///
    /// See [`kvm::Error`].
    pub(crate) fn new(
        id: String,
        timeline: Arc<Timeline>,
        reporter: Reporter,
        wake: EventFd,
        console: SharedOutput,
        input: SharedInput,
    ) -> Result<Self, kvm::Error> {
        let host = kvm::Host::open()?;
        timeline.mark("kvm_opened");
        Ok(Self {
            id,
            timeline,
            reporter,
            wake,
            host,
            vm: None,
            config: MachineConfig::default(),
            config_changed: false,
            boot: None,
            drives: Vec::new(),
            pmems: Vec::new(),
            folders: Vec::new(),
            networks: Vec::new(),
            logger: None,
            metrics: None,
            entropy: None,
            balloon: None,
            serial: None,
            console,
            input,
            status: SharedStatus::default(),
            running: None,
            started_vm: None,
        })
    }

    /// The exit status that the guest has last given on its serial port.
    pub(crate) fn console_status(&self) -> Option<uigniter_abi::exit::ExitStatus> {
        *lock(&self.status)
    }

    /// Outputs that may have a backlog.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = &SharedOutput> {
        let serial = self.serial.as_ref().and_then(|(_, output)| output.as_ref());
        std::iter::once(&self.console).chain(serial)
    }

    /// Answers one request.
    pub(crate) fn answer(&mut self, request: &Request) -> Answer {
        let result = routes::parse(&request.method, &request.path, &request.body)
            .map_err(Error::from)
            .and_then(|command| self.execute(command));
        match result {
            Ok(None) => (204, None),
            Ok(Some(body)) => (200, Some(body)),
            Err(error) => {
                log::info!("{} {} is refused: {error}", request.method, request.path);
                let body = serde_json::json!({ "fault_message": error.to_string() });
                (400, Some(body.to_string()))
            }
        }
    }

    fn execute(&mut self, command: Command) -> Result<Option<String>, Error> {
        match command {
            Command::GetInstance => return self.instance_info().map(Some),
            Command::GetVersion => {
                let version = Version {
                    firecracker_version: API_LEVEL,
                };
                return Ok(Some(serde_json::to_string(&version)?));
            }
            Command::GetMachine => return Ok(Some(serde_json::to_string(&self.config)?)),
            Command::GetVmConfig => return Ok(Some(serde_json::to_string(&self.full_config())?)),
            Command::GetBalloon => {
                let (config, _) = self.balloon.as_ref().ok_or(Error::NoBalloon)?;
                return Ok(Some(serde_json::to_string(config)?));
            }
            Command::PatchBalloon(patch) => self.patch_balloon(patch)?,
            Command::PutLogger(config) => self.put_logger(config)?,
            Command::PutAction(Action { action_type }) => self.act(action_type)?,
            Command::PatchVm(VmPatch { state }) => self.set_state(state)?,
            Command::PatchDrive(patch) => self.patch_drive(&patch)?,
            Command::PatchNetwork(patch) => self.patch_network(&patch)?,
            configuration => {
                if self.running.is_some() {
                    return Err(Error::AlreadyStarted);
                }
                match configuration {
                    Command::PutMachine(config) => self.set_machine(config)?,
                    Command::PatchMachine(patch) => self.patch_machine(&patch)?,
                    Command::PutBootSource(source) => self.put_boot_source(source)?,
                    Command::PutDrive(drive) => self.put_drive(drive)?,
                    Command::PutPmem(pmem) => self.put_pmem(pmem)?,
                    Command::PutFolder(folder) => self.put_folder(folder)?,
                    Command::PutNetwork(network) => self.put_network(network)?,
                    Command::PutMetrics(config) => self.put_metrics(config)?,
                    Command::PutEntropy(config) => self.entropy = Some(config),
                    Command::PutBalloon(config) => self.put_balloon(config)?,
                    Command::PutSerial(config) => self.put_serial(config)?,
                    // All others are handled above.
                    _ => {}
                }
            }
        }
        Ok(None)
    }

    fn instance_info(&self) -> Result<String, Error> {
        let state = match &self.running {
            None => "Not started",
            Some(running) if running.is_paused => "Paused",
            Some(_) => "Running",
        };
        Ok(serde_json::to_string(&InstanceInfo {
            app_name: "uigniter",
            id: &self.id,
            state,
            vmm_version: env!("CARGO_PKG_VERSION"),
        })?)
    }

    fn full_config(&self) -> FullConfig {
        FullConfig {
            machine: self.config.clone(),
            boot_source: self.boot.as_ref().map(|boot| boot.source.clone()),
            drives: self.drives.iter().map(|(drive, _)| drive.clone()).collect(),
            pmem: self.pmems.iter().map(|(pmem, _)| pmem.clone()).collect(),
            folders: self.folders.iter().map(|(folder, _)| folder.clone()).collect(),
            network_interfaces: self.networks.iter().map(|(network, _)| network.clone()).collect(),
            logger: self.logger.clone(),
            metrics: self.metrics.as_ref().map(|(config, _)| config.clone()),
            entropy: self.entropy,
            balloon: self.balloon.as_ref().map(|(config, _)| *config),
            serial: self.serial.as_ref().map(|(config, _)| config.clone()),
        }
    }

    fn act(&mut self, action: ActionType) -> Result<(), Error> {
        match (action, &self.running) {
            (ActionType::InstanceStart, Some(_)) => Err(Error::AlreadyStarted),
            (ActionType::InstanceStart, None) => self.start(),
            (ActionType::FlushMetrics | ActionType::SendCtrlAltDel, None) => Err(Error::NotStarted),
            (ActionType::FlushMetrics, Some(_)) => self.flush_metrics(),
            (ActionType::SendCtrlAltDel, Some(running)) => {
                lock(&running.keyboard).press_ctrl_alt_del();
                Ok(())
            }
        }
    }

    fn set_state(&mut self, state: VmState) -> Result<(), Error> {
        let running = self.running.as_mut().ok_or(Error::NotStarted)?;
        // As in Firecracker, pausing what is paused and resuming what runs is no error.
        match state {
            VmState::Paused if !running.is_paused => {
                running.vcpus.pause()?;
                running.is_paused = true;
                self.timeline.mark("paused");
            }
            VmState::Resumed if running.is_paused => {
                running.vcpus.resume();
                running.is_paused = false;
                self.timeline.mark("resumed");
            }
            VmState::Paused | VmState::Resumed => {}
        }
        Ok(())
    }

    /// Gives a drive another file, also while the guest runs.
    fn patch_drive(&mut self, patch: &DrivePatch) -> Result<(), Error> {
        let running = self.running.as_ref().ok_or(Error::NotStarted)?;
        let index = self
            .drives
            .iter()
            .position(|(drive, _)| drive.drive_id == patch.drive_id)
            .ok_or_else(|| Error::UnknownDrive(patch.drive_id.clone()))?;
        let Some(path) = &patch.path_on_host else {
            return Ok(());
        };
        let (drive, backing) = &mut self.drives[index];
        backing.replace(path).map_err(Error::Drive)?;
        drive.path_on_host.clone_from(path);
        if let Some(device) = running.drives.get(index) {
            lock(device).config_changed();
        }
        Ok(())
    }

    /// Asks the guest for another number of pages, also while it runs.
    fn patch_balloon(&mut self, patch: BalloonPatch) -> Result<(), Error> {
        let running = self.running.as_ref().ok_or(Error::NotStarted)?;
        let pages = balloon_pages(patch.amount_mib, self.config.mem_size_mib)?;
        let (config, backing) = self.balloon.as_mut().ok_or(Error::NoBalloon)?;
        config.amount_mib = patch.amount_mib;
        backing.pages.store(pages, Ordering::Relaxed);
        if let Some(device) = &running.balloon {
            lock(device).config_changed();
        }
        Ok(())
    }

    /// Writes a line of metrics, where a file for them has been named.
    ///
    /// # Errors
    ///
    /// [`Error::MetricsFile`].
    pub(crate) fn flush_metrics(&mut self) -> Result<(), Error> {
        let dropped = self.outputs().map(|output| lock(output).dropped_bytes()).sum();
        crate::metrics::METRICS.console_dropped_bytes.set(dropped);
        let Some((config, file)) = &mut self.metrics else {
            return Ok(());
        };
        std::io::Write::write_all(file, self.timeline.to_line().as_bytes())
            .map_err(|error| Error::MetricsFile(config.metrics_path.clone(), error))
    }

    fn open_output(&self, path: PathBuf) -> Result<SharedOutput, Error> {
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(|error| Error::SerialFile(path, error))?;
        let wake = self.wake.try_clone().map_err(Error::Descriptor)?;
        Ok(Output::new(file, wake))
    }
}

/// Pages of a balloon of that size; it may have no more than the guest.
fn balloon_pages(amount_mib: u32, memory_mib: u64) -> Result<u32, Error> {
    match u64::from(amount_mib) <= memory_mib {
        true => amount_mib.checked_mul(256).ok_or(Error::BalloonSize(memory_mib)),
        false => Err(Error::BalloonSize(memory_mib)),
    }
}
