//! The virtio balloon device (virtio 1.2, 5.5), for what a library OS wants of it: free page reporting.
//!
//! Memory that the program gave back, and that nobody has used for a second, is named to the host, which forgets what is in it. That is done from a timer
//! that only runs while there is such memory, a few blocks at a time: the program does not wait for it, and an idle guest stays idle. The
//! device is set up when there is first something to report, as most programs end before.

use super::virtio::{Device, Error, Link, Queue, Segment};
use crate::{
    arch,
    mm::frames::{self, REPORT_BLOCKS},
    sync::Lock,
    time,
    wait::Wake,
};
use alloc::{sync::Arc, vec::Vec};
use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// Inflation, deflation, and reporting: the third, as neither statistics nor hinting are asked for.
const REPORTING: u16 = 2;
const QUEUE_SIZE: u16 = REPORT_BLOCKS as u16;
const F_PAGE_REPORTING: u64 = 1 << 5;

/// How long memory is free before it is reported, at least; at most twice that.
const PERIOD: Duration = Duration::from_secs(1);

/// The device on its way.
enum State {
    /// There is none, or it cannot report.
    Absent,
    /// Found, and not set up yet.
    Found(Device),
    /// At work.
    Ready(Reporter),
}

struct Reporter {
    link: Link,
    queue: Queue,
    /// Blocks that the device has.
    away: Vec<(u64, u8)>,
}

static STATE: Lock<State> = Lock::new(State::Absent);

/// The timer's end; while it is armed, freed memory is noted anyway.
static TICK: Lock<Option<Arc<dyn Wake>>> = Lock::new(None);
static ARMED: AtomicBool = AtomicBool::new(false);

struct Tick;

impl Wake for Tick {
    fn wake(&self) {
        ARMED.store(false, Ordering::Relaxed);
        work();
    }
}

/// Keeps the device for later. A second one is left alone.
pub(super) fn probe(device: Device) -> Result<(), Error> {
    if TICK.lock().is_none() {
        *STATE.lock() = State::Found(device);
        *TICK.lock() = Some(Arc::new(Tick));
        crate::mm::on_free(arm);
    }
    Ok(())
}

/// Has the work begin in a while.
fn arm() {
    let tick = TICK.lock().clone();
    if let Some(tick) = tick
        && !ARMED.swap(true, Ordering::Relaxed)
    {
        time::arm(time::now() + PERIOD, &tick);
    }
}

/// Reports what is idle now, and comes back while there is more.
fn work() {
    // Nothing is locked while the device is set up: that takes locks of its own, and nobody else looks for it.
    let found = {
        let mut state = STATE.lock();
        match core::mem::replace(&mut *state, State::Absent) {
            State::Found(device) => Some(device),
            other => {
                *state = other;
                None
            }
        }
    };
    match found.map(set_up) {
        Some(Ok(reporter)) => *STATE.lock() = State::Ready(reporter),
        Some(Err(error)) => crate::verbose!("the balloon is not used: {error}"),
        None => {}
    }
    let more = match &mut *STATE.lock() {
        State::Ready(reporter) => reporter.report(),
        _ => false,
    };
    if more {
        arm();
    }
}

fn set_up(mut device: Device) -> Result<Reporter, Error> {
    if device.negotiate(F_PAGE_REPORTING)? & F_PAGE_REPORTING == 0 {
        return Err(Error::Missing("free page reporting"));
    }
    // Nothing inflates this balloon, but Firecracker starts no device that has a queue without rings.
    let unused = (0..REPORTING).map(|index| device.queue(index, 1));
    unused.collect::<Result<Vec<_>, _>>()?;
    let queue = device.queue(REPORTING, QUEUE_SIZE)?;
    let link = device.start();
    arch::interrupt::register(link.irq(), on_interrupt);
    Ok(Reporter {
        link,
        queue,
        away: Vec::with_capacity(REPORT_BLOCKS),
    })
}

impl Reporter {
    /// Hands idle blocks to the device, unless it has some. True if there is more, or will be.
    fn report(&mut self) -> bool {
        if !self.away.is_empty() {
            return true;
        }
        let (blocks, count, more) = frames::take_idle();
        let blocks = &blocks[..count];
        let mut segments = [Segment {
            address: 0,
            len: 0,
            device_writes: true,
        }; REPORT_BLOCKS];
        for (segment, &(block, order)) in segments.iter_mut().zip(blocks) {
            segment.address = block;
            segment.len = (crate::mm::PAGE_SIZE << order) as u32;
        }
        if blocks.is_empty() {
            return more;
        }
        let _ = self.queue.enable_interrupts();
        if self.queue.is_broken() || self.queue.add(&segments[..count]).is_none() {
            blocks
                .iter()
                .for_each(|&(block, order)| frames::free(block, order));
            return false;
        }
        self.away.extend_from_slice(blocks);
        if self.queue.should_notify() {
            self.link.notify(REPORTING);
        }
        more
    }

    /// Takes back what the device is done with. True if it had so much that there is likely more.
    fn reap(&mut self) -> bool {
        let full = self.away.len() == REPORT_BLOCKS;
        let done = self.queue.pop().is_some();
        if done {
            for (block, order) in self.away.drain(..) {
                frames::free_reported(block, order);
            }
        }
        done && full
    }
}

fn on_interrupt() {
    let more = match &mut *STATE.lock() {
        State::Ready(reporter) => {
            reporter.link.acknowledge();
            reporter.reap() && reporter.report()
        }
        _ => false,
    };
    if more {
        arm();
    }
}
