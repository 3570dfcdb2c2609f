//! `/proc/self`: the process.

use super::{descriptors, magic, tasks};
use crate::{
    errno::{Errno, Result},
    fs::table::{Entry, Kind, Target, text},
    mm,
    process::{PID, io_counters, process},
    sched,
    sync::Lock,
};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::sync::atomic::{AtomicI32, Ordering};
use linux_raw_sys::general as raw;

/// The auxiliary vector, when the loader has told it.
pub(in crate::fs) static AUXV: Lock<Vec<u8>> = Lock::new(Vec::new());

/// What is in `/proc/self`.
pub(super) const ENTRIES: &[Entry] = &[
    text("auxv", |_| AUXV.lock().clone()),
    text("cgroup", |_| b"0::/\n".to_vec()),
    text("cmdline", |_| zero_terminated(&process().arguments.lock())),
    Entry {
        name: "comm",
        permissions: 0o644,
        kind: Kind::Setting(
            |_| format!("{}\n", tasks::name(PID as u64)).into_bytes(),
            |_, name| tasks::set_name(PID as u64, name),
        ),
    },
    Entry {
        name: "coredump_filter",
        permissions: 0o644,
        kind: Kind::Setting(|_| b"00000033\n".to_vec(), |_, _| Ok(())),
    },
    magic("cwd", |_| {
        Ok(Target::Path(crate::fs::absolute(&crate::fs::cwd()?)?))
    }),
    text("environ", |_| zero_terminated(&process().environment.lock())),
    magic("exe", executable),
    Entry {
        name: "fd",
        permissions: 0o500,
        kind: Kind::Computed(&descriptors::Links),
    },
    Entry {
        name: "fdinfo",
        permissions: 0o555,
        kind: Kind::Computed(&descriptors::Infos),
    },
    text("io", io),
    text("limits", limits),
    text("maps", |_| mm::maps_text().into_bytes()),
    text("mountinfo", mountinfo),
    text("mounts", mounts),
    Entry {
        name: "oom_adj",
        permissions: 0o644,
        kind: Kind::Setting(|_| b"0\n".to_vec(), |_, _| Ok(())),
    },
    text("oom_score", |_| b"0\n".to_vec()),
    Entry {
        name: "oom_score_adj",
        permissions: 0o644,
        kind: Kind::Setting(
            |_| format!("{}\n", OOM_SCORE_ADJUSTMENT.load(Ordering::Relaxed)).into_bytes(),
            adjust_oom_score,
        ),
    },
    text("personality", |_| {
        format!("{:08x}\n", process().personality.load(Ordering::Relaxed)).into_bytes()
    }),
    magic("root", |_| Ok(Target::Path("/".to_string()))),
    text("schedstat", |_| tasks::schedstat(PID as u64)),
    text("smaps", |_| mm::smaps_text().into_bytes()),
    text("smaps_rollup", |_| mm::smaps_rollup_text().into_bytes()),
    text("stat", |_| tasks::stat(PID as u64)),
    text("statm", statm),
    text("status", |_| tasks::status(PID as u64)),
    Entry {
        name: "task",
        permissions: 0o555,
        kind: Kind::Computed(&tasks::Tasks),
    },
    text("wchan", |_| b"0".to_vec()),
];

/// What the program wants to be killed by when memory is out; kept, as nobody else could be killed.
static OOM_SCORE_ADJUSTMENT: AtomicI32 = AtomicI32::new(0);

fn adjust_oom_score(_: u64, written: &[u8]) -> Result<()> {
    let value: i32 = core::str::from_utf8(written)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .ok_or(Errno::EINVAL)?;
    if !(-1000..=1000).contains(&value) {
        return Err(Errno::EINVAL);
    }
    OOM_SCORE_ADJUSTMENT.store(value, Ordering::Relaxed);
    Ok(())
}

fn zero_terminated(strings: &[String]) -> Vec<u8> {
    strings
        .iter()
        .flat_map(|string| string.bytes().chain([0]))
        .collect()
}

fn executable(_: u64) -> Result<Target> {
    let path = process().executable.lock().clone();
    if path.is_empty() {
        Err(Errno::ENOENT)
    } else {
        Ok(Target::Path(path))
    }
}

