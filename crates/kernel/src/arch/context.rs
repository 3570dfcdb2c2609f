//! What it takes to leave one thread's kernel stack and go on with another's.

use super::{cpu, fpu, frame::Frame};
use crate::mm::{PAGE_SIZE, frames};
use core::ptr::NonNull;

/// Pages of a thread's kernel stack, its extended state area included.
const STACK_ORDER: u8 = 3;
const STACK_SIZE: usize = PAGE_SIZE << STACK_ORDER;

unsafe extern "C" {
    fn switch_stacks(save: *mut u64, load: u64);
    fn thread_start();
}

/// A thread's kernel stack with what is not in its frame: extended state, FS and GS base.
///
/// The extended state lies at the low end of the same block, so that a thread is one allocation.
#[derive(Debug)]
pub struct Context {
    block: NonNull<u8>,
    stack_pointer: u64,
    fs_base: u64,
    gs_base: u64,
}

// SAFETY: the block is owned, and only the scheduler touches it, one thread at a time.
unsafe impl Send for Context {}

impl Context {
    /// A stack on which a thread will start by going to the program with this frame. `None` when memory is out.
    ///
    /// Its extended state is a copy of the current thread's, as `clone(2)` has it.
    #[must_use]
    pub fn new(frame: &Frame, fs_base: u64) -> Option<Self> {
        let physical = frames::alloc(STACK_ORDER)?;
        let block = NonNull::new(super::layout::linear(physical) as *mut u8)?;
        let mut context = Self {
            block,
            stack_pointer: 0,
            fs_base,
            gs_base: cpu::gs_base(),
        };
        let frame_at = context.top() - size_of::<Frame>() as u64;
        // SAFETY: both places are inside the fresh block: the frame at its top, below it the seven words that `switch_stacks` pops; the
        // area at its low end is page-aligned, and its header is cleared first.
        unsafe {
            (frame_at as *mut Frame).write(*frame);
            let words = frame_at as *mut u64;
            for register in 2..=7 {
                words.sub(register).write(0);
            }
            words.sub(1).write(thread_start as *const () as u64);
            core::ptr::write_bytes(block.as_ptr(), 0, fpu::area_size());
            fpu::xsave(block.as_ptr());
        }
        context.stack_pointer = frame_at - 7 * 8;
        Some(context)
    }

    /// One past the highest byte of the stack.
    #[must_use]
    pub fn top(&self) -> u64 {
        self.block.as_ptr() as u64 + STACK_SIZE as u64
    }

    /// The frame at the top of the stack, when the thread is not running in the program.
    #[must_use]
    pub fn frame(&self) -> *mut Frame {
        (self.top() - size_of::<Frame>() as u64) as *mut Frame
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        frames::free(self.block.as_ptr() as u64 - super::layout::LINEAR, STACK_ORDER);
    }
}

/// Leaves `from` (to be continued by a later switch to it) and goes on with `to`.
///
/// # Safety
///
/// `from` is the context of the thread that runs, `to` that of another that was left by this function or is new, and both stay where
/// they are until the switch is over; no lock is held.
pub unsafe fn switch(from: *mut Context, to: *mut Context) {
    // SAFETY: the caller's promises; the areas are those that `Context::new` set up.
    unsafe {
        fpu::xsave((*from).block.as_ptr());
        (*from).fs_base = cpu::fs_base();
        (*from).gs_base = cpu::gs_base();
        super::trap::set_kernel_stack((*to).top());
        cpu::set_fs_base((*to).fs_base);
        cpu::set_gs_base((*to).gs_base);
        fpu::xrstor((*to).block.as_ptr());
        switch_stacks(&raw mut (*from).stack_pointer, (*to).stack_pointer);
    }
}

/// Goes on with `to` and never comes back to the one that runs (a thread that ends, or boot).
///
/// # Safety
///
/// As [`switch`]; whoever runs now is freed by others later.
pub unsafe fn switch_away(to: *mut Context) -> ! {
    let mut discarded = 0u64;
    // SAFETY: as in `switch`; the saved stack pointer is never loaded.
    unsafe {
        super::trap::set_kernel_stack((*to).top());
        cpu::set_fs_base((*to).fs_base);
        cpu::set_gs_base((*to).gs_base);
        fpu::xrstor((*to).block.as_ptr());
        switch_stacks(&raw mut discarded, (*to).stack_pointer);
        core::hint::unreachable_unchecked()
    }
}
