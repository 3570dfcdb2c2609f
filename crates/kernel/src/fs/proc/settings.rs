//! `/proc/sys`: settings that programs look up before they decide something.

use crate::{
    entropy,
    fs::{
        MAX_EVENTS, MAX_WATCHES,
        table::{Entry, directory, text},
    },
    mm::vma::MAX_AREAS,
    process::process,
    sync::Lock,
};
use alloc::{format, vec::Vec};

/// The kernel version that we pass for; `uname(2)` says the same, which a test sees to.
pub(super) const RELEASE: &str = "6.1.0-uigniter";

macro_rules! fixed {
    ($name:literal, $value:literal) => {
        text($name, |_| concat!($value, "\n").as_bytes().to_vec())
    };
}

const RANDOM: &[Entry] = &[
    text("boot_id", boot_id),
    fixed!("entropy_avail", "256"),
    fixed!("poolsize", "256"),
    text("uuid", |_| uuid()),
];

const KERNEL: &[Entry] = &[
    fixed!("cap_last_cap", "40"),
    fixed!("core_pattern", "core"),
    text("domainname", |_| format!("{}\n", process().domain()).into_bytes()),
    // No System V IPC: the limits are those of a kernel that has it.
    fixed!("msgmax", "8192"),
    text("hostname", |_| {
        format!("{}\n", process().hostname.lock().as_str()).into_bytes()
    }),
    fixed!("ngroups_max", "65536"),
    fixed!("numa_balancing", "0"),
    text("osrelease", |_| format!("{RELEASE}\n").into_bytes()),
    fixed!("ostype", "Linux"),
    fixed!("overflowgid", "65534"),
    fixed!("overflowuid", "65534"),
    fixed!("perf_event_paranoid", "4"),
    fixed!("pid_max", "4194304"),
    directory("random", RANDOM),
    fixed!("randomize_va_space", "0"),
    fixed!("sem", "32000\t1024000000\t500\t32000"),
    fixed!("shmall", "18446744073692774399"),
    fixed!("shmmax", "18446744073692774399"),
    fixed!("shmmni", "4096"),
    fixed!("tainted", "0"),
    fixed!("threads-max", "65536"),
    fixed!("version", "#1 uigniter"),
];

const VM: &[Entry] = &[
    text("max_map_count", |_| format!("{MAX_AREAS}\n").into_bytes()),
    fixed!("min_free_kbytes", "0"),
    fixed!("mmap_min_addr", "65536"),
    fixed!("nr_hugepages", "0"),
    // Memory is never accounted for before it is touched.
    fixed!("overcommit_memory", "1"),
    fixed!("overcommit_ratio", "50"),
    fixed!("swappiness", "0"),
];

const NET: &[Entry] = &[
    directory(
        "core",
        &[
            fixed!("rmem_default", "212992"),
            fixed!("rmem_max", "212992"),
            fixed!("somaxconn", "4096"),
            fixed!("wmem_default", "212992"),
            fixed!("wmem_max", "212992"),
        ],
    ),
    directory(
        "ipv4",
        &[
            fixed!("ip_local_port_range", "32768\t60999"),
            fixed!("ip_unprivileged_port_start", "1024"),
            fixed!("tcp_fin_timeout", "60"),
            fixed!("tcp_keepalive_time", "7200"),
            fixed!("tcp_max_syn_backlog", "4096"),
            fixed!("tcp_rmem", "4096\t131072\t6291456"),
            fixed!("tcp_wmem", "4096\t16384\t4194304"),
        ],
    ),
];

const INOTIFY: &[Entry] = &[
    text("max_queued_events", |_| format!("{MAX_EVENTS}\n").into_bytes()),
    fixed!("max_user_instances", "1048576"),
    text("max_user_watches", |_| format!("{MAX_WATCHES}\n").into_bytes()),
];

const FS: &[Entry] = &[
    fixed!("aio-max-nr", "0"),
    directory("epoll", &[fixed!("max_user_watches", "1048576")]),
    fixed!("file-max", "1048576"),
    text("file-nr", |_| {
        format!("{}\t0\t1048576\n", process().files.lock().iter().count()).into_bytes()
    }),
    directory("inotify", INOTIFY),
    fixed!("nr_open", "1048576"),
    fixed!("pipe-max-size", "1048576"),
    fixed!("pipe-user-pages-hard", "0"),
    fixed!("pipe-user-pages-soft", "16384"),
];

/// What is in `/proc/sys`.
pub(super) const ENTRIES: &[Entry] = &[
    directory("fs", FS),
    directory("kernel", KERNEL),
    directory("net", NET),
    directory("vm", VM),
];

/// A random UUID (version 4, RFC 9562 section 5.4) and a newline.
fn uuid() -> Vec<u8> {
    let mut b = [0; 16];
    entropy::fill(&mut b);
    b[6] = b[6] & 0x0f | 0x40;
    b[8] = b[8] & 0x3f | 0x80;
    let number = u128::from_be_bytes(b);
    let part = |shift: u32, digits: u32| (number >> shift) & ((1 << (digits * 4)) - 1);
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}\n",
        part(96, 8),
        part(80, 4),
        part(64, 4),
        part(48, 4),
        part(0, 12)
    )
    .into_bytes()
}

fn boot_id(_: u64) -> Vec<u8> {
    static BOOT_ID: Lock<Vec<u8>> = Lock::new(Vec::new());
    let known = BOOT_ID.lock().clone();
    if !known.is_empty() {
        return known;
    }
    // The lock is free here: the first random bytes may have to be waited for.
    let fresh = uuid();
    let mut id = BOOT_ID.lock();
    if id.is_empty() {
        *id = fresh;
    }
    id.clone()
}
