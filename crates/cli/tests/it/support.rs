//! The binary under test, a daemon of it per test, and programs for guests.

use std::{
    ffi::OsStr,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The static web server that the demo carries; it prints `listening on` and serves port 80.
pub(crate) const SERVER: &str = env!("UIGNITER_DEMO_SERVER");

/// The binary, with none of the caller's settings.
pub(crate) fn uigniter() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_uigniter"));
    for variable in ["UIGNITER_SOCKET", "UIGNITER_STATE_DIR", "UIGNITER_LOG"] {
        command.env_remove(variable);
    }
    command.stdin(Stdio::null());
    command
}

/// What a finished command said, as text.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().expect("the command was ended by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Said {
    /// stdout of a command that went well.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.status, 0, "{self:?}");
        self.stdout
    }

    /// stdout of a program that ended with `status`.
    pub(crate) fn ok_with(self, status: i32) -> String {
        assert_eq!(self.status, status, "{self:?}");
        self.stdout
    }

    /// stdout of a command that went well, as JSON.
    pub(crate) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// Checks a failure: this status, one `error:` line that names `thing`, and one `hint:` line.
    pub(crate) fn fails(self, status: i32, thing: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let lines: Vec<&str> = self
            .stderr
            .lines()
            .filter(|line| !line.starts_with("uigniter: "))
            .collect();
        assert!(
            lines[0].starts_with("error: ") && lines[0].contains(thing),
            "{self:?}"
        );
        assert!(
            lines.len() == 1 || (lines.len() == 2 && lines[1].starts_with("hint: ")),
            "{self:?}"
        );
    }
}

impl Said {
    /// Checks that the command line itself was refused, and that the refusal names `thing`.
    pub(crate) fn fails_parsing(self, thing: &str) {
        assert_eq!(self.status, 2, "{self:?}");
        assert!(self.stderr.contains(thing), "{self:?}");
    }
}

/// Runs the binary without any daemon being named.
pub(crate) fn alone<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Said {
    uigniter().args(args).output().unwrap().into()
}

/// The binary where it has to start a private daemon, which keeps its files in `temporary`.
pub(crate) fn private(temporary: &Path) -> Command {
    let host = std::os::unix::net::UnixStream::connect("/run/uigniter/uigniter.sock");
    assert!(
        host.is_err(),
        "a daemon of the host's answers; stop it, so that private ones can be tested"
    );
    let mut command = uigniter();
    command.env("TMPDIR", temporary);
    command
}

/// A daemon with state, socket and network of its own. Everything is gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Daemon {
    process: Child,
    pub(crate) dir: TempDir,
    network: String,
    pub(crate) first_line: String,
    // Kept open, so that the daemon can go on writing.
    _stdout: BufReader<ChildStdout>,
}

static DAEMONS: AtomicU32 = AtomicU32::new(0);

