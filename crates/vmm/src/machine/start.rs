//! Building the VM and setting it going.

use std::{
    fmt::Write,
    sync::{Arc, Mutex},
    thread,
};

use event_manager::{EventManager, SubscriberOps};
use uigniter_abi::device::{EXIT_PORT, SERIAL_PORT};
use vmm_sys_util::eventfd::EventFd;

use super::{Error, Machine, Running, StartedVm};
use crate::{
    api::model::Drive,
    boot::{self, layout},
    bus::{Bus, PortRange, SharedPortDevice},
    devices::{
        exit_port::{self, ExitPort},
        i8042::{self, I8042},
        serial::{self, SerialPort},
        virtio::{
            mmio::{self, Interrupt, MmioDevice, SharedDevice},
            registry,
        },
    },
    kvm::{
        self, Vm,
        vcpu::{Reporter, Vcpus},
    },
    memory,
    outcome::Outcome,
    sandbox,
};

/// Firecracker's default `boot_args`, for Linux.
const DEFAULT_BOOT_ARGS: &str =
    "reboot=k panic=1 pci=off nomodules 8250.nr_uarts=0 i8042.noaux i8042.nomux i8042.dumbkbd";

impl Machine {
    /// Builds the VM for the present configuration, unless it is there already.
    ///
    /// # Errors
    ///
    /// [`Error::Kvm`].
    pub(crate) fn prepare(&mut self) -> Result<(), Error> {
        let shape = self.shape();
        if self.running.is_some() || self.vm.as_ref().is_some_and(|vm| vm.shape == shape) {
            return Ok(());
        }
        self.vm = None;
        let vm = Vm::build(&mut self.host, shape)?;
        memory::warm(&vm.memory, false);
        self.vm = Some(vm);
        self.timeline.mark("vm_built");
        Ok(())
    }

    /// Work for which no client waits: after `PUT /machine-config` was answered.
    pub(crate) fn prepare_ahead(&mut self) {
        if !std::mem::take(&mut self.config_changed) || self.running.is_some() {
            return;
        }
        sandbox::prepare();
        match self.prepare() {
            Ok(()) => {
                if let Some(vm) = &self.vm {
                    memory::warm(&vm.memory, true);
                }
                self.timeline.mark("memory_warm");
            }
            // The start will find the same and tell the client.
            Err(error) => log::warn!("{error}"),
        }
    }

    pub(super) fn start(&mut self) -> Result<(), Error> {
        self.timeline.mark("start_requested");
        if self.boot.is_none() {
            return Err(Error::NoKernel);
        }
        self.prepare()?;
        // Taken: should anything fail from here on, its memory is not fresh any more, and the next attempt gets another.
        let (Some(mut vm), Some(boot)) = (self.vm.take(), &mut self.boot) else {
            return Err(Error::NoKernel);
        };
        let low_memory = vm.shape.memory_bytes.min(layout::HOLE_START);
        let kernel = boot::load(&vm.memory, low_memory, &mut boot.kernel)?;
        self.timeline.mark("kernel_loaded");

        let mut line = match &boot.source.boot_args {
            Some(args) => args.trim().to_owned(),
            None => DEFAULT_BOOT_ARGS.to_owned(),
        };
        if let Some((root, _)) = self.drives.first().filter(|(drive, _)| drive.is_root_device) {
            line.push_str(&root_argument(root));
        }
        if let Some((index, root)) = self.root_pmem() {
            let mode = if root.read_only { "ro" } else { "rw" };
            // A `String` takes everything.
            let _ = write!(line, " root=/dev/pmem{index} {mode}");
        }
        for (_, backing) in &mut self.pmems {
            vm.map_file(backing)?;
        }
        let devices = self.attach(&vm, &mut line)?;
        let boot = self.boot.as_ref().ok_or(Error::NoKernel)?;
        boot::write(
            &vm.memory,
            vm.shape.memory_bytes,
            kernel,
            &line,
            boot.initrd.as_ref(),
            vm.shape.vcpus,
        )?;
        if let Some(boot) = &mut self.boot {
            // The guest has it now; what is in it may be nobody else's to keep.
            boot.initrd = None;
        }
        log::debug!("{:?}, command line: {line}", kernel.entry);
        if let Some(first) = vm.vcpus.first() {
            kvm::set_entry(first, &vm.memory, kernel.entry)?;
        }

        let keyboard = Arc::new(Mutex::new(I8042::new(interrupt(&vm, layout::I8042_GSI)?)));
        let serial = self.serial_port(&vm)?;
        let ports = vec![
            port(SERIAL_PORT, serial::PORTS, Arc::new(Mutex::new(serial))),
            port(i8042::FIRST_PORT, i8042::PORTS, keyboard.clone()),
            port(EXIT_PORT, exit_port::PORTS, Arc::new(Mutex::new(ExitPort))),
        ];
        let bus = Arc::new(Bus::new(ports, devices.clone()));
        let drives = devices[..self.drives.len()].to_vec();
        // It is the last row of the registry.
        let balloon = self.balloon.as_ref().and_then(|_| devices.last().cloned());
        self.serve(devices)?;
        self.timeline.mark("devices_ready");
        let vcpus = Vcpus::spawn(
            std::mem::take(&mut vm.vcpus),
            &bus,
            &self.reporter,
            sandbox::enter_vcpu,
        )?;
        self.timeline.mark("running");
        self.started_vm = Some(StartedVm {
            _vm: vm.fd,
            _memory: vm.memory,
            _windows: vm.windows,
        });
        self.running = Some(Running {
            vcpus,
            keyboard,
            drives,
            balloon,
            is_paused: false,
        });
        Ok(())
    }

