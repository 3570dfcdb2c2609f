//! Instances and their lives.
//!
//! ```text
//!             launch                         end of the VMM process
//!  Creating ---------> Starting ---> Running -----------------------> Exited (the program's end, or a kill)
//!     |                   |          |  ^  |                     +--> Failed (boot, kernel, VMM)
//!     |                   |    pause |  | resume                 |
//!     |                   |          v  |  | stop                |
//!     |                   |         Paused |                     |
//!     |                   |           |    v                     |
//!     |                   |           +-> Stopping --------------+
//!     |                   |        stop      (grace over: killed)
//!     +-------------------+--> nothing: a launch that fails, or whose daemon is killed, leaves no instance
//! ```
//!
//! A launch ([`crate::launch`]) owns an instance up to `Running`; from then on one task ([`task`]) owns it and makes every
//! transition, so no two of them can race: whoever wants something sends it a [`Command`]. A state is on disk (`state.json`)
//! before anybody is told of it. An instance that has ended keeps its console and its exit until it is deleted; tap and
//! address are given back at once.

mod exit;
mod task;

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};
use uigniter_api::instance::{Exit, Instance};

pub(crate) use exit::read as read_exit;
pub(crate) use task::{Life, end_view, now_ms, spawn};

use crate::{console::Console, process::ProcessId, refusal::Refusal};

/// `state.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) instance: Instance,
    pub(crate) process: Option<ProcessId>,
}

/// What can be asked of an instance's task.
#[derive(Debug)]
pub(crate) enum Request {
    /// Ask the program to end; kill it when so much time has passed.
    Stop(Duration),
    /// End it now.
    Kill,
    /// Let it stand still.
    Pause,
    /// Let it go on.
    Resume,
    /// Remove what is left of it.
    Delete,
}

/// A request and where its answer goes.
#[derive(Debug)]
pub(crate) struct Command {
    request: Request,
    reply: oneshot::Sender<Result<(), Refusal>>,
}

/// What the rest of the daemon has of an instance.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) console: Arc<Console>,
    view: watch::Receiver<Instance>,
    commands: mpsc::Sender<Command>,
}

impl Handle {
    /// The instance as it is now.
    pub(crate) fn view(&self) -> Instance {
        self.view.borrow().clone()
    }

    /// Asks the task for something; returns when that is done, or for a stop, begun.
    pub(crate) async fn ask(&self, request: Request) -> Result<(), Refusal> {
        let (reply, answer) = oneshot::channel();
        let gone = || Refusal::NoInstance(self.id.clone());
        self.commands
            .send(Command { request, reply })
            .await
            .map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Waits for the end.
    pub(crate) async fn ended(&self) -> Result<(Instance, Exit), Refusal> {
        let mut view = self.view.clone();
        // A task that ends without an end of its instance is one of a daemon that shuts down.
        let instance = view
            .wait_for(|instance| instance.exit.is_some())
            .await
            .map_err(|_| Refusal::ShuttingDown)?;
        let exit = instance.exit.clone().ok_or(Refusal::ShuttingDown)?;
        Ok((instance.clone(), exit))
    }
}
