//! The kernel's heap: size classes up to 2 KiB cut from pages, larger things as blocks of frames.

use super::{PAGE_SIZE, frames};
use crate::{
    arch::layout,
    sync::{Lock, rank},
};
use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::null_mut,
};

/// Smallest class; holds a link.
const MIN_SHIFT: u32 = 4;
/// Largest class: half a page.
const MAX_SHIFT: u32 = 11;

struct FreeList(*mut FreeList);

struct Classes([*mut FreeList; (MAX_SHIFT - MIN_SHIFT + 1) as usize]);

// SAFETY: the lists are reached only under the lock.
unsafe impl Send for Classes {}

static CLASSES: Lock<Classes, rank::Heap> =
    Lock::new(Classes([null_mut(); (MAX_SHIFT - MIN_SHIFT + 1) as usize]));

/// The kernel's `#[global_allocator]`.
#[derive(Debug)]
pub struct Heap;

/// The class of a layout, or the order of its block of frames.
enum Size {
    Class(u32),
    Block(u8),
}

fn size_of(layout: &Layout) -> Size {
    let size = layout.size().max(layout.align()).max(1 << MIN_SHIFT);
    let shift = size.next_power_of_two().trailing_zeros();
    if shift <= MAX_SHIFT {
        Size::Class(shift - MIN_SHIFT)
    } else {
        Size::Block((shift.max(12) - 12) as u8)
    }
}

// SAFETY: a class's pieces are as large and as aligned as its size; a block of frames likewise. Pieces are handed out once until they come back.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match size_of(&layout) {
            Size::Block(order) => {
                frames::alloc(order).map_or(null_mut(), |block| layout::linear(block) as *mut u8)
            }
            Size::Class(class) => {
                let mut classes = CLASSES.lock();
                let head = &mut classes.0[class as usize];
                if head.is_null() && !refill(head, class) {
                    return null_mut();
                }
                let piece = *head;
                // SAFETY: a free piece begins with the link to the next.
                *head = unsafe { (*piece).0 };
                piece.cast()
            }
        }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        match size_of(&layout) {
            Size::Block(order) => frames::free(pointer as u64 - layout::LINEAR, order),
            Size::Class(class) => {
                let head = &mut CLASSES.lock().0[class as usize];
                let piece = pointer.cast::<FreeList>();
                // SAFETY: the piece came from this class and is free now, so its first word is ours.
                unsafe { piece.write(FreeList(*head)) };
                *head = piece;
            }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if let Size::Block(order) = size_of(&layout) {
            return frames::alloc_zeroed(order).map_or(null_mut(), |block| layout::linear(block) as *mut u8);
        }
        // SAFETY: the same contract.
        let pointer = unsafe { self.alloc(layout) };
        if !pointer.is_null() {
            // SAFETY: the piece is at least that long.
            unsafe { pointer.write_bytes(0, layout.size()) };
        }
        pointer
    }
}

/// Cuts a fresh page into pieces of the class.
fn refill(head: &mut *mut FreeList, class: u32) -> bool {
    let Some(page) = frames::alloc(0) else {
        return false;
    };
    let shift = class + MIN_SHIFT;
    for index in (0..(PAGE_SIZE as u64) >> shift).rev() {
        let piece = layout::linear(page + (index << shift)) as *mut FreeList;
        // SAFETY: the page is ours, and the pieces do not overlap.
        unsafe { piece.write(FreeList(*head)) };
        *head = piece;
    }
    true
}