/// Sizes in pages: total, resident, shared, text, unused, data, unused.
fn statm(_: u64) -> Vec<u8> {
    let usage = mm::usage();
    let pages = |bytes: u64| bytes / mm::PAGE_SIZE as u64;
    format!(
        "{} {} 0 0 0 {} 0\n",
        pages(usage.mapped),
        pages(usage.resident),
        pages(usage.mapped)
    )
    .into_bytes()
}

/// Where file systems are mounted, in that order; volumes come after them.
const MOUNTS: [&str; 4] = ["/", "/dev", "/proc", "/sys"];

/// Path, type, device number and access of what is mounted.
fn mounted() -> Vec<(String, &'static str, u64, &'static str)> {
    let row = |path: String| {
        let node = crate::fs::at_root(&path).and_then(|at| at.find(true)?.node());
        let fs = node.ok()?.fs.clone();
        let access = if fs.may_change().is_ok() { "rw" } else { "ro" };
        Some((path, fs.name, fs.dev, access))
    };
    let paths = MOUNTS
        .iter()
        .map(|path| String::from(*path))
        .chain(crate::fs::mounts());
    paths.filter_map(row).collect()
}

fn mounts(_: u64) -> Vec<u8> {
    mounted()
        .into_iter()
        .map(|(path, name, _, access)| format!("{name} {path} {name} {access},noatime 0 0\n"))
        .collect::<String>()
        .into_bytes()
}

fn mountinfo(_: u64) -> Vec<u8> {
    let mounts = mounted();
    let root = mounts.first().map_or(0, |mount| mount.2);
    // Each file system is mounted once: its number is the mount's, as in statx(2).
    let line = |(path, name, dev, access): &(String, &str, u64, &str)| {
        let parent = if path == "/" { 0 } else { root };
        format!("{dev} {parent} 0:{dev} / {path} {access},noatime - {name} {name} {access}\n")
    };
    mounts.iter().map(line).collect::<String>().into_bytes()
}

/// Rows of `limits` in the kernel's order.
const LIMITS: [(&str, u32, &str); 16] = [
    ("Max cpu time", raw::RLIMIT_CPU, "seconds"),
    ("Max file size", raw::RLIMIT_FSIZE, "bytes"),
    ("Max data size", raw::RLIMIT_DATA, "bytes"),
    ("Max stack size", raw::RLIMIT_STACK, "bytes"),
    ("Max core file size", raw::RLIMIT_CORE, "bytes"),
    ("Max resident set", raw::RLIMIT_RSS, "bytes"),
    ("Max processes", raw::RLIMIT_NPROC, "processes"),
    ("Max open files", raw::RLIMIT_NOFILE, "files"),
    ("Max locked memory", raw::RLIMIT_MEMLOCK, "bytes"),
    ("Max address space", raw::RLIMIT_AS, "bytes"),
    ("Max file locks", raw::RLIMIT_LOCKS, "locks"),
    ("Max pending signals", raw::RLIMIT_SIGPENDING, "signals"),
    ("Max msgqueue size", raw::RLIMIT_MSGQUEUE, "bytes"),
    ("Max nice priority", raw::RLIMIT_NICE, ""),
    ("Max realtime priority", raw::RLIMIT_RTPRIO, ""),
    ("Max realtime timeout", raw::RLIMIT_RTTIME, "us"),
];

fn limits(_: u64) -> Vec<u8> {
    let limits = *process().limits.lock();
    let value = |value: u64| {
        if value == u64::MAX {
            "unlimited".to_string()
        } else {
            value.to_string()
        }
    };
    let mut text = format!(
        "{:<25} {:<20} {:<20} {:<10}\n",
        "Limit", "Soft Limit", "Hard Limit", "Units"
    );
    for (name, resource, unit) in LIMITS {
        let limit = limits[resource as usize];
        text.push_str(&format!(
            "{name:<25} {:<20} {:<20} {unit:<10}\n",
            value(limit.rlim_cur),
            value(limit.rlim_max)
        ));
    }
    text.into_bytes()
}

/// What was read and written; nothing of it goes to a disk that could be counted.
fn io(_: u64) -> Vec<u8> {
    let [rchar, wchar, syscr, syscw] = io_counters();
    format!(
        "rchar: {rchar}\nwchar: {wchar}\nsyscr: {syscr}\nsyscw: {syscw}\nread_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n"
    )
    .into_bytes()
}

/// Threads that have not ended.
pub(super) fn thread_count() -> usize {
    sched::threads().len()
}
