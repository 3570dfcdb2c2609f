//! The embedded microVM monitor: Firecracker's API over a Unix socket, one VM on KVM, one process per microVM.
//!
//! [`run`] is all there is: it listens, serves the API, runs the guest, and returns its [`Outcome`].
//!
//! ```text
//!   main thread                      devices thread                 vcpu threads
//!   -----------                      --------------                 ------------
//!   api (socket), signals,           virtio queues, taps      <-->  KVM_RUN; register accesses,
//!   state machine (`machine`)        (`devices::virtio`)            ports (`bus`, `devices`)
//!        ^                                 |                            |
//!        +---------- Event::Ended ---------+----------------------------+
//! ```
//!
//! States of the microVM are drawn in the module `machine`, of a CPU's thread in `kvm::vcpu`, of a virtio device in
//! `devices::virtio`, of a connection in `api::server`.
//!
//! The guest is hostile: whatever it writes to registers, rings and ports, the monitor does a bounded amount of work for it, on
//! threads that the API does not wait for.
//!
//! ```no_run
//! let config = uigniter_vmm::Config {
//!     api_socket: "/run/vm.sock".into(),
//!     id: "hello".into(),
//!     exit_file: Some("/run/vm.exit".into()),
//!     console_file: None,
//!     console_input: None,
//! };
//! match uigniter_vmm::run(config) {
//!     Ok(outcome) => std::process::exit(outcome.process_status().into()),
//!     Err(error) => eprintln!("{error}"),
//! }
//! ```

mod api;
mod boot;
mod bus;
mod devices;
mod input;
mod kvm;
mod logger;
mod machine;
mod memory;
mod metrics;
mod outcome;
mod output;
mod process;
mod sandbox;

pub use outcome::Outcome;
pub use process::{Config, Error, run};
