//! One microVM before it is an instance: a VMM process that listens, with its folder, tap, MAC and address.
//!
//! [`prepare`] makes one, for the pool or for a request that found the pool empty; [`reclaim`] takes one down to nothing.

use std::{
    fs, io,
    process::ExitStatus,
    sync::Arc,
    time::{Duration, Instant},
};

use uigniter_firecracker_client::{Balloon, Client, MachineConfig, NetworkInterface};
use uigniter_network::Attachment;

use crate::{
    host::Host,
    monitor::{Features, Monitor},
    names,
    process::{Process, describe},
    refusal::Refusal,
    state_dir::InstanceDir,
};

/// How long a VMM may take from its start to its first answer.
const READY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a VMM that did not take what it was told is given to end, and to say why.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What every microVM of the pool is configured with; a request that wants the same saves a call.
pub(crate) const POOL_MACHINE: MachineConfig =
    MachineConfig::new(1, uigniter_api::instance::DEFAULT_MEMORY_MIB as u64);

/// A microVM that waits for what it shall boot.
#[derive(Debug)]
pub(crate) struct Vm {
    pub(crate) id: String,
    pub(crate) dir: InstanceDir,
    pub(crate) attachment: Attachment,
    pub(crate) process: Arc<Process>,
    pub(crate) client: Client,
    pub(crate) features: Features,
}

/// Makes a microVM; what fails half-way is taken down again. Not to be dropped half-way: run it as a tracked task.
pub(crate) async fn prepare(host: &Arc<Host>) -> Result<Vm, Refusal> {
    let id = names::fresh_id()?;
    let dir = host.state.instance(&id);
    dir.create().map_err(Refusal::io("make the instance's folder"))?;
    match build(host, &id, &dir).await {
        Ok(vm) => Ok(vm),
        Err(refusal) => {
            let refusal = explain(refusal);
            release(host, &id, &dir).await;
            Err(refusal)
        }
    }
}

async fn build(host: &Arc<Host>, id: &str, dir: &InstanceDir) -> Result<Vm, Refusal> {
    let attachment = host.network.attach(id).await?;
    let process = Arc::new(spawn(host, id, dir).await?);
    let client = Client::new(dir.socket());
    let configured = configure(&host.config.monitor, &client, &attachment, &process, dir).await;
    let features = match configured {
        Ok(features) => features,
        Err(refusal) => {
            end(&process).await;
            return Err(refusal);
        }
    };
    Ok(Vm {
        id: id.to_owned(),
        dir: dir.clone(),
        attachment,
        process,
        client,
        features,
    })
}

async fn spawn(host: &Arc<Host>, id: &str, dir: &InstanceDir) -> Result<Process, Refusal> {
    let (host, id, dir) = (Arc::clone(host), id.to_owned(), dir.clone());
    // The fork takes its time with a large parent, so it does not block the API's threads.
    let runtime = tokio::runtime::Handle::current();
    let spawned = tokio::task::spawn_blocking(move || {
        let _inside = runtime.enter();
        let command = host.config.monitor.command(&id, &dir)?;
        Process::spawn(command, &dir, &host.network)
    });
    spawned
        .await
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(Refusal::io("start the VMM"))
}

/// Waits until the VMM listens, and tells it all that is known before a request comes.
async fn configure(
    monitor: &Monitor,
    client: &Client,
    attachment: &Attachment,
    process: &Process,
    dir: &InstanceDir,
) -> Result<Features, Refusal> {
    let told = tokio::select! {
        told = tell(monitor, client, attachment) => told,
        status = process.ended() => return Err(ended(status, dir)),
    };
    match told {
        // One that will not start may have listened before it knew; then its own words are the reason, not that it does not answer.
        Err(refusal) => match tokio::time::timeout(LAST_WORDS, process.ended()).await {
            Ok(status) => Err(ended(status, dir)),
            Err(_) => Err(refusal),
        },
        Ok(features) => Ok(features),
    }
}

async fn tell(monitor: &Monitor, client: &Client, attachment: &Attachment) -> Result<Features, Refusal> {
    client.wait_until_ready(Instant::now() + READY_TIMEOUT).await?;
    let features = monitor.features(client).await?;
    client
        .put_network_interface(&NetworkInterface {
            iface_id: "eth0".into(),
            host_dev_name: attachment.tap.clone(),
            guest_mac: Some(attachment.mac.to_string()),
        })
        .await?;
    client.put_entropy().await?;
    if features.page_reporting {
        // Nothing is taken from the guest; it gives back what it does not use.
        client
            .put_balloon(&Balloon {
                amount_mib: 0,
                deflate_on_oom: false,
                free_page_reporting: true,
            })
            .await?;
    }
    client.put_machine_config(&POOL_MACHINE).await?;
    Ok(features)
}

/// Why a VMM ended before it could be used.
fn ended(status: io::Result<Option<ExitStatus>>, dir: &InstanceDir) -> Refusal {
    let status = match status {
        Ok(status) => status,
        Err(error) => return Refusal::io("watch the VMM")(error),
    };
    let said = fs::read_to_string(dir.vmm_log()).unwrap_or_default();
    Refusal::VmmEnded(reason_in(&said).unwrap_or_else(|| describe(status)))
}

/// What a VMM that ended said: its error line, without the hint after it, else whatever it said last.
pub(crate) fn reason_in(log: &str) -> Option<String> {
    let lines = || log.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let error = lines().find_map(|line| line.strip_prefix("error: "));
    let line = error.or_else(|| lines().next())?;
    // For one line of an answer; the log has it whole.
    Some(line.chars().filter(|c| !c.is_control()).take(400).collect())
}

/// The reason behind a VMM that would not start, where it is the host's KVM.
fn explain(refusal: Refusal) -> Refusal {
    match (
        &refusal,
        fs::File::options().read(true).write(true).open("/dev/kvm"),
    ) {
        (Refusal::VmmEnded(_) | Refusal::Vmm(_), Err(error)) => Refusal::NoKvm(error),
        _ => refusal,
    }
}

/// Kills a process and waits until it is gone.
pub(crate) async fn end(process: &Process) {
    process.kill();
    if let Err(error) = process.ended().await {
        tracing::warn!(pid = process.id().pid, %error, "cannot watch a VMM's end");
    }
}

/// Takes a microVM down, and everything that it had.
pub(crate) async fn reclaim(host: &Host, vm: Vm) {
    end(&vm.process).await;
    release(host, &vm.id, &vm.dir).await;
}

/// Gives back tap and address, and removes the folder. What fails is tried again by the next start's recovery.
pub(crate) async fn release(host: &Host, id: &str, dir: &InstanceDir) {
    if let Err(error) = host.network.detach(id).await {
        tracing::warn!(id, %error, "the network keeps something of a microVM");
    }
    if let Err(error) = dir.remove() {
        tracing::warn!(id, %error, "a microVM's folder stays");
    }
}

#[cfg(test)]
mod tests {
    use super::reason_in;

    #[test]
    fn the_error_line_is_the_reason() {
        let log = "starting\nerror: /dev/kvm: no such device\nhint: run doctor\n\n";
        assert_eq!(reason_in(log).as_deref(), Some("/dev/kvm: no such device"));
        assert_eq!(reason_in("one\ntwo\n").as_deref(), Some("two"));
        assert_eq!(reason_in("\n"), None);
    }
}
