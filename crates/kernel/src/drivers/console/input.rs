//! The receiving half of the virtio console (virtio 1.2, 5.3.6).
//!
//! The device is given buffers when somebody [listens](Input::listen), and a buffer again when all of it has been read: what the program does not
//! read waits outside. A buffer that comes back empty is the end, for good; that is our monitor's way, no other device gives one.

use crate::{
    drivers::virtio::{Link, Queue, Segment},
    mm::dma,
};
use alloc::collections::VecDeque;
use core::ptr::NonNull;

pub(super) const RECEIVE: u16 = 0;
pub(super) const SLOTS: u16 = 4;
pub(super) const SLOT_BYTES: usize = 4096;

/// What a read would find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Bytes that can be read now.
    pub waiting: usize,
    /// Behind them is the end.
    pub ended: bool,
}

impl State {
    /// True if a read has something to say, if only that this is the end.
    #[must_use]
    pub const fn is_ready(self) -> bool {
        self.waiting > 0 || self.ended
    }
}

/// Bytes of one slot that nobody has read: from `taken` up to `filled`.
struct Piece {
    slot: u16,
    taken: usize,
    filled: usize,
}

pub(super) struct Input {
    queue: Queue,
    /// Kernel's and guest-physical address of the slots; `None` before somebody listens.
    memory: Option<(NonNull<u8>, u64)>,
    /// Slot by head of its chain.
    by_head: [u16; SLOTS as usize],
    pieces: VecDeque<Piece>,
    ended: bool,
}

impl Input {
    pub(super) fn new(mut queue: Queue) -> Self {
        queue.disable_interrupts();
        Self {
            queue,
            memory: None,
            by_head: [0; SLOTS as usize],
            pieces: VecDeque::new(),
            ended: false,
        }
    }

    /// Gives the device buffers for the first time.
    pub(super) fn listen(&mut self, link: &Link) {
        if self.memory.is_none() {
            self.pieces.reserve(SLOTS.into());
            self.memory = Some(dma::alloc(usize::from(SLOTS) * SLOT_BYTES));
            (0..SLOTS.min(self.queue.size())).for_each(|slot| self.give(slot));
            self.notify(link);
        }
    }

    fn give(&mut self, slot: u16) {
        let Some((_, physical)) = self.memory else { return };
        let segment = Segment {
            address: physical + (usize::from(slot) * SLOT_BYTES) as u64,
            len: SLOT_BYTES as u32,
            device_writes: true,
        };
        if let Some(head) = self.queue.add(&[segment]) {
            self.by_head[usize::from(head)] = slot;
        }
    }

    fn notify(&mut self, link: &Link) {
        if self.queue.should_notify() {
            link.notify(RECEIVE);
        }
    }

    /// Takes what the device has filled; behind the end there is nothing.
    fn reap(&mut self) {
        while !self.ended
            && let Some(used) = self.queue.pop()
        {
            match used.written as usize {
                0 => self.ended = true,
                filled => self.pieces.push_back(Piece {
                    slot: self.by_head[usize::from(used.head)],
                    taken: 0,
                    filled,
                }),
            }
        }
    }

    /// What a read would find; if that is nothing, an interrupt will come when it changes.
    pub(super) fn state(&mut self) -> State {
        let mut state = self.look();
        if !state.is_ready() && self.queue.enable_interrupts() {
            state = self.look();
        }
        state
    }

    fn look(&mut self) -> State {
        self.reap();
        State {
            waiting: self.pieces.iter().map(|piece| piece.filled - piece.taken).sum(),
            // A broken device says nothing more, which is the end too: the program must not hang on it.
            ended: self.ended || self.queue.is_broken(),
        }
    }

    /// Reads what there is; 0 is the end, `None` that nothing waits. After less than was asked for an interrupt will come when there is more.
    pub(super) fn read(&mut self, buffer: &mut [u8], link: &Link) -> Option<usize> {
        let (mut count, mut state) = (0, self.state());
        while count < buffer.len() && state.waiting > 0 {
            count += self.copy(&mut buffer[count..]);
            self.notify(link);
            state = self.state();
        }
        (count > 0 || state.ended).then_some(count)
    }

    fn copy(&mut self, buffer: &mut [u8]) -> usize {
        let Some((memory, _)) = self.memory else { return 0 };
        let mut count = 0;
        while count < buffer.len()
            && let Some(piece) = self.pieces.front_mut()
        {
            let part = (piece.filled - piece.taken).min(buffer.len() - count);
            let at = usize::from(piece.slot) * SLOT_BYTES + piece.taken;
            // SAFETY: the device has given the slot back, and `taken + part` is at most `filled`, which is at most the slot's length.
            unsafe {
                memory
                    .byte_add(at)
                    .copy_to_nonoverlapping(NonNull::from(&mut buffer[count..count + part]).cast(), part)
            };
            count += part;
            piece.taken += part;
            if piece.taken == piece.filled {
                let slot = piece.slot;
                self.pieces.pop_front();
                self.give(slot);
            }
        }
        count
    }

    /// In an interrupt: true if a read has something to say; then no more interrupts are wanted before it is asked.
    pub(super) fn has_come(&mut self) -> bool {
        let come = self.queue.has_used();
        if come {
            self.queue.disable_interrupts();
        }
        // Somebody may have looked between the device and this interrupt, and left some for others.
        come || !self.pieces.is_empty() || self.ended
    }
}
