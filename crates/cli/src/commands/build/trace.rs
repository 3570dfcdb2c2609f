//! `--trace`: the program runs once on this host, and what it opened is found out.
//!
//! Each system call of it, its threads and its children stops (`ptrace(2)`, `PTRACE_SYSCALL`), and those that open, run or look at a file are looked at. Not `strace`,
//! which would have to be installed, and not `fanotify`, which tells of files and not of the paths, with their links, by which they were opened.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    os::unix::{fs::FileExt, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use clap::Args;
use nix::{
    errno::Errno,
    libc,
    sys::{
        ptrace::{self, Options},
        signal::{self, Signal},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::error::{CliError, Outcome};

/// Name of the command that becomes the program.
pub(crate) const COMMAND: &str = "traced";
/// Most files that are remembered.
const MAX_FILES: usize = 100_000;
/// Longest path in bytes (`PATH_MAX`).
const MAX_PATH_BYTES: usize = 4096;
/// Time between SIGTERM and SIGKILL, and between two of the latter.
const GRACE: Duration = Duration::from_millis(500);
/// What is no part of an image: what the kernel makes, what belongs to a run, and lists that every image has of its own.
const LEFT_OUT: [&str; 13] = [
    "/dev",
    "/proc",
    "/run",
    "/sys",
    "/tmp",
    "/var/run",
    "/var/tmp",
    "/etc/group",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/resolv.conf",
];

/// What is run, and for how long.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) limit: Duration,
}

/// Become a program that is traced by whoever started this
#[derive(Debug, Args)]
pub(crate) struct Traced {
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<std::ffi::OsString>,
}

impl Traced {
    /// Asks for a tracer and runs the program, which stops there. A process of its own does it, since between `fork` and `exec` nothing safe could.
    pub(crate) fn run(self) -> Outcome {
        ptrace::traceme().map_err(|error| CliError::new(format!("cannot be traced: {error}")))?;
        let error = match &self.command[..] {
            [program, args @ ..] => Command::new(program).args(args).exec(),
            [] => return Ok(ExitCode::FAILURE),
        };
        Err(CliError::new(error))
    }
}

/// Runs the program and gives the files that it opened to read them, or looked at, without what no image has.
pub(super) fn opened_files(run: &Run) -> Result<BTreeSet<PathBuf>, CliError> {
    let cannot = |error: &dyn std::fmt::Display| {
        CliError::new(format!("cannot trace {}: {error}", run.program.display()))
            .hint("leave out --trace, and name the files that it needs with --add")
    };
    let this = std::env::current_exe().map_err(|error| cannot(&error))?;
    let child = Command::new(this)
        .arg(COMMAND)
        .arg("--")
        .arg(&run.program)
        .args(&run.args)
        .env_clear()
        .envs(run.env.iter().map(|(key, value)| (key, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| cannot(&error))?;
    let main = Pid::from_raw(child.id().cast_signed());
    let tracees = Arc::new(Mutex::new(BTreeSet::from([main])));
    let (done, is_done) = mpsc::channel::<()>();
    let (limit, to_end) = (run.limit, tracees.clone());
    let watch = thread::spawn(move || end_after(limit, &to_end, &is_done));
    let traced = Tracer::new(&tracees).follow(main);
    drop(done);
    // It ends by itself: nothing is sent to it any more.
    let _ = watch.join();
    let files = traced.map_err(|error| cannot(&error))?;
    Ok(files.into_iter().filter(|path| belongs(path)).collect())
}

/// Tells all to end when the time is over, and makes them.
fn end_after(limit: Duration, tracees: &Mutex<BTreeSet<Pid>>, is_done: &mpsc::Receiver<()>) {
    let mut wait = limit;
    let mut with = Signal::SIGTERM;
    while is_done.recv_timeout(wait) == Err(mpsc::RecvTimeoutError::Timeout) {
        for pid in tracees.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // Who has ended in this moment is not there any more; its number is not given away before it was waited for.
            let _ = signal::kill(*pid, with);
        }
        (wait, with) = (GRACE, Signal::SIGKILL);
    }
}

/// Whether a file could be a part of an image.
fn belongs(path: &Path) -> bool {
    !LEFT_OUT.iter().any(|folder| path.starts_with(folder)) && path.is_file()
}

struct Tracer<'a> {
    tracees: &'a Mutex<BTreeSet<Pid>>,
    /// What a thread's system call is about to open.
    pending: BTreeMap<Pid, PathBuf>,
    files: BTreeSet<PathBuf>,
}

impl<'a> Tracer<'a> {
    const fn new(tracees: &'a Mutex<BTreeSet<Pid>>) -> Self {
        Self {
            tracees,
            pending: BTreeMap::new(),
            files: BTreeSet::new(),
        }
    }

    /// Follows the process and all that come from it to their ends.
    fn follow(mut self, main: Pid) -> Result<BTreeSet<PathBuf>, Errno> {
        // The first stop is behind the `exec` of the program.
        match waitpid(main, Some(WaitPidFlag::__WALL))? {
            WaitStatus::Stopped(..) => {}
            _ => return Err(Errno::ENOEXEC),
        }
        let options = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        ptrace::setoptions(main, options)?;
        go_on(main, None)?;
        while !self.lock().is_empty() {
            match waitpid(None, Some(WaitPidFlag::__WALL)) {
                Ok(status) => self.step(status)?,
                Err(Errno::ECHILD) => break,
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.files)
    }

    fn step(&mut self, status: WaitStatus) -> Result<(), Errno> {
        match status {
            WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..) => {
                self.lock().remove(&pid);
                self.pending.remove(&pid);
                Ok(())
            }
            WaitStatus::PtraceSyscall(pid) => {
                self.system_call(pid);
                go_on(pid, None)
            }
            WaitStatus::PtraceEvent(pid, ..) => go_on(pid, None),
            WaitStatus::Stopped(pid, signal) => {
                // A new thread or process begins with a stop that is not its own.
                let is_new = self.lock().insert(pid);
                go_on(pid, (!is_new).then_some(signal))
            }
            _ => Ok(()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<Pid>> {
        self.tracees.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at a thread that stands before or behind a system call. What cannot be read says nothing.
    fn system_call(&mut self, pid: Pid) {
        let (Ok(info), Ok(registers)) = (ptrace::syscall_info(pid), ptrace::getregs(pid)) else {
            return;
        };
        if info.op == libc::PTRACE_SYSCALL_INFO_ENTRY {
            match path_of(pid, &registers) {
                Some(path) => self.pending.insert(pid, path),
                None => self.pending.remove(&pid),
            };
        } else if let Some(path) = self.pending.remove(&pid)
            && registers.rax.cast_signed() >= 0
            && self.files.len() < MAX_FILES
        {
            self.files.insert(path);
        }
    }
}

/// Who ended in this moment need not go on.
fn go_on(pid: Pid, signal: Option<Signal>) -> Result<(), Errno> {
    match ptrace::syscall(pid, signal) {
        Err(Errno::ESRCH) => Ok(()),
        other => other,
    }
}

/// The file that a system call is about to read, run or look at.
fn path_of(pid: Pid, registers: &libc::user_regs_struct) -> Option<PathBuf> {
    let (folder, path, flags) = match registers.orig_rax.cast_signed() {
        libc::SYS_open => (None, registers.rdi, registers.rsi),
        libc::SYS_openat => (Some(registers.rdi), registers.rsi, registers.rdx),
        libc::SYS_openat2 => {
            // The first field of `struct open_how` is the flags.
            let how = memory(pid, registers.rdx, 8)?;
            let flags = u64::from_le_bytes(*how.first_chunk()?);
            (Some(registers.rdi), registers.rsi, flags)
        }
        libc::SYS_execve => (None, registers.rdi, 0),
        libc::SYS_execveat => (Some(registers.rdi), registers.rsi, 0),
        // Python looks whether a source is there and reads what it compiled from it.
        libc::SYS_stat | libc::SYS_lstat | libc::SYS_access => (None, registers.rdi, 0),
        libc::SYS_newfstatat | libc::SYS_statx | libc::SYS_faccessat | libc::SYS_faccessat2 => {
            (Some(registers.rdi), registers.rsi, 0)
        }
        _ => return None,
    };
    // What a program makes or only writes is no part of it.
    let flags = flags as libc::c_int;
    if flags & libc::O_ACCMODE == libc::O_WRONLY || flags & (libc::O_TRUNC | libc::O_DIRECTORY) != 0 {
        return None;
    }
    if flags & libc::O_CREAT != 0 && flags & libc::O_ACCMODE != libc::O_RDONLY {
        return None;
    }
    let bytes = memory(pid, path, MAX_PATH_BYTES)?;
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let path = PathBuf::from(String::from_utf8(bytes[..end].to_vec()).ok()?);
    if path.as_os_str().is_empty() || path.is_absolute() {
        return path.is_absolute().then_some(path);
    }
    let base = match folder {
        Some(number) if number as libc::c_int != libc::AT_FDCWD => format!("fd/{}", number as libc::c_int),
        _ => "cwd".to_owned(),
    };
    Some(fs::read_link(format!("/proc/{pid}/{base}")).ok()?.join(path))
}

/// What is in a tracee's memory from there on, at most so many bytes.
fn memory(pid: Pid, address: u64, most: usize) -> Option<Vec<u8>> {
    let file = File::open(format!("/proc/{pid}/mem")).ok()?;
    let mut bytes = vec![0; most];
    let read = file.read_at(&mut bytes, address).ok()?;
    bytes.truncate(read);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_makes_and_what_an_image_has_is_left_out() {
        assert!(belongs(Path::new("/bin/sh")));
        for path in [
            "/proc/self/status",
            "/etc/passwd",
            "/dev/null",
            "/bin",
            "/no/such",
        ] {
            assert!(!belongs(Path::new(path)), "{path}");
        }
    }
}
