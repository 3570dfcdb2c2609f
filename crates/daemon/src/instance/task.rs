//! The task that owns an instance from `Running` to its deletion.

use std::{
    future::pending,
    process::ExitStatus,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use uigniter_api::instance::{Exit, ExitReason, Instance, State};
use uigniter_firecracker_client::{Action, Client, VmState};

use super::{Command, Handle, Record, Request, read_exit};
use crate::{
    console::Console,
    host::Host,
    process::{Process, describe},
    refusal::Refusal,
    state_dir::{InstanceDir, ignore_absent, write_json},
};

/// Commands that may wait for the task; more callers wait for a place.
const COMMANDS: usize = 16;

/// What a task needs to own an instance.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) instance: Instance,
    pub(crate) dir: InstanceDir,
    pub(crate) console: Arc<Console>,
    /// `None` where it has ended already.
    pub(crate) process: Option<Arc<Process>>,
    pub(crate) client: Client,
}

/// Starts the task; the handle is in the registry when this returns.
pub(crate) fn spawn(host: &Arc<Host>, life: Life) -> Arc<Handle> {
    let (view_sender, view) = watch::channel(life.instance.clone());
    let (commands, received) = mpsc::channel(COMMANDS);
    let handle = Arc::new(Handle {
        id: life.instance.id.clone(),
        name: life.instance.name.clone(),
        console: Arc::clone(&life.console),
        view,
        commands,
    });
    host.registry.insert(Arc::clone(&handle));
    let task = Task {
        host: Arc::clone(host),
        view: view_sender,
        commands: received,
        dir: life.dir,
        console: life.console,
        process: life.process,
        client: life.client,
        killed: false,
        kill_at: None,
    };
    let ending = host.ending.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = task.run() => {}
            // The instance itself lives on, for the next daemon to find.
            () = ending.cancelled() => {}
        }
    });
    handle
}

struct Task {
    host: Arc<Host>,
    view: watch::Sender<Instance>,
    commands: mpsc::Receiver<Command>,
    dir: InstanceDir,
    console: Arc<Console>,
    process: Option<Arc<Process>>,
    client: Client,
    killed: bool,
    kill_at: Option<Instant>,
}

impl Task {
    async fn run(mut self) {
        if let Some(process) = self.process.clone() {
            let status = self.live(&process).await;
            self.end(&process, status).await;
        }
        if self.view.borrow().auto_remove {
            match self.delete().await {
                Ok(()) => return,
                Err(refusal) => {
                    tracing::warn!(id = self.id(), %refusal, "an instance could not remove itself")
                }
            }
        }
        while let Some(Command { request, reply }) = self.commands.recv().await {
            let (answer, deleted) = match request {
                Request::Delete => {
                    let answer = self.delete().await;
                    let deleted = answer.is_ok();
                    (answer, deleted)
                }
                Request::Stop(_) | Request::Kill => (Ok(()), false),
                Request::Pause => (Err(self.wrong_state("paused", "running")), false),
                Request::Resume => (Err(self.wrong_state("resumed", "paused")), false),
            };
            // A caller that went away needs no answer.
            let _ = reply.send(answer);
            if deleted {
                return;
            }
        }
    }

    fn id(&self) -> String {
        self.view.borrow().id.clone()
    }

    fn state(&self) -> State {
        self.view.borrow().state
    }

    fn wrong_state(&self, action: &'static str, needed: &'static str) -> Refusal {
        Refusal::WrongState {
            id: self.id(),
            state: self.state(),
            action,
            needed,
        }
    }

    /// Serves commands until the process ends.
    async fn live(&mut self, process: &Process) -> Option<ExitStatus> {
        loop {
            let kill_at = self.kill_at;
            tokio::select! {
                status = process.ended() => match status {
                    Ok(status) => return status,
                    Err(error) => {
                        // Without a pidfd there is no life to follow: end it rather than lose it.
                        tracing::error!(id = self.id(), %error, "a VMM cannot be watched");
                        process.kill();
                        return None;
                    }
                },
                () = at(kill_at) => {
                    self.kill_at = None;
                    self.kill(process);
                }
                Some(Command { request, reply }) = self.commands.recv() => {
                    let answer = self.serve(process, request).await;
                    let _ = reply.send(answer);
                }
            }
        }
    }

