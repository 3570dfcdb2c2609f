//! `/proc/self/task`: the threads.

use super::own;
use crate::{
    fs::{
        node::Node,
        table::{Computed, Entry, directory, text},
    },
    mm,
    process::{PID, process},
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
    text("comm", |tid| format!("{}\n", name(tid)).into_bytes()),
    text("maps", |_| mm::maps_text().into_bytes()),
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

/// CPU time of a thread, or of all, in nanoseconds.
pub(super) fn cpu_time(tid: Option<u64>) -> u64 {
    sched::threads()
        .iter()
        .filter(|thread| tid.is_none_or(|tid| thread.tid as u64 == tid))
        .map(|thread| thread.cpu_time())
        .sum()
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
    let ticks = cpu_time((tid != PID as u64).then_some(tid)) / 10_000_000;
    let zeros = |count: usize| " 0".repeat(count);
    let state = if is_asleep(tid) { 'S' } else { 'R' };
    let mut text = format!("{tid} ({}) {state} 0 {PID} {PID} 0 -1 4194304", name(tid));
    // minflt to cmajflt, utime, stime, cutime, cstime, priority, nice, threads, itrealvalue, starttime.
    text += &format!("{} {ticks} 0 0 0 20 0 {} 0 0", zeros(4), own::thread_count());
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
    text += &format!(
        "Pid:\t{tid}\nPPid:\t0\nTracerPid:\t0\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t{slots}\nGroups:\t \n"
    );
    let (size, resident) = (kib(usage.mapped), kib(usage.resident));
    text +=
        &format!("VmPeak:\t{size:8} kB\nVmSize:\t{size:8} kB\nVmLck:\t       0 kB\nVmPin:\t       0 kB\n");
    text += &format!("VmHWM:\t{resident:8} kB\nVmRSS:\t{resident:8} kB\nRssAnon:\t{resident:8} kB\n");
    text += &format!(
        "VmData:\t{size:8} kB\nVmStk:\t     132 kB\nVmSwap:\t       0 kB\nThreads:\t{}\n",
        own::thread_count()
    );
    text += &signal_sets(tid);
    text += "CapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\n";
    text += "NoNewPrivs:\t0\nSeccomp:\t0\nCpus_allowed:\t1\nCpus_allowed_list:\t0\nMems_allowed:\t1\nMems_allowed_list:\t0\n";
    text.into_bytes()
}
