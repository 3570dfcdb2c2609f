//! One run on this machine: what Linux says.

use std::{os::unix::process::ExitStatusExt, path::Path, process::Command, time::Duration};

use uigniter_abi::exit::ExitStatus;

use crate::{Run, bounded};

/// The environment that both runs have, and nothing else.
pub const ENVIRONMENT: [(&str, &str); 3] = [
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("HOME", "/"),
    ("LANG", "C"),
];

/// Why a run on the host gave nothing to compare with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program did not start or did not end.
    #[error("on the host: {0}")]
    Child(#[from] bounded::Error),
    /// There is no empty folder to run in.
    #[error("on the host: no folder to run in: {0}")]
    Folder(#[from] std::io::Error),
}

/// Becomes the command in its arguments, with a loopback interface that is up, and without the descriptors and the nice value of whoever runs
/// the tests (`env` gives back the default of every signal).
const ENTER: &str = r#"
for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    [ "$fd" -le 2 ] || eval "exec $fd>&-"
done
renice -n 0 $$ >/dev/null
ip link set lo up && exec "$@""#;

/// Runs `program` in an empty folder, with no input, a fixed environment, and a network of its own: a port that it has closed must not be
/// opened by another program of this machine before it looks at it again.
///
/// # Errors
///
/// See [`Error`].
pub fn run(program: &Path, limit: Duration) -> Result<Run, Error> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new("unshare");
    command.args([
        "--net",
        "bash",
        "-c",
        ENTER,
        "enter",
        "env",
        "-i",
        "--default-signal",
    ]);
    command.args(ENVIRONMENT.map(|(key, value)| format!("{key}={value}")));
    command.arg(program).current_dir(folder.path());
    let (output, status) = bounded::run(&mut command, limit)?;
    // A process ends by a status or by a signal; both fit eight bits.
    let status = match (status.code(), status.signal()) {
        (Some(code), _) => ExitStatus::Exited(code as u8),
        (None, signal) => ExitStatus::Signaled(signal.unwrap_or(0) as u8),
    };
    Ok(Run { output, status })
}