    /// Makes all virtio devices, connects them to KVM and describes them on the command line.
    fn attach(&self, vm: &Vm, line: &mut String) -> Result<Vec<SharedDevice>, Error> {
        let mut resources = registry::Resources {
            drives: self.drives.iter().map(|(_, backing)| backing.clone()).collect(),
            pmems: self.pmems.iter().map(|(_, backing)| backing.clone()).collect(),
            folders: self.folders.iter().map(|(_, backing)| backing.clone()).collect(),
            networks: self.networks.iter().map(|(_, backing)| backing.clone()).collect(),
            console: self.console.clone(),
            input: self.input.clone(),
            entropy: self.entropy.is_some(),
            balloon: self.balloon.as_ref().map(|(_, backing)| backing.clone()),
        };
        let mut slots = Vec::new();
        for row in registry::ROWS {
            for device in (row.build)(&mut resources) {
                let slot = slots.len();
                if slot >= layout::MMIO_SLOTS {
                    let wanted =
                        self.drives.len() + self.pmems.len() + self.networks.len() + self.folders.len() + 2;
                    return Err(Error::TooManyDevices(wanted, layout::MMIO_SLOTS));
                }
                let gsi = layout::MMIO_FIRST_GSI + slot as u32;
                let base = layout::MMIO_START + slot as u64 * layout::MMIO_WINDOW;
                let edge = Interrupt::new(interrupt(vm, gsi)?);
                let device =
                    MmioDevice::new(device, Arc::clone(&vm.memory), edge).map_err(Error::Descriptor)?;
                for (queue, doorbell) in device.doorbells().iter().enumerate() {
                    vm.connect_doorbell(doorbell, base + mmio::DOORBELL, queue as u32)?;
                }
                for (first, length) in mmio::LAZY_WRITES {
                    vm.coalesce_writes(base + first, length)?;
                }
                // A `String` takes everything.
                let _ = write!(line, " virtio_mmio.device=4K@{base:#x}:{gsi}");
                log::debug!("{} device at {base:#x}, interrupt {gsi}", row.name);
                slots.push(Arc::new(Mutex::new(device)));
            }
        }
        Ok(slots)
    }

    /// Sets the threads going that serve devices: one for each folder, which sees nothing else, and one for all others.
    fn serve(&self, mut devices: Vec<SharedDevice>) -> Result<(), Error> {
        // Folders are the last row but the balloon's.
        let end = devices.len() - usize::from(self.balloon.is_some());
        let folders: Vec<_> = devices.drain(end - self.folders.len()..end).collect();
        for ((_, backing), device) in self.folders.iter().zip(folders) {
            let folder = backing.folder();
            let enter = move || folder.enter().map_err(|error| error.to_string());
            spawn_device_thread(vec![device], self.reporter.clone(), enter)?;
        }
        let enter = || sandbox::enter_devices().map_err(|error| error.to_string());
        spawn_device_thread(devices, self.reporter.clone(), enter)
    }

    fn serial_port(&self, vm: &Vm) -> Result<SerialPort, Error> {
        let output = match &self.serial {
            Some((_, Some(output))) => output.clone(),
            _ => self.console.clone(),
        };
        Ok(SerialPort::new(
            interrupt(vm, layout::SERIAL_GSI)?,
            output,
            self.status.clone(),
        ))
    }
}

fn port(first: u16, count: u16, device: SharedPortDevice) -> PortRange {
    PortRange { first, count, device }
}

/// An eventfd whose writes are edges of line `gsi`.
fn interrupt(vm: &Vm, gsi: u32) -> Result<EventFd, Error> {
    let event = EventFd::new(libc::EFD_NONBLOCK | libc::EFD_CLOEXEC).map_err(Error::Descriptor)?;
    vm.connect_interrupt(&event, gsi)?;
    Ok(event)
}

fn root_argument(root: &Drive) -> String {
    let mode = if root.is_read_only { "ro" } else { "rw" };
    match &root.partuuid {
        Some(uuid) => format!(" root=PARTUUID={uuid} {mode}"),
        None => format!(" root=/dev/vda {mode}"),
    }
}

/// Serves doorbells and taps until the process ends, on a thread that confines itself by `enter` first.
fn spawn_device_thread(
    devices: Vec<SharedDevice>,
    reporter: Reporter,
    enter: impl FnOnce() -> Result<(), String> + Send + 'static,
) -> Result<(), Error> {
    // Room for one event of each queue; what does not fit comes with the next call.
    let mut events = EventManager::new_with_capacity(32).map_err(Error::DeviceLoop)?;
    for device in devices {
        events.add_subscriber(device);
    }
    let serve = move || {
        if let Err(message) = enter() {
            return reporter.ended(Outcome::VmmError { message });
        }
        loop {
            if let Err(error) = events.run() {
                let message = format!("the device loop failed: {error}");
                reporter.ended(Outcome::VmmError { message });
                return;
            }
        }
    };
    thread::Builder::new()
        .name("devices".to_owned())
        .stack_size(256 << 10)
        .spawn(serve)
        .map_err(Error::DeviceThread)?;
    Ok(())
}
