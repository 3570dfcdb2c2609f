//! What the kernel counts: processes, descriptors, network devices, memory, CPU time.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    // This package is `crates/xtask`, wherever the checkout is.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// `MemAvailable` in bytes, `proc_meminfo(5)`.
pub(crate) fn mem_available() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib: u64 = line
        .and_then(|rest| rest.split_whitespace().next())
        .context("no MemAvailable")?
        .parse()?;
    Ok(kib << 10)
}

/// Processes whose command line has `word` as one of its arguments' parts.
pub(crate) fn processes_with(word: &str) -> Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may end between the two looks.
        let Ok(line) = fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        if pid != std::process::id() && String::from_utf8_lossy(&line).contains(word) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// CPU time of all threads of a process, from the scheduler's nanosecond count (`/proc/PID/task/*/schedstat`).
pub(crate) fn cpu_time(pid: u32) -> Result<Duration> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let task = task?.path();
        let text = match fs::read_to_string(task.join("schedstat")) {
            Ok(text) => text,
            // A thread may end between the two looks.
            Err(_) if !task.exists() => continue,
            Err(error) => return Err(error.into()),
        };
        sum += text
            .split_whitespace()
            .next()
            .context("empty schedstat")?
            .parse::<u64>()?;
    }
    Ok(Duration::from_nanos(sum))
}

/// `utime` and `stime` of a process in clock ticks, `proc_pid_stat(5)` fields 14 and 15.
pub(crate) fn cpu_ticks(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field, the name, may hold blanks and parentheses.
    let rest = text.rsplit_once(')').context("stat without a name")?.1;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let tick = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    tick(11)
        .zip(tick(12))
        .map(|(user, system)| user + system)
        .context("stat without times")
}

/// Smaller ranges are not looked at.
const GUEST_MEMORY_MIN_KIB: u64 = 64 << 10;

/// The start of guest memory is a mapping of its own, which the VMM fills before the guest runs; it is not counted.
const FILLED_KIB: u64 = 8 << 10;

/// Resident bytes of a VMM's guest memory: of its large ranges the one with most in it, as its window for images is large, too. A range is
/// mappings with the same rights that touch each other, as advice about huge pages cuts memory into several. `proc_pid_smaps(5)`.
pub(crate) fn guest_memory_resident(pid: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps"))?;
    let kib = |line: &str| {
        line.split_whitespace()
            .nth(1)
            .and_then(|number| number.parse::<u64>().ok())
            .unwrap_or(0)
    };
    let (mut most, mut size, mut range_size, mut range_resident) = (0, 0, 0, 0);
    let (mut end, mut rights) = ("", "");
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if let (Some((start, stop)), Some(mode)) =
            (words.next().and_then(|word| word.split_once('-')), words.next())
        {
            if start != end || mode != rights {
                (range_size, range_resident) = (0, 0);
            }
            (end, rights) = (stop, mode);
        } else if line.starts_with("Size:") {
            size = kib(line);
            range_size += size;
        } else if line.starts_with("Rss:") {
            let filled = rights.starts_with("rw") && range_size == size && size <= FILLED_KIB;
            range_resident += if filled { 0 } else { kib(line) };
            if range_size >= GUEST_MEMORY_MIN_KIB {
                most = most.max(range_resident);
            }
        }
    }
    Ok(most << 10)
}

/// How many files, folders and sockets are below `dir`.
pub(crate) fn files_below(dir: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let entry = entry?;
        count += 1;
        if entry.file_type()?.is_dir() {
            count += files_below(&entry.path())?;
        }
    }
    Ok(count)
}

/// How many descriptors, and how many of them sockets, a process has open.
pub(crate) fn descriptors(pid: u32) -> Result<(usize, usize)> {
    let mut counts = (0, 0);
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let Ok(target) = fs::read_link(entry?.path()) else {
            continue;
        };
        counts.0 += 1;
        counts.1 += usize::from(target.to_string_lossy().starts_with("socket:"));
    }
    Ok(counts)
}

/// Names of the network devices in the calling thread's namespace.
pub(crate) fn network_devices() -> Result<Vec<String>> {
    let text = fs::read_to_string("/proc/thread-self/net/dev")?;
    Ok(text
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()))
        .collect())
}

/// Enters the named network namespace with the calling thread, for good.
pub(crate) fn enter_network(name: &str) -> Result<()> {
    let path = Path::new("/run/netns").join(name);
    let file = fs::File::open(&path).with_context(|| path.display().to_string())?;
    rustix::thread::move_into_link_name_space(
        std::os::fd::AsFd::as_fd(&file),
        Some(rustix::thread::LinkNameSpaceType::Network),
    )
    .with_context(|| format!("entering {}", path.display()))
}

/// Keeps the calling thread, and all that it starts from now on, on the last core that it may use: what is measured in turn is then measured in one place.
pub(crate) fn stay_on_one_core() -> Result<()> {
    let allowed = rustix::thread::sched_getaffinity(None)?;
    let last = (0..rustix::thread::CpuSet::MAX_CPU)
        .rev()
        .find(|&cpu| allowed.is_set(cpu));
    let mut one = rustix::thread::CpuSet::new();
    one.set(last.context("no core may be used")?);
    Ok(rustix::thread::sched_setaffinity(None, &one)?)
}

/// Does `work` in a thread inside the named network namespace, with a tokio runtime of its own.
pub(crate) fn inside_network<T: Send>(name: &str, work: impl AsyncFnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            enter_network(name)?;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(work())
        });
        thread
            .join()
            .map_err(|_| anyhow::anyhow!("the measuring thread panicked"))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_counted() {
        let me = std::process::id();
        assert!(cpu_time(me).unwrap() > Duration::ZERO);
        cpu_ticks(me).unwrap();
        // Far more than the allocator has touched of what it reserves for other threads.
        let mut memory: Vec<u8> = Vec::with_capacity(1 << 30);
        memory.resize(256 << 20, 1);
        let resident = guest_memory_resident(me).unwrap();
        assert!((256 << 20..512 << 20).contains(&resident), "{resident}");
        drop(memory);
        assert!(descriptors(me).unwrap().0 >= 3);
        assert!(network_devices().unwrap().contains(&"lo".to_owned()));
        assert!(mem_available().unwrap() > 0);
    }

    #[test]
    fn files_are_counted_with_folders() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("a")).unwrap();
        fs::write(dir.path().join("a/b"), "").unwrap();
        assert_eq!(files_below(dir.path()).unwrap(), 2);
    }
}
