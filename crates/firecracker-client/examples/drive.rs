//! Waits for a VMM, configures it, and says how long each call took: `drive SOCKET TAP KERNEL`.
//!
//! For a look at a monitor by hand, ours or the real Firecracker; the VM is configured and not started.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "an example says what went wrong and stops"
)]

use std::time::{Duration, Instant};

use uigniter_firecracker_client::{BootSource, Client, Error, MachineConfig, NetworkInterface};

async fn timed<T>(what: &str, call: impl Future<Output = Result<T, Error>>) -> Option<T> {
    let start = Instant::now();
    let result = call.await;
    let took = start.elapsed();
    match result {
        Ok(value) => {
            println!("{took:>12?} {what}");
            Some(value)
        }
        Err(error) => {
            println!("{took:>12?} {what}: {error}");
            None
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [socket, tap, kernel] = words.as_slice() else {
        panic!("usage: drive SOCKET TAP KERNEL")
    };
    let vm = Client::new(socket);
    let deadline = Instant::now() + Duration::from_secs(10);
    timed("ready", vm.wait_until_ready(deadline))
        .await
        .expect("a VMM listens");
    let info = timed("GET /", vm.instance_info()).await;
    let version = timed("GET /version", vm.version()).await;
    timed(
        "PUT /machine-config",
        vm.put_machine_config(&MachineConfig::new(1, 128)),
    )
    .await;
    timed(
        "PUT /boot-source",
        vm.put_boot_source(&BootSource::new(kernel, "--nopci /hello")),
    )
    .await;
    timed("PUT /entropy", vm.put_entropy()).await;
    let interface = NetworkInterface {
        iface_id: "eth0".into(),
        host_dev_name: tap.clone(),
        guest_mac: Some("06:00:ac:10:00:02".into()),
    };
    timed(
        "PUT /network-interfaces/eth0",
        vm.put_network_interface(&interface),
    )
    .await;
    timed(
        "PUT /machine-config with no memory",
        vm.put_machine_config(&MachineConfig::new(1, 0)),
    )
    .await;
    println!("{info:?} {version:?}");
}
