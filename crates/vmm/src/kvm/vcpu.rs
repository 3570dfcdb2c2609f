//! Threads that run virtual CPUs.
//!
//! ```text
//!            spawn                       kick(Pause)
//!   created -------> running (KVM_RUN) <============> parked
//!                       |                kick(Resume)
//!                       v  exit that ends the VM, or an error
//!                     ended: one Event to the owner's channel; the thread sleeps until the process goes
//! ```
//!
//! **Kicking.** Whoever wants a CPU's attention sets the gate, then `immediate_exit` in the CPU's shared run page, then sends a signal whose
//! handler does nothing. The signal ends a `KVM_RUN` that is under way with `EINTR`; the flag ends one that is about to begin.
//! So no kick is lost, and no signal mask has to be changed at each run.
//!
//! **Coalesced writes.** KVM keeps writes to registers without immediate effect (queue addresses, feature words) in a ring. They
//! are taken out, in order, before anything else is done for the guest, so devices see them before any read or any write that matters.

use std::{
    io,
    os::unix::thread::JoinHandleExt,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU8, Ordering, fence},
        mpsc::Sender,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use kvm_bindings::kvm_run;
use kvm_ioctls::{VcpuExit, VcpuFd};
use vmm_sys_util::{
    eventfd::EventFd,
    signal::{SIGRTMIN, register_signal_handler},
};

use crate::{
    bus::{Bus, PortEffect},
    outcome::Outcome,
    output::lock,
    sandbox,
};

/// Longest wait for CPUs to park. They do so within microseconds, unless the host is starved.
const PARK_PATIENCE: Duration = Duration::from_secs(5);

/// Why CPUs could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No thread.
    #[error("cannot start a thread for a virtual CPU: {0}; is the limit of processes (ulimit -u) reached?")]
    Spawn(io::Error),
    /// The signal for kicks cannot be handled.
    #[error("cannot install the signal handler for virtual CPUs: {0}")]
    Signal(vmm_sys_util::errno::Error),
    /// A CPU did not stop in time.
    #[error("virtual CPUs did not stop within 5 s; the host is starved")]
    Stuck,
}

/// What CPU threads and the device thread tell the owner of the VM.
#[derive(Debug)]
pub(crate) enum Event {
    /// The VM has ended so; a reset's outcome may still be on the console.
    Ended(Outcome),
}

/// Sends events to the owner's loop and wakes it.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    sender: Sender<Event>,
    wake: Arc<EventFd>,
}

impl Reporter {
    /// Events go to `sender`, then `wake` is written.
    pub(crate) fn new(sender: Sender<Event>, wake: Arc<EventFd>) -> Self {
        Self { sender, wake }
    }

    /// Tells the owner that the VM has ended.
    pub(crate) fn ended(&self, outcome: Outcome) {
        // A closed channel means that the owner is on its way out already.
        let _ = self.sender.send(Event::Ended(outcome));
        let _ = self.wake.write(1);
    }
}

#[derive(Debug, Default)]
struct GateState {
    is_closed: bool,
    parked: usize,
}

/// Where CPUs wait while the VM is paused.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

