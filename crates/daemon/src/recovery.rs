//! After a daemon that was killed, or went away: what is still there is found again, what is half-made goes.
//!
//! | in `instances/ID/` | VMM process | becomes |
//! |---|---|---|
//! | no or unreadable `state.json`, `Creating`, `Starting` | any | nothing: killed, folder and network given back |
//! | `Running`, `Paused`, `Stopping` | alive, the same one, answers | that instance again; a stop is begun anew |
//! | `Running`, `Paused`, `Stopping` | gone, or silent | `Exited` or `Failed`, by what `exit.json` says |
//! | `Exited`, `Failed` | any | that instance again |
//! | no folder | with a socket of ours on its command line | nothing: killed |

use std::{collections::HashMap, fs, sync::Arc, time::Duration};

use uigniter_api::instance::{DEFAULT_GRACE_SECONDS, Instance, State};
use uigniter_firecracker_client::Client;

use crate::{
    Error,
    console::Consoles,
    host::Host,
    instance::{Life, Record, Request, end_view, read_exit, spawn},
    names,
    process::{self, Process, ProcessId},
    publish,
    state_dir::{InstanceDir, write_json},
    vm,
};

/// How long a VMM that was found may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Finds everything again.
pub(crate) async fn recover(host: &Arc<Host>) -> Result<(), Error> {
    let folder = host.state.instances();
    let failed = |source| Error::State {
        path: folder.clone(),
        source,
    };
    let mut processes: HashMap<String, Vec<ProcessId>> = HashMap::new();
    for (id, process) in process::find_all(&folder).map_err(failed)? {
        processes.entry(id).or_default().push(process);
    }
    let mut lives = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let Some(id) = name.to_str().filter(|name| names::is_id(name)) else {
            tracing::warn!(?name, "something in the instances' folder is not ours");
            continue;
        };
        let dir = host.state.instance(id);
        let found = processes.remove(id).unwrap_or_default();
        match recover_one(host, &dir, found).await {
            Some(life) => lives.push(life),
            None => dir.remove().map_err(|source| Error::State {
                path: dir.path().to_owned(),
                source,
            })?,
        }
    }
    for orphan in processes.into_values().flatten() {
        kill(orphan).await;
    }
    let alive: Vec<_> = lives
        .iter()
        .filter(|life| life.process.is_some())
        .map(|life| life.instance.id.clone())
        .collect();
    let reconciled = host.network.reconcile(&alive).await?;
    tracing::info!(
        instances = lives.len(),
        running = alive.len(),
        ?reconciled,
        "recovered"
    );
    for life in lives {
        restore(host, life).await;
    }
    Ok(())
}

/// One folder: `None` if it is to go.
async fn recover_one(host: &Arc<Host>, dir: &InstanceDir, found: Vec<ProcessId>) -> Option<Life> {
    let record = fs::read(dir.state())
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
    let record = record.filter(|record| !matches!(record.instance.state, State::Creating | State::Starting));
    let expected = record.as_ref().and_then(|record| record.process);
    let (mut process, mut strays) = (None, Vec::new());
    for id in found {
        if Some(id) == expected {
            process = Some(id)
        } else {
            strays.push(id)
        }
    }
    for stray in strays {
        kill(stray).await;
    }
    let Some(Record { instance, .. }) = record else {
        if let Some(process) = process {
            kill(process).await;
        }
        return None;
    };
    let client = Client::new(dir.socket());
    let process = match process {
        Some(id) if !instance.state.has_ended() => answering(id, &client).await,
        Some(id) => {
            kill(id).await;
            None
        }
        None => None,
    };
    let mut life = Life {
        instance,
        dir: dir.clone(),
        console: Consoles::ended(dir.console()),
        process,
        client,
    };
    if life.process.is_some() {
        match host.consoles.watch(dir.console()) {
            Ok(console) => life.console = console,
            Err(error) => tracing::warn!(%error, "a console cannot be watched"),
        }
    } else if !life.instance.state.has_ended() {
        ended(&mut life.instance, dir);
    }
    Some(life)
}

/// The process, if it is alive and its API answers; otherwise it is killed.
async fn answering(id: ProcessId, client: &Client) -> Option<Arc<Process>> {
    let process = match Process::find(id) {
        Ok(process) => process?,
        Err(error) => {
            tracing::warn!(pid = id.pid, %error, "a VMM cannot be watched");
            return None;
        }
    };
    match client.clone().with_timeout(ANSWER_TIMEOUT).instance_info().await {
        Ok(_) => Some(Arc::new(process)),
        Err(error) => {
            tracing::warn!(pid = id.pid, %error, "a VMM does not answer and is killed");
            vm::end(&process).await;
            None
        }
    }
}

fn ended(instance: &mut Instance, dir: &InstanceDir) {
    let exit = read_exit(dir, &instance.vmm, false, "the VMM vanished while no daemon ran");
    end_view(instance, exit);
    let record = Record {
        instance: instance.clone(),
        process: None,
    };
    if let Err(error) = write_json(&dir.state(), &record) {
        tracing::error!(id = instance.id, %error, "a state could not be written");
    }
}

/// Gives an instance back its ports, its name and its task.
async fn restore(host: &Arc<Host>, mut life: Life) {
    let id = life.instance.id.clone();
    if let Err(refusal) = host.registry.reserve(&life.instance.name, &id) {
        tracing::warn!(id, %refusal, "an instance loses its name");
        life.instance.name.clone_from(&id);
    }
    let alive = life.process.is_some();
    if alive {
        reconnect(host, &mut life.instance).await;
    }
    let was_stopping = life.instance.state == State::Stopping;
    let handle = spawn(host, life);
    if alive && was_stopping {
        let grace = Duration::from_secs(DEFAULT_GRACE_SECONDS.into());
        if let Err(refusal) = handle.ask(Request::Stop(grace)).await {
            tracing::warn!(id, %refusal, "a stop cannot be begun anew");
        }
    }
}

async fn reconnect(host: &Arc<Host>, instance: &mut Instance) {
    let id = &instance.id;
    if let Err(error) = host.network.set_name(id, &instance.name) {
        tracing::warn!(id, %error, "an instance's name cannot be looked up");
    }
    let Some(address) = instance.ip_address else {
        return;
    };
    let mut published = Vec::new();
    for mapping in std::mem::take(&mut instance.publish) {
        match host
            .network
            .publish(id, publish::to_network(&mapping), address)
            .await
        {
            Ok(_) => published.push(mapping),
            Err(error) => tracing::warn!(id, %mapping, %error, "a port is no longer published"),
        }
    }
    instance.publish = published;
}

async fn kill(id: ProcessId) {
    match Process::find(id) {
        Ok(Some(process)) => vm::end(&process).await,
        Ok(None) => {}
        Err(error) => tracing::warn!(pid = id.pid, %error, "a stray VMM cannot be ended"),
    }
}
