//! `/proc` (`proc(5)`): what runtimes and C libraries read of it.

mod descriptors;
mod net;
mod own;
mod settings;
mod system;
mod tasks;

pub(super) use own::AUXV;

use super::table::{Entry, Kind, Target, directory, link, text};
use alloc::{format, vec::Vec};

/// A row for a magic link.
const fn magic(name: &'static str, target: fn(u64) -> crate::errno::Result<Target>) -> Entry {
    Entry {
        name,
        permissions: 0o777,
        kind: Kind::Magic(target),
    }
}

/// What is in `/proc`.
pub(super) const ENTRIES: &[Entry] = &[
    directory("1", own::ENTRIES),
    link("self", "1"),
    magic("thread-self", |_| {
        Ok(Target::Path(format!("1/task/{}", crate::sched::current().tid)))
    }),
    link("mounts", "self/mounts"),
    text("cgroups", system::cgroups),
    text("cmdline", |_| b"\n".to_vec()),
    text("cpuinfo", system::cpuinfo),
    text("devices", system::devices),
    text("diskstats", |_| Vec::new()),
    text("filesystems", system::filesystems),
    text("interrupts", system::interrupts),
    text("loadavg", system::loadavg),
    text("meminfo", system::meminfo),
    text("partitions", |_| b"major minor  #blocks  name\n\n".to_vec()),
    text("stat", system::stat),
    text("swaps", system::swaps),
    text("uptime", system::uptime),
    text("version", system::version),
    directory("net", net::ENTRIES),
    text("vmstat", system::vmstat),
    directory("sys", settings::ENTRIES),
];