impl Gate {
    /// Waits while the gate is closed; `true` if it was.
    fn pass(&self) -> bool {
        let mut state = lock(&self.state);
        if !state.is_closed {
            return false;
        }
        state.parked += 1;
        self.changed.notify_all();
        while state.is_closed {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        state.parked -= 1;
        true
    }
}

/// One CPU's thread, and the handle on its run page.
#[derive(Debug)]
struct Runner {
    thread: JoinHandle<()>,
    immediate_exit: *mut u8,
}

/// All CPU threads of a VM. They live as long as the process.
#[derive(Debug)]
pub(crate) struct Vcpus {
    gate: Arc<Gate>,
    runners: Vec<Runner>,
}

impl Vcpus {
    /// Starts a thread for each CPU; the first one boots, the others wait in KVM for its start-up message.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub(crate) fn spawn(
        vcpus: Vec<VcpuFd>,
        bus: &Arc<Bus>,
        reporter: &Reporter,
        confine: fn() -> Result<(), sandbox::Error>,
    ) -> Result<Self, Error> {
        extern "C" fn nothing(_: libc::c_int, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}
        register_signal_handler(SIGRTMIN(), nothing).map_err(Error::Signal)?;
        let gate = Arc::new(Gate::default());
        let mut runners = Vec::with_capacity(vcpus.len());
        for (id, mut vcpu) in vcpus.into_iter().enumerate() {
            let immediate_exit = &raw mut vcpu.get_kvm_run().immediate_exit;
            let (bus, reporter, gate) = (Arc::clone(bus), reporter.clone(), Arc::clone(&gate));
            let thread = thread::Builder::new()
                .name(format!("vcpu{id}"))
                .stack_size(128 << 10)
                .spawn(move || {
                    let outcome = match confine() {
                        Ok(()) => run(&mut vcpu, &bus, &gate),
                        Err(error) => Outcome::VmmError {
                            message: error.to_string(),
                        },
                    };
                    reporter.ended(outcome);
                    // The run page must stay mapped for kicks that are under way; the process ends soon.
                    std::mem::forget(vcpu);
                })
                .map_err(Error::Spawn)?;
            runners.push(Runner {
                thread,
                immediate_exit,
            });
        }
        Ok(Self { gate, runners })
    }

    /// Stops all CPUs and waits until they stand.
    ///
    /// # Errors
    ///
    /// [`Error::Stuck`]; the CPUs run on then.
    pub(crate) fn pause(&self) -> Result<(), Error> {
        let mut state = lock(&self.gate.state);
        state.is_closed = true;
        for runner in &self.runners {
            runner.kick();
        }
        let all = self.runners.len();
        let (mut state, timeout) = self
            .gate
            .changed
            .wait_timeout_while(state, PARK_PATIENCE, |state| state.parked < all)
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if timeout.timed_out() {
            state.is_closed = false;
            self.gate.changed.notify_all();
            return Err(Error::Stuck);
        }
        Ok(())
    }

    /// Lets all CPUs go on.
    pub(crate) fn resume(&self) {
        lock(&self.gate.state).is_closed = false;
        self.gate.changed.notify_all();
    }
}

impl Runner {
    fn kick(&self) {
        // SAFETY: 1. the run page is never unmapped, its `VcpuFd` is leaked by the CPU's thread;
        // 2. both sides access this byte as an atomic, KVM reads it once per run.
        let flag = unsafe { AtomicU8::from_ptr(self.immediate_exit) };
        flag.store(1, Ordering::Release);
        // SAFETY: the thread is not joined before `self` goes, so its id is valid; a thread that has ended gives ESRCH.
        unsafe { libc::pthread_kill(self.thread.as_pthread_t(), SIGRTMIN()) };
    }
}

/// An exit, copied out of the run page so that the CPU can be used while it is handled.
enum Exit {
    Write {
        address: u64,
        data: [u8; 8],
        length: usize,
    },
    Read {
        address: u64,
        length: usize,
    },
    PortOut {
        port: u16,
        data: [u8; 4],
        length: usize,
    },
    Other,
    End(Outcome),
}

fn run(vcpu: &mut VcpuFd, bus: &Bus, gate: &Gate) -> Outcome {
    loop {
        let exit = match vcpu.run() {
            Ok(exit) => take(exit, bus),
            Err(error) if matches!(error.errno(), libc::EINTR | libc::EAGAIN) => {
                vcpu.set_kvm_immediate_exit(0);
                fence(Ordering::SeqCst);
                if gate.pass() {
                    // Tells the guest's watchdogs that time has passed; kernels without kvmclock refuse.
                    let _ = vcpu.kvmclock_ctrl();
                }
                Exit::Other
            }
            Err(error) => Exit::End(broken(vcpu, &format!("KVM_RUN failed: {error}"))),
        };
        bus.drain_coalesced(vcpu);
        match exit {
            Exit::Write {
                address,
                data,
                length,
            } => bus.mmio_write(address, &data[..length]),
            Exit::Read { address, length } => {
                let mut data = [0; 8];
                bus.mmio_read(address, &mut data[..length]);
                vcpu.get_kvm_run().__bindgen_anon_1.mmio.data = data;
            }
            Exit::PortOut { port, data, length } => {
                if let PortEffect::End(outcome) = bus.port_write(port, &data[..length]) {
                    return outcome;
                }
            }
            Exit::Other => {}
            Exit::End(outcome) => return describe(vcpu, outcome),
        }
    }
}