impl Daemon {
    pub(crate) fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("uigniter-it-").tempdir().unwrap();
        let number = DAEMONS.fetch_add(1, Ordering::Relaxed);
        let network = format!("uigniter-it-{}-{number}", std::process::id());
        let (process, first_line, stdout) = spawn(dir.path(), &network);
        Self {
            process,
            dir,
            network,
            first_line,
            _stdout: stdout,
        }
    }

    /// One that says much, to `daemon.log` in its folder.
    pub(crate) fn start_logging(level: &str) -> Self {
        let mut daemon = Self::start();
        daemon.stop();
        let log = std::fs::File::create(daemon.dir.path().join("daemon.log")).unwrap();
        let mut command = command(daemon.dir.path(), &daemon.network, level);
        command.stderr(log);
        (daemon.process, daemon.first_line, daemon._stdout) = listening(command);
        daemon
    }

    /// One more daemon on the same state, socket and network, not started yet.
    pub(crate) fn command(&self) -> Command {
        command(self.dir.path(), &self.network, "warn")
    }

    /// Kills the daemon as the OOM killer would, and starts another in its place.
    pub(crate) fn crash_and_restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        (self.process, self.first_line, self._stdout) = spawn(self.dir.path(), &self.network);
    }

    /// A command that asks this daemon.
    pub(crate) fn command_with<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = uigniter();
        command
            .env("UIGNITER_SOCKET", self.dir.path().join("api.sock"))
            .args(args);
        command
    }

    /// Runs it.
    pub(crate) fn ask<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Said {
        self.command_with(args).output().unwrap().into()
    }

    /// Starts `program` with `args` as the instance `name` and waits until it has said `ready`.
    pub(crate) fn start_instance(&self, name: &str, program: &Path, args: &[&str]) {
        let program = program.to_str().unwrap();
        let run = ["run", "-d", "--name", name, program];
        self.ask(run.iter().chain(args)).ok();
        self.wait_for(name, "ready");
    }

    /// Waits until an instance has said a word.
    pub(crate) fn wait_for(&self, name: &str, word: &str) {
        let mut logs = self
            .command_with(["logs", "-f", name])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let found = BufReader::new(logs.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .any(|l| l.contains(word));
        logs.kill().unwrap();
        logs.wait().unwrap();
        assert!(
            found,
            "{name} ended before it said {word}: {:?}",
            self.ask(["logs", name])
        );
    }

    /// Ends it as a service manager does.
    pub(crate) fn stop(&mut self) -> std::process::ExitStatus {
        signal(&self.process, Signal::TERM);
        self.process.wait().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

fn command(dir: &Path, network: &str, log: &str) -> Command {
    let mut command = uigniter();
    command
        .args([
            "daemon",
            "--listen",
            "127.0.0.1:0",
            "--pool-size",
            "1",
            "--log",
            log,
            "--private",
        ])
        .args(["--network", network])
        .arg("--socket")
        .arg(dir.join("api.sock"))
        .arg("--state-dir")
        .arg(dir.join("state"));
    command
}

/// Starts a daemon and waits for the line that says that it listens.
fn spawn(dir: &Path, network: &str) -> (Child, String, BufReader<ChildStdout>) {
    listening(command(dir, network, "warn"))
}

fn listening(mut command: Command) -> (Child, String, BufReader<ChildStdout>) {
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(
        line.starts_with("listening on"),
        "the daemon ended: {:?}",
        process.wait()
    );
    (process, line, stdout)
}

/// Sends a signal to a process that we started and have not waited for.
pub(crate) fn signal(process: &Child, signal: Signal) {
    kill_process(Pid::from_raw(process.id().try_into().unwrap()).unwrap(), signal).unwrap();
}

/// Reads a process's stdout until a line has `word`; gives the rest of the reader.
pub(crate) fn until(process: &mut Child, word: &str) -> BufReader<ChildStdout> {
    let mut reader = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains(word) {
        line.clear();
        if reader.read_line(&mut line).unwrap() == 0 {
            let mut error = String::new();
            if let Some(mut stderr) = process.stderr.take() {
                stderr.read_to_string(&mut error).unwrap();
            }
            panic!("the process ended before it said '{word}': {error}");
        }
    }
    reader
}

/// Prints its arguments and `$GREETING`, then ends with the status that its first argument says.
pub(crate) static SAYS: LazyLock<PathBuf> = LazyLock::new(|| {
    compile(
        "says",
        r#"
        #include <stdio.h>
        #include <stdlib.h>
        int main(int argc, char **argv) {
            for (int i = 1; i < argc; i++) printf("argument %d is <%s>\n", i, argv[i]);
            const char *greeting = getenv("GREETING");
            if (greeting) printf("greeting is <%s>\n", greeting);
            return argc > 1 ? atoi(argv[1]) : 0;
        }"#,
    )
});

/// Says `ready` and sleeps until SIGTERM; then ends with status 7, or never if it was given an argument.
pub(crate) static SLEEPS: LazyLock<PathBuf> = LazyLock::new(|| {
    compile(
        "sleeps",
        r#"
        #include <signal.h>
        #include <unistd.h>
        static int stubborn;
        static void end(int number) { if (!stubborn) _exit(7); }
        int main(int argc, char **argv) {
            stubborn = argc > 1;
            signal(SIGTERM, end);
            write(1, "ready\n", 6);
            for (;;) pause();
        }"#,
    )
});

/// Reads its input to the end and says its length and the sum of its bytes; with an argument it does not block in `read` but in `epoll_wait`.
/// Says `ready` first, and after the end looks whether that stays.
pub(crate) static HEARS: LazyLock<PathBuf> = LazyLock::new(|| {
    compile(
        "hears",
        r#"
        #include <errno.h>
        #include <fcntl.h>
        #include <stdio.h>
        #include <sys/epoll.h>
        #include <unistd.h>
        int main(int argc, char **argv) {
            static unsigned char buffer[5000];
            unsigned long length = 0, sum = 0;
            struct epoll_event event = { .events = EPOLLIN | EPOLLET };
            int events = epoll_create1(0);
            if (argc > 1) {
                fcntl(0, F_SETFL, O_NONBLOCK);
                if (epoll_ctl(events, EPOLL_CTL_ADD, 0, &event)) return perror("epoll_ctl"), 1;
            }
            write(1, "ready\n", 6);
            for (;;) {
                long count = read(0, buffer, sizeof buffer);
                if (count == 0) break;
                if (count < 0 && errno != EAGAIN) return perror("read"), 1;
                for (long i = 0; i < count; i++) sum += buffer[i];
                if (count > 0) length += count;
                // After a short read an edge tells of more, epoll(7).
                if (argc > 1 && count < (long)sizeof buffer && epoll_wait(events, &event, 1, -1) != 1) return 2;
            }
            printf("%lu bytes, sum %lu, then %zd\n", length, sum, read(0, buffer, 1));
            return 0;
        }"#,
    )
});

/// Compiled programs go where cargo lets tests put things.
static PROGRAMS: LazyLock<PathBuf> = LazyLock::new(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));

fn compile(name: &str, source: &str) -> PathBuf {
    compile_with(name, &["-static", "-O1"], source)
}

/// Compiles with the flags given.
pub(crate) fn compile_with(name: &str, flags: &[&str], source: &str) -> PathBuf {
    let file = PROGRAMS.join(format!("{name}.c"));
    std::fs::write(&file, source).unwrap();
    let program = PROGRAMS.join(name);
    let status = Command::new("cc")
        .args(flags)
        .arg("-o")
        .arg(&program)
        .arg(&file)
        .status();
    assert!(status.expect("these tests need a C compiler, cc").success());
    program
}
