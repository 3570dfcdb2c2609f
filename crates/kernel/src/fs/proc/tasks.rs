//! `/proc/self/task`: the threads.

use super::own;
use crate::{
    errno::{Errno, Result},
    fs::{
        node::Node,
        table::{Computed, Entry, Kind, directory, text},
    },
    mm,
    process::{
        PID,
        credentials::{self, Ids},
        process,
    },
    sched::{self, Thread},
    signal::{self, action},
};
use alloc::{
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use linux_raw_sys::general as raw;

/// `/proc/self/task`.
pub(super) struct Tasks;

const ENTRIES: &[Entry] = &[
    text("cgroup", |_| b"0::/\n".to_vec()),
    Entry {
        name: "comm",
        permissions: 0o644,
        kind: Kind::Setting(|tid| format!("{}\n", name(tid)).into_bytes(), set_name),
    },
    text("maps", |_| mm::maps_text().into_bytes()),
    text("schedstat", schedstat),
    text("smaps", |_| mm::smaps_text().into_bytes()),
    text("smaps_rollup", |_| mm::smaps_rollup_text().into_bytes()),
    text("stat", stat),
    text("status", status),
];

impl Computed for Tasks {
    fn lookup(&self, this: &Arc<Node>, name: &str) -> Option<Arc<Node>> {
        let tid: u64 = name.parse().ok()?;
        thread(tid)?;
        Some(Node::of_entry(
            &this.fs,
            Arc::downgrade(this),
            &directory("", ENTRIES),
            tid,
        ))
    }

    fn list(&self) -> Vec<(String, u8)> {
        sched::threads()
            .iter()
            .map(|thread| (thread.tid.to_string(), raw::DT_DIR as u8))
            .collect()
    }
}

fn thread(tid: u64) -> Option<Arc<Thread>> {
    sched::threads()
        .into_iter()
        .find(|thread| thread.tid as u64 == tid)
}

/// The name of a thread: its own, or the program's.
pub(super) fn name(tid: u64) -> String {
    let own = thread(tid)
        .map(|thread| thread.name.lock().clone())
        .unwrap_or_default();
    if !own.is_empty() {
        return own;
    }
    let path = process().executable.lock().clone();
    // TASK_COMM_LEN is 16 with the NUL.
    path.rsplit('/')
        .next()
        .unwrap_or_default()
        .chars()
        .take(15)
        .collect()
}

/// Names a thread by what was written to its `comm`; what is too long is cut off.
pub(super) fn set_name(tid: u64, name: &[u8]) -> Result<()> {
    let name = name
        .split(|&byte| byte == b'\n' || byte == 0)
        .next()
        .unwrap_or_default();
    let name = String::from_utf8_lossy(&name[..name.len().min(15)]).into_owned();
    let thread = thread(tid).ok_or(Errno::ESRCH)?;
    *thread.name.lock() = name;
    Ok(())
}

/// `/proc/PID/schedstat`: nanoseconds run, nanoseconds waited (not counted), and how often it ran.
pub(super) fn schedstat(tid: u64) -> Vec<u8> {
    let used = thread(tid).map_or(0, |thread| thread.cpu_time());
    let [_, waits, preemptions] = thread(tid).map_or([0; 3], |thread| thread.counters.values());
    format!("{used} 0 {}\n", waits + preemptions + 1).into_bytes()
}

/// Faults, waits and preemptions of a thread; of the process for the first one, as in `stat`.
fn counters(tid: u64) -> [u64; 3] {
    if tid == PID as u64 {
        sched::process_counters()
    } else {
        thread(tid).map_or([0; 3], |thread| thread.counters.values())
    }
}

/// The lines of `proc_pid_status(5)` about signals: queue, pending for thread and process, blocked, ignored, caught.
fn signal_sets(tid: u64) -> String {
    let thread = sched::threads()
        .into_iter()
        .find(|thread| thread.tid as u64 == tid);
    let (pending, blocked) = thread.map_or((0, 0), |thread| {
        (thread.signals.own_pending_set(), thread.signals.mask())
    });
    let (ignored, caught) = action::sets();
    let waiting = signal::process_pending_set();
    let count = (pending | waiting).count_ones();
    format!(
        "SigQ:\t{count}/{}\nSigPnd:\t{pending:016x}\nShdPnd:\t{waiting:016x}\nSigBlk:\t{blocked:016x}\nSigIgn:\t{ignored:016x}\nSigCgt:\t{caught:016x}\n",
        signal::QUEUE_LIMIT
    )
}

fn is_asleep(tid: u64) -> bool {
    sched::threads()
        .iter()
        .any(|thread| thread.tid as u64 == tid && thread.is_asleep())
}

/// `/proc/PID/stat`: 52 fields; those that mean nothing here are zero.
pub(super) fn stat(tid: u64) -> Vec<u8> {
    let usage = mm::usage();
    let times = match thread(tid) {
        Some(thread) if tid != PID as u64 => thread.times(),
        _ => sched::process_times(),
    };
    let [user, system] = [times.user, times.system].map(|used| used / 10_000_000);
    let [faults, ..] = counters(tid);
    let zeros = |count: usize| " 0".repeat(count);
    let state = if is_asleep(tid) { 'S' } else { 'R' };
    let mut text = format!("{tid} ({}) {state} 0 {PID} {PID} 0 -1 4194304", name(tid));
    // minflt to cmajflt, utime, stime, cutime, cstime, priority, nice, threads, itrealvalue, starttime.
    let wishes = thread(tid).map(|thread| thread.wishes()).unwrap_or_default();
    let priority = match i32::from(wishes.priority) {
        0 => 20 + i32::from(wishes.nice),
        realtime => -1 - realtime,
    };
    text += &format!(
        " {faults}{} {user} {system} 0 0 {priority} {} {} 0 0",
        zeros(3),
        wishes.nice,
        own::thread_count()
    );
    // vsize, rss, rsslim, and the 27 fields after it.
    text += &format!(
        " {} {} {}{}\n",
        usage.mapped,
        usage.resident / mm::PAGE_SIZE as u64,
        u64::MAX,
        zeros(27)
    );
    text.into_bytes()
}

/// The lines of `status` about users and groups.
fn identity() -> String {
    let line = |name: &str, ids: Ids| {
        let Ids {
            real,
            effective,
            saved,
            fs,
        } = ids;
        format!("{name}:\t{real}\t{effective}\t{saved}\t{fs}\n")
    };
    let (user, group) = {
        let credentials = credentials::get().lock();
        (credentials.user, credentials.group)
    };
    line("Uid", user) + &line("Gid", group)
}

fn groups() -> String {
    let groups = credentials::get().lock().groups.clone();
    let list: String = groups.iter().map(|group| format!("{group} ")).collect();
    format!("Groups:\t{list}\n")
}

/// `/proc/PID/status`.
pub(super) fn status(tid: u64) -> Vec<u8> {
    let usage = mm::usage();
    let kib = |bytes: u64| bytes / 1024;
    let slots = process()
        .files
        .lock()
        .iter()
        .last()
        .map_or(64, |(fd, _)| (fd as u32 + 1).next_multiple_of(64));
    let umask = *process().umask.lock();
    let state = if is_asleep(tid) {
        "S (sleeping)"
    } else {
        "R (running)"
    };
    let mut text = format!(
        "Name:\t{}\nUmask:\t{umask:04o}\nState:\t{state}\nTgid:\t{PID}\nNgid:\t0\n",
        name(tid)
    );
    text += &format!("Pid:\t{tid}\nPPid:\t0\nTracerPid:\t0\n");
    text += &identity();
    text += &format!("FDSize:\t{slots}\n{}", groups());
    let [size, resident, locked] = [usage.mapped, usage.resident, usage.locked].map(kib);
    text +=
        &format!("VmPeak:\t{size:8} kB\nVmSize:\t{size:8} kB\nVmLck:\t{locked:8} kB\nVmPin:\t       0 kB\n");
    text += &format!("VmHWM:\t{resident:8} kB\nVmRSS:\t{resident:8} kB\nRssAnon:\t{resident:8} kB\n");
    text += &format!(
        "VmData:\t{size:8} kB\nVmStk:\t     132 kB\nVmSwap:\t       0 kB\nThreads:\t{}\n",
        own::thread_count()
    );
    text += &signal_sets(tid);
    let (effective, permitted) = credentials::get().lock().capabilities();
    text += &format!(
        "CapInh:\t{0:016x}\nCapPrm:\t{permitted:016x}\nCapEff:\t{effective:016x}\nCapBnd:\t{1:016x}\nCapAmb:\t{0:016x}\n",
        0,
        credentials::ALL_CAPABILITIES
    );
    text += "NoNewPrivs:\t0\nSeccomp:\t0\nCpus_allowed:\t1\nCpus_allowed_list:\t0\nMems_allowed:\t1\nMems_allowed_list:\t0\n";
    let [_, waits, preemptions] = counters(tid);
    text += &format!("voluntary_ctxt_switches:\t{waits}\nnonvoluntary_ctxt_switches:\t{preemptions}\n");
    text.into_bytes()
}