/// Copies the exit; port input and string output are done here at once, as they need the run page.
fn take(exit: VcpuExit<'_>, bus: &Bus) -> Exit {
    match exit {
        VcpuExit::MmioWrite(address, bytes) => {
            let mut data = [0; 8];
            let length = bytes.len().min(8);
            data[..length].copy_from_slice(&bytes[..length]);
            Exit::Write {
                address,
                data,
                length,
            }
        }
        VcpuExit::MmioRead(address, bytes) => Exit::Read {
            address,
            length: bytes.len().min(8),
        },
        VcpuExit::IoIn(port, bytes) => {
            bus.port_read(port, bytes);
            Exit::Other
        }
        VcpuExit::IoOut(port, bytes) if bytes.len() <= 4 => {
            let mut data = [0; 4];
            data[..bytes.len()].copy_from_slice(bytes);
            Exit::PortOut {
                port,
                data,
                length: bytes.len(),
            }
        }
        VcpuExit::IoOut(port, bytes) => {
            bus.port_write_string(port, bytes);
            Exit::Other
        }
        VcpuExit::Shutdown => Exit::End(Outcome::KernelPanic {
            message: Some("triple fault".to_owned()),
        }),
        VcpuExit::SystemEvent(kind, _) if kind == kvm_bindings::KVM_SYSTEM_EVENT_CRASH => {
            Exit::End(Outcome::KernelPanic { message: None })
        }
        VcpuExit::SystemEvent(..) => Exit::End(Outcome::Reset),
        VcpuExit::FailEntry(reason, _) => Exit::End(Outcome::VmmError {
            message: format!("KVM cannot enter the guest: hardware reason {reason:#x}"),
        }),
        VcpuExit::InternalError => Exit::End(Outcome::VmmError {
            message: "KVM cannot emulate an instruction of the guest".to_owned(),
        }),
        VcpuExit::Hlt | VcpuExit::Intr | VcpuExit::IrqWindowOpen | VcpuExit::IoapicEoi(_) => Exit::Other,
        other => Exit::End(Outcome::VmmError {
            message: format!("KVM stopped for a reason that is not handled: {other:?}"),
        }),
    }
}

fn broken(vcpu: &VcpuFd, message: &str) -> Outcome {
    describe(
        vcpu,
        Outcome::VmmError {
            message: message.to_owned(),
        },
    )
}

/// Adds the place to a message about a CPU that cannot go on.
fn describe(vcpu: &VcpuFd, mut outcome: Outcome) -> Outcome {
    if let Outcome::VmmError { message }
    | Outcome::KernelPanic {
        message: Some(message),
    } = &mut outcome
        && !message.contains(" at rip ")
        && let (Ok(general), Ok(special)) = (vcpu.get_regs(), vcpu.get_sregs())
    {
        message.push_str(&format!(
            " at rip {:#x} (cs {:#x}, cr2 {:#x}, cr3 {:#x}, rsp {:#x})",
            general.rip, special.cs.selector, special.cr2, special.cr3, general.rsp
        ));
    }
    outcome
}

/// The offset that the kick relies on is part of KVM's ABI (`Documentation/virt/kvm/api.rst`, section 5).
const _: () = assert!(std::mem::offset_of!(kvm_run, immediate_exit) == 1);
