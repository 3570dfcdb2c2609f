//! `/sys`: the few files that runtimes read (`sysfs(5)`).

use super::table::{Entry, directory, text};
use crate::mm;
use alloc::{format, string::String, vec::Vec};

/// The one processor: thread, core and package of their own.
const TOPOLOGY: &[Entry] = &[
    text("core_id", |_| b"0\n".to_vec()),
    text("core_siblings", |_| b"1\n".to_vec()),
    text("core_siblings_list", |_| b"0\n".to_vec()),
    text("physical_package_id", |_| b"0\n".to_vec()),
    text("thread_siblings", |_| b"1\n".to_vec()),
    text("thread_siblings_list", |_| b"0\n".to_vec()),
];

const CPU: &[Entry] = &[
    text("online", |_| b"0\n".to_vec()),
    text("possible", |_| b"0\n".to_vec()),
    text("present", |_| b"0\n".to_vec()),
    text("offline", |_| b"\n".to_vec()),
    text("kernel_max", |_| b"0\n".to_vec()),
    directory("cpu0", &[directory("topology", TOPOLOGY)]),
];

/// The one node of memory.
const NODE: &[Entry] = &[
    text("has_cpu", |_| b"0\n".to_vec()),
    text("has_memory", |_| b"0\n".to_vec()),
    text("has_normal_memory", |_| b"0\n".to_vec()),
    text("online", |_| b"0\n".to_vec()),
    text("possible", |_| b"0\n".to_vec()),
    directory(
        "node0",
        &[
            text("cpulist", |_| b"0\n".to_vec()),
            text("cpumap", |_| b"1\n".to_vec()),
            text("distance", |_| b"10\n".to_vec()),
            text("meminfo", node_memory),
        ],
    ),
];

fn node_memory(_: u64) -> Vec<u8> {
    let usage = mm::usage();
    let line = |name: &str, bytes: u64| format!("Node 0 {:<15} {:>8} kB\n", format!("{name}:"), bytes / 1024);
    let mut text = String::from("\n");
    text += &line("MemTotal", usage.total);
    text += &line("MemFree", usage.free);
    text += &line("MemUsed", usage.total.saturating_sub(usage.free));
    text.into_bytes()
}

const HUGE_PAGES: &[Entry] = &[
    text("enabled", |_| b"always madvise [never]\n".to_vec()),
    text("defrag", |_| {
        b"always defer defer+madvise madvise [never]\n".to_vec()
    }),
    text("shmem_enabled", |_| {
        b"always within_size advise [never] deny force\n".to_vec()
    }),
    text("use_zero_page", |_| b"0\n".to_vec()),
    text("hpage_pmd_size", |_| b"2097152\n".to_vec()),
];

/// What is in `/sys`.
pub(super) const ENTRIES: &[Entry] = &[
    directory(
        "devices",
        &[directory(
            "system",
            &[directory("cpu", CPU), directory("node", NODE)],
        )],
    ),
    directory("fs", &[]),
    directory(
        "kernel",
        &[directory("mm", &[directory("transparent_hugepage", HUGE_PAGES)])],
    ),
];