    async fn serve(&mut self, process: &Process, request: Request) -> Result<(), Refusal> {
        match request {
            Request::Stop(grace) => self.stop(process, grace).await,
            Request::Kill => {
                self.enter(State::Stopping);
                self.kill(process);
                Ok(())
            }
            Request::Pause if self.state() == State::Running => {
                self.client.patch_vm(VmState::Paused).await?;
                self.enter(State::Paused);
                Ok(())
            }
            Request::Pause => Err(self.wrong_state("paused", "running")),
            Request::Resume if self.state() == State::Paused => {
                self.client.patch_vm(VmState::Resumed).await?;
                self.enter(State::Running);
                Ok(())
            }
            Request::Resume => Err(self.wrong_state("resumed", "paused")),
            Request::Delete => Err(self.wrong_state("deleted", "not running (stop it first, or force)")),
        }
    }

    async fn stop(&mut self, process: &Process, grace: Duration) -> Result<(), Refusal> {
        let was_paused = self.state() == State::Paused;
        self.enter(State::Stopping);
        if grace.is_zero() {
            self.kill(process);
            return Ok(());
        }
        // A second stop may shorten the grace, not lengthen it.
        let kill_at = Instant::now() + grace;
        self.kill_at = Some(self.kill_at.map_or(kill_at, |earlier| earlier.min(kill_at)));
        let asked = async {
            if was_paused {
                self.client.patch_vm(VmState::Resumed).await?;
            }
            self.client.action(Action::SendCtrlAltDel).await
        };
        if let Err(error) = asked.await {
            // Either it has just ended, which is what was wanted, or it will be killed when the grace is over.
            tracing::debug!(id = self.id(), %error, "the guest could not be asked to end");
        }
        Ok(())
    }

    fn kill(&mut self, process: &Process) {
        self.killed = true;
        process.kill();
    }

    /// One transition: on disk, then visible.
    fn enter(&self, state: State) {
        self.change(|instance| instance.state = state);
    }

    fn change(&self, change: impl FnOnce(&mut Instance)) {
        let mut instance = self.view.borrow().clone();
        change(&mut instance);
        let process = self.process.as_ref().map(|process| process.id());
        let record = Record { instance, process };
        if let Err(error) = write_json(&self.dir.state(), &record) {
            tracing::error!(id = record.instance.id, %error, "a state could not be written");
        }
        self.view.send_replace(record.instance);
    }

    async fn end(&mut self, process: &Process, status: Option<ExitStatus>) {
        let exit = read_exit(&self.dir, &self.view.borrow().vmm, self.killed, &describe(status));
        tracing::info!(id = self.id(), pid = process.id().pid, reason = ?exit.reason, code = exit.code, "ended");
        self.process = None;
        // The last words are in the file: whoever wrote them is gone.
        self.console.end();
        self.change(|instance| end_view(instance, exit));
        let id = self.id();
        if let Err(error) = self.host.network.detach(&id).await {
            tracing::warn!(id, %error, "the network keeps something of an instance");
        }
        for leftover in [self.dir.socket(), self.dir.disk()] {
            if let Err(error) = ignore_absent(std::fs::remove_file(&leftover)) {
                tracing::warn!(path = %leftover.display(), %error, "a file stays");
            }
        }
    }

    async fn delete(&mut self) -> Result<(), Refusal> {
        let dir = self.dir.clone();
        let removed = tokio::task::spawn_blocking(move || dir.remove()).await;
        removed
            .unwrap_or_else(|error| Err(std::io::Error::other(error)))
            .map_err(Refusal::io("delete the instance"))?;
        let exit = self.view.borrow().exit.clone();
        self.host.registry.remove(&self.id(), exit);
        Ok(())
    }
}

/// What an end changes in an instance's description.
pub(crate) fn end_view(instance: &mut Instance, exit: Exit) {
    instance.state = match exit.reason {
        ExitReason::Exited | ExitReason::Signaled | ExitReason::Killed => State::Exited,
        _ => State::Failed,
    };
    instance.ended_at_ms = Some(now_ms());
    instance.ip_address = None;
    instance.mac = None;
    instance.pid = None;
    instance.exit = Some(exit);
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => pending().await,
    }
}
