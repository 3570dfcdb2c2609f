//! `/sys`: the few files that runtimes read (`sysfs(5)`).

use super::table::{Entry, directory, text};

const CPU: &[Entry] = &[
    text("online", |_| b"0\n".to_vec()),
    text("possible", |_| b"0\n".to_vec()),
    text("present", |_| b"0\n".to_vec()),
    text("offline", |_| b"\n".to_vec()),
    directory("cpu0", &[]),
];

const HUGE_PAGES: &[Entry] = &[
    text("enabled", |_| b"always madvise [never]\n".to_vec()),
    text("defrag", |_| {
        b"always defer defer+madvise madvise [never]\n".to_vec()
    }),
    text("shmem_enabled", |_| {
        b"always within_size advise [never] deny force\n".to_vec()
    }),
    text("hpage_pmd_size", |_| b"2097152\n".to_vec()),
];

/// What is in `/sys`.
pub(super) const ENTRIES: &[Entry] = &[
    directory("devices", &[directory("system", &[directory("cpu", CPU)])]),
    directory("fs", &[]),
    directory(
        "kernel",
        &[directory("mm", &[directory("transparent_hugepage", HUGE_PAGES)])],
    ),
];
