//! One file per command: its flags, its help, what it does. Its test has the same name under `tests/it/`.

pub(crate) mod build;
pub(crate) mod completion;
pub(crate) mod daemon;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod image;
pub(crate) mod inspect;
pub(crate) mod kill;
pub(crate) mod load;
pub(crate) mod logs;
pub(crate) mod man;
pub(crate) mod pool;
pub(crate) mod ps;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod reference;
pub(crate) mod rm;
pub(crate) mod run;
pub(crate) mod save;
pub(crate) mod stats;
pub(crate) mod stop;
pub(crate) mod vmm;
pub(crate) mod volume;
pub(crate) mod wait;

use std::process::ExitCode;

use crate::{
    error::{CliError, Outcome},
    output,
};

/// Does `act` for each of `ids`, prints those for which it worked, and reports each that failed; as docker's commands do,
/// one wrong name does not keep the others from being served.
async fn for_each<F: Future<Output = Result<(), CliError>>>(
    ids: &[String],
    act: impl Fn(String) -> F,
) -> Outcome {
    let mut status = ExitCode::SUCCESS;
    for id in ids {
        match act(id.clone()).await {
            Ok(()) => output::line(id)?,
            Err(error) => status = error.report(),
        }
    }
    Ok(status)
}
