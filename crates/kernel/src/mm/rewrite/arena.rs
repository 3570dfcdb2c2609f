//! Where the stubs are, and whose.

use super::{
    scan::{Site, Way, sites},
    stub::{Patch, SLOT_LEN, Stub, patches, stub},
};
use crate::mm::PAGE_SIZE;
use alloc::{collections::BTreeMap, vec::Vec};

/// Most pages of stubs: 8,128 sites.
const MAX_PAGES: usize = 64;

/// How far a stub may be from its site: `rel32`, less what page and stub add.
pub(super) const REACH: u64 = (1 << 31) - (1 << 20);

/// The memory that an arena lies in.
pub(super) trait Memory {
    /// A fresh page within [`REACH`] of `near` that the program may execute, with the address of the kernel's entry in its first word. `None` if there is none.
    fn page(&mut self, near: u64) -> Option<u64>;
    /// True if that page is still the arena's: the program may have unmapped it.
    fn holds(&self, page: u64) -> bool;
    /// Writes into a page of the arena's.
    fn write(&mut self, address: u64, bytes: &[u8]);
}

/// One stub.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Address of the site's `syscall`.
    syscall: u64,
    stub: Stub,
}

/// A page of stubs. The first [`SLOT_LEN`] bytes hold the address of the kernel's entry.
#[derive(Debug)]
struct Page {
    address: u64,
    slots: Vec<Slot>,
}

impl Page {
    fn slot_address(&self, index: usize) -> u64 {
        self.address + ((index + 1) * SLOT_LEN) as u64
    }

    fn is_full(&self) -> bool {
        (self.slots.len() + 2) * SLOT_LEN > PAGE_SIZE
    }
}

/// All pages of stubs.
#[derive(Debug, Default)]
pub(super) struct Arena {
    pages: Vec<Page>,
    /// From the address of a `syscall` to page and slot.
    stubs: BTreeMap<u64, (usize, usize)>,
    /// From the address of padding that leads to a stub to that of the `syscall`.
    pads: BTreeMap<u64, u64>,
}

impl Arena {
    /// An arena without pages.
    #[must_use]
    pub(super) const fn new() -> Self {
        Self {
            pages: Vec::new(),
            stubs: BTreeMap::new(),
            pads: BTreeMap::new(),
        }
    }

    /// Makes stubs for what may be rewritten of the page of code that will be at address `base`, and says how it is to be changed.
    pub(super) fn plan(&mut self, memory: &mut impl Memory, base: u64, page: &[u8]) -> Vec<Patch> {
        let mut out = Vec::new();
        for site in sites(page) {
            let Some(both) = self.place(memory, base, page, &site) else {
                continue;
            };
            if let Way::Hop(pad) = site.way {
                self.pads.insert(base + pad as u64, base + site.syscall as u64);
            }
            out.extend(both.into_iter().flatten());
        }
        out
    }

    /// The stub that the site had before, or a new one.
    fn place(
        &mut self,
        memory: &mut impl Memory,
        base: u64,
        page: &[u8],
        site: &Site,
    ) -> Option<[Option<Patch>; 2]> {
        let syscall = base + site.syscall as u64;
        if let Some(&(index, slot)) = self.stubs.get(&syscall) {
            let had = &self.pages[index];
            let address = had.slot_address(slot);
            if memory.holds(had.address)
                && Some(had.slots[slot].stub) == stub(page, base, site, address, had.address)
            {
                return patches(base, site, address);
            }
        }
        let index = self.with_room(memory, base)?;
        let here = &mut self.pages[index];
        let (slot, address) = (here.slots.len(), here.slot_address(here.slots.len()));
        let stub = stub(page, base, site, address, here.address)?;
        let patches = patches(base, site, address)?;
        memory.write(address, &stub.code);
        here.slots.push(Slot { syscall, stub });
        self.stubs.insert(syscall, (index, slot));
        Some(patches)
    }

    /// A page with room, within reach of `base`.
    fn with_room(&mut self, memory: &mut impl Memory, base: u64) -> Option<usize> {
        let fits = |page: &Page| {
            !page.is_full() && page.address.abs_diff(base) < REACH && memory.holds(page.address)
        };
        if let Some(index) = self.pages.iter().position(fits) {
            return Some(index);
        }
        if self.pages.len() == MAX_PAGES {
            return None;
        }
        let address = memory.page(base)?;
        self.pages.push(Page {
            address,
            slots: Vec::new(),
        });
        Some(self.pages.len() - 1)
    }

    /// Where a thread that was interrupted at `rip` counts as standing, if that is a stub or its padding: at the instruction that made way, or at the `syscall`. With
    /// padding, also the address of the `syscall` that must lead there for this to be true.
    #[must_use]
    pub(super) fn origin(&self, rip: u64) -> Option<Origin> {
        if let Some(&syscall) = self.pads.get(&rip) {
            return Some(Origin::Padding(syscall));
        }
        let page = self
            .pages
            .iter()
            .find(|page| rip.wrapping_sub(page.address) < PAGE_SIZE as u64)?;
        let offset = (rip - page.address) as usize;
        let slot = page.slots.get((offset / SLOT_LEN).checked_sub(1)?)?;
        let before = if offset % SLOT_LEN < slot.stub.moved {
            slot.stub.moved
        } else {
            0
        };
        Some(Origin::Stub {
            page: page.address,
            at: slot.syscall - before as u64,
        })
    }
}

/// What [`Arena::origin`] finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// In a stub, if the page is still the arena's.
    Stub {
        /// The stub's page.
        page: u64,
        /// Where the thread counts as standing.
        at: u64,
    },
    /// In padding, if the `syscall` at this address (where the thread counts as standing) leads there.
    Padding(u64),
}
