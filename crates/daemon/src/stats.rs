//! What a running instance uses, from `/proc` (`proc_pid_stat(5)`, `proc_pid_smaps(5)`) and from its console.

use std::{
    collections::HashSet,
    fs, io,
    io::{BufRead, BufReader},
    path::Path,
};

use rustix::param::clock_ticks_per_second;

use crate::process::stat_field;

/// CPU time of a process in microseconds, its own and its guest's (KVM counts that in `utime`).
pub(crate) fn cpu_time_us(pid: u32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let ticks = stat_field(&stat, 14)
        .zip(stat_field(&stat, 15))
        .map(|(user, system)| user + system);
    ticks
        .map(|ticks| ticks * 1_000_000 / clock_ticks_per_second())
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Resident memory of a process and its proportional share, in bytes.
pub(crate) fn memory_bytes(pid: u32) -> io::Result<(u64, u64)> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let field = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim()
            .strip_suffix(" kB")?
            .trim()
            .parse::<u64>()
            .ok()
            .map(|kib| kib * 1024)
    };
    field("Rss:")
        .zip(field("Pss:"))
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// How many different syscalls the library OS said it lacks: its console lines
/// `uigniter: system call NUMBER is not implemented (ENOSYS)`.
pub(crate) fn unimplemented_syscalls(console: &Path) -> io::Result<u32> {
    let mut numbers = HashSet::new();
    for line in BufReader::new(fs::File::open(console)?).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        numbers.extend(missing_syscall(&line));
    }
    Ok(u32::try_from(numbers.len()).unwrap_or(u32::MAX))
}

fn missing_syscall(line: &str) -> Option<u32> {
    let rest = line.trim().strip_prefix("uigniter: system call ")?;
    let (number, rest) = rest.split_once(' ')?;
    rest.starts_with("is not implemented")
        .then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_process_is_measured() {
        let pid = std::process::id();
        let (rss, pss) = memory_bytes(pid).unwrap();
        assert!(rss >= pss && pss > 0);
        assert!(cpu_time_us(pid).unwrap() < 3_600_000_000);
        assert_eq!(cpu_time_us(u32::MAX).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn each_missing_syscall_is_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        let console = folder.path().join("console.log");
        let text = "uigniter: system call 300 is not implemented (ENOSYS)\r\nhello\n\
                    uigniter: system call 301 is not implemented (ENOSYS)\n\
                    uigniter: system call 300 is not implemented (ENOSYS)\nuigniter: system call x\n";
        fs::write(&console, text).unwrap();
        assert_eq!(unimplemented_syscalls(&console).unwrap(), 2);
    }
}
