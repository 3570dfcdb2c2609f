//! A child process whose output is collected and which is killed, by its own id, when its time is over.
//!
//! The end of the output is the end of the process: there is nothing to poll.

use std::{
    io::{self, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Why a child gave no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It could not be started.
    #[error("cannot start {program}: {source}; is it installed?")]
    Start {
        /// The program.
        program: String,
        /// What `execve(2)` or `fork(2)` said.
        source: io::Error,
    },
    /// It did not end in time and was killed.
    #[error(
        "no end after {limit:?}; killed. Its output until then:\n{}",
        String::from_utf8_lossy(output)
    )]
    Expired {
        /// The time it had.
        limit: Duration,
        /// What it had written.
        output: Vec<u8>,
    },
    /// Its output or status could not be had.
    #[error("lost the child: {0}")]
    Lost(#[from] io::Error),
}

/// A running child.
#[derive(Debug)]
pub struct Bounded {
    child: Child,
    output: mpsc::Receiver<Vec<u8>>,
}

impl Bounded {
    /// Starts `command` with no input; its output and its errors go into one pipe.
    ///
    /// # Errors
    ///
    /// [`Error::Start`].
    pub fn start(command: &mut Command) -> Result<Self, Error> {
        let (mut reader, writer) = io::pipe()?;
        let errors = writer.try_clone()?;
        let child = command
            .stdin(Stdio::null())
            .stdout(writer)
            .stderr(errors)
            .spawn()
            .map_err(|source| Error::Start {
                program: command.get_program().display().to_string(),
                source,
            })?;
        // The command keeps its ends of the pipe open until they are replaced, and the reader would wait for them.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            // A broken pipe ends the output like its end does; what came until then counts.
            let _ = reader.read_to_end(&mut bytes);
            // Nobody waits any more if the time was over.
            let _ = sender.send(bytes);
        });
        Ok(Self { child, output })
    }

    /// Waits until the child has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Expired`]; the child is dead then.
    pub fn finish(mut self, limit: Duration) -> Result<(Vec<u8>, ExitStatus), Error> {
        match self.output.recv_timeout(limit) {
            Ok(output) => Ok((output, self.child.wait()?)),
            Err(_) => {
                self.child.kill()?;
                self.child.wait()?;
                // A grandchild may hold the pipe open for ever.
                let output = self
                    .output
                    .recv_timeout(Duration::from_secs(1))
                    .unwrap_or_default();
                Err(Error::Expired { limit, output })
            }
        }
    }
}

impl Drop for Bounded {
    fn drop(&mut self) {
        // Both fail where the child has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `command` to its end.
///
/// # Errors
///
/// See [`Error`].
pub fn run(command: &mut Command, limit: Duration) -> Result<(Vec<u8>, ExitStatus), Error> {
    Bounded::start(command)?.finish(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_errors_keep_their_order() {
        let script = "echo one; echo two >&2; echo three; exit 4";
        let (output, status) = run(Command::new("sh").args(["-c", script]), Duration::from_secs(30)).unwrap();
        assert_eq!(String::from_utf8_lossy(&output), "one\ntwo\nthree\n");
        assert_eq!(status.code(), Some(4));
    }

    #[test]
    fn late_children_are_killed_and_what_they_said_is_kept() {
        let mut command = Command::new("sh");
        let error = run(
            command.args(["-c", "echo early; exec sleep 1000"]),
            Duration::from_millis(300),
        )
        .unwrap_err();
        let Error::Expired { output, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(output, b"early\n");
    }

    #[test]
    fn missing_programs_are_named() {
        let error = run(&mut Command::new("/no/such/program"), Duration::from_secs(1)).unwrap_err();
        assert!(error.to_string().contains("/no/such/program"), "{error}");
    }
}
