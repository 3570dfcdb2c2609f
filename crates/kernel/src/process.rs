//! The one process: descriptors, working directory, limits, identity.

use crate::{
    errno::{Errno, Result},
    file::{Descriptor, FdTable, File, OpenFile},
    sync::Lock,
};
use alloc::{string::String, sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use linux_raw_sys::general as raw;

pub mod credentials;

/// The process number; there is no other.
pub const PID: i32 = 1;

/// True for the number of the process, or of one of its threads, which stands for it in `kill(2)` and its kind.
#[must_use]
pub fn is_ours(number: i32) -> bool {
    number == PID || number > 0 && crate::sched::find(number).is_some()
}

/// Process-wide state that is not memory, threads or signals.
#[derive(Debug)]
pub struct Process {
    /// Open descriptors.
    pub files: Lock<FdTable>,
    /// Absolute path of the working directory.
    pub cwd: Lock<String>,
    /// `umask(2)`.
    pub umask: Lock<u32>,
    /// `getrlimit(2)`, by resource number.
    pub limits: Lock<[raw::rlimit64; raw::RLIM_NLIMITS as usize]>,
    /// Absolute path of the program.
    pub executable: Lock<String>,
    /// Argument vector.
    pub arguments: Lock<Vec<String>>,
    /// Environment as `K=V`.
    pub environment: Lock<Vec<String>>,
    /// Host name (`uname(2)`).
    pub hostname: Lock<String>,
    /// NIS domain name, if it was set.
    pub domainname: Lock<Option<String>>,
    /// `personality(2)`.
    pub personality: AtomicU32,
}

impl Process {
    /// The NIS domain name, as it is shown.
    #[must_use]
    pub fn domain(&self) -> String {
        self.domainname.lock().clone().unwrap_or_else(|| "(none)".into())
    }
}

const UNLIMITED: raw::rlimit64 = raw::rlimit64 {
    rlim_cur: u64::MAX,
    rlim_max: u64::MAX,
};

static PROCESS: Process = Process {
    files: Lock::new(FdTable::new()),
    cwd: Lock::new(String::new()),
    umask: Lock::new(0o022),
    limits: Lock::new({
        let mut limits = [UNLIMITED; raw::RLIM_NLIMITS as usize];
        limits[raw::RLIMIT_NOFILE as usize] = raw::rlimit64 {
            rlim_cur: 1024,
            rlim_max: 1 << 20,
        };
        limits[raw::RLIMIT_STACK as usize] = raw::rlimit64 {
            rlim_cur: 8 << 20,
            rlim_max: u64::MAX,
        };
        limits[raw::RLIMIT_MSGQUEUE as usize] = raw::rlimit64 {
            rlim_cur: 819_200,
            rlim_max: 819_200,
        };
        limits[raw::RLIMIT_CORE as usize] = raw::rlimit64 {
            rlim_cur: 0,
            rlim_max: u64::MAX,
        };
        limits
    }),
    executable: Lock::new(String::new()),
    arguments: Lock::new(Vec::new()),
    environment: Lock::new(Vec::new()),
    hostname: Lock::new(String::new()),
    domainname: Lock::new(None),
    personality: AtomicU32::new(0),
};

/// The process.
pub fn process() -> &'static Process {
    &PROCESS
}

/// What `/proc/self/io` counts: bytes read and written, calls to read and to write (`proc_pid_io(5)`).
static IO: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

/// Bytes read and written, calls to read and to write.
pub fn io_counters() -> [u64; 4] {
    [0, 1, 2, 3].map(|index| IO[index].load(Ordering::Relaxed))
}

fn count(what: usize, moved: Result<usize>) -> Result<usize> {
    // Not `fetch_add`: the kernel is not preempted, so that loads and stores count as exactly, without a locked instruction in each read and write.
    let add = |counter: &AtomicU64, more: u64| {
        counter.store(
            counter.load(Ordering::Relaxed).wrapping_add(more),
            Ordering::Relaxed,
        );
    };
    add(&IO[what + 2], 1);
    add(&IO[what], moved.map_or(0, |bytes| bytes as u64));
    moved
}

/// Counts a call of the `read(2)` family, which gave this.
///
/// # Errors
///
/// The call's.
pub fn has_read(moved: Result<usize>) -> Result<usize> {
    count(0, moved)
}

/// Counts a call of the `write(2)` family, which gave this.
///
/// # Errors
///
/// The call's.
pub fn has_written(moved: Result<usize>) -> Result<usize> {
    count(1, moved)
}

/// The open file description behind a descriptor.
///
/// # Errors
///
/// `EBADF`.
pub fn open_file(fd: i32) -> Result<Arc<OpenFile>> {
    Ok(PROCESS.files.lock().get(fd)?.open.clone())
}

/// Opens a descriptor for a new file; `flags` as for `open(2)`, `O_CLOEXEC` included.
///
/// # Errors
///
/// `EMFILE` at the limit.
pub fn install(file: Arc<dyn File>, flags: u32) -> Result<i32> {
    install_open(OpenFile::new(file, flags), flags & raw::O_CLOEXEC != 0, 0)
}

/// Opens the lowest free descriptor from `from` on for an open file description.
///
/// # Errors
///
/// `EMFILE` at the limit.
pub fn install_open(open: Arc<OpenFile>, cloexec: bool, from: usize) -> Result<i32> {
    let limit = PROCESS.limits.lock()[raw::RLIMIT_NOFILE as usize].rlim_cur;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // A clone: where there is no room the file is released, which must find the table unlocked.
    PROCESS.files.lock().insert(open.clone(), cloexec, from, limit)
}

/// Closes a descriptor.
///
/// # Errors
///
/// `EBADF`.
pub fn close(fd: i32) -> Result<()> {
    // In two steps: releasing a file may wake others, which must find the table unlocked.
    let closed: Descriptor = PROCESS.files.lock().remove(fd)?;
    closed.open.file.descriptor_closed();
    drop(closed);
    Ok(())
}

/// The file behind a descriptor if it is of the kind `T`, else `otherwise`.
///
/// # Errors
///
/// `EBADF`, or `otherwise`.
pub fn with_file<T: File, R>(
    fd: i32,
    otherwise: Errno,
    f: impl FnOnce(&T, &OpenFile) -> Result<R>,
) -> Result<R> {
    let open = open_file(fd)?;
    let file = open.file.as_any().downcast_ref::<T>().ok_or(otherwise)?;
    f(file, &open)
}
