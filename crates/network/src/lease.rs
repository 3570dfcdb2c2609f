//! Who has which address: the pool of addresses and its journal.
//!
//! A slot is taken in three steps, on disk before it is true:
//!
//! ```text
//!  free --take: line "+"--> leased --vacate--> leaving (tap goes) --free: line "-"--> free
//! ```
//!
//! Slots are taken round the range, so that an address that was just released rests as long as possible.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::Ipv4Addr;

use crate::config::Limits;
use crate::error::Result;
use crate::journal::{Journal, Record};
use crate::subnet::{Slot, Subnet};
use crate::{Attachment, Error};

/// Longest name of an owner, in bytes.
const MAX_OWNER_BYTES: usize = 128;

/// The pool of one network.
#[derive(Debug)]
pub(crate) struct Leases {
    subnet: Subnet,
    guests_per_bridge: u16,
    bridges: u16,
    owners: HashMap<String, Slot>,
    pools: BTreeMap<u16, Pool>,
    journal: Journal,
}

/// The slots of one bridge.
#[derive(Debug, Default)]
struct Pool {
    used: HashSet<u16>,
    next: u16,
}

/// A slot that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) slot: Slot,
    /// Whether the owner had none before.
    pub(crate) fresh: bool,
}

impl Leases {
    /// The pool that the journal's records tell of. A range other than the one wished for stays while it has leases.
    pub(crate) fn open(
        journal: Journal,
        records: Vec<Record>,
        wish: Subnet,
        limits: &Limits,
    ) -> Result<Self> {
        let had = records.iter().find_map(|record| match record {
            Record::Range(range) => Some(*range),
            _ => None,
        });
        let mut leases = Self {
            subnet: had.unwrap_or(wish),
            guests_per_bridge: limits.guests_per_bridge,
            bridges: 0,
            owners: HashMap::new(),
            pools: BTreeMap::new(),
            journal,
        };
        leases.replay(records);
        if leases.owners.is_empty() && leases.subnet != wish {
            leases.subnet = wish;
            leases.pools.clear();
        }
        let slices = u16::try_from(leases.subnet.slices()).unwrap_or(u16::MAX);
        leases.bridges = limits.bridges.min(slices);
        leases.compact()?;
        Ok(leases)
    }

    fn replay(&mut self, records: Vec<Record>) {
        for record in records {
            match record {
                Record::Range(_) => {}
                Record::Cursor(address) => {
                    if let Some(slot) = self.subnet.slot(address) {
                        self.pool(slot.bridge).next = slot.guest;
                    }
                }
                Record::Take(address, owner) => {
                    let Some(slot) = self.subnet.slot(address) else {
                        continue;
                    };
                    let pool = self.pool(slot.bridge);
                    pool.used.insert(slot.guest);
                    pool.next = slot.guest + 1;
                    // An owner that came back while its old slot was leaving: only the newer one counts.
                    if let Some(left) = self.owners.insert(owner, slot) {
                        self.pool(left.bridge).used.remove(&left.guest);
                    }
                }
                Record::Free(address) => {
                    if let Some(slot) = self.subnet.slot(address) {
                        self.pool(slot.bridge).used.remove(&slot.guest);
                        self.owners.retain(|_, kept| *kept != slot);
                    }
                }
            }
        }
    }

    /// The range that is in force.
    pub(crate) fn subnet(&self) -> Subnet {
        self.subnet
    }

    /// The bridges that leases need.
    pub(crate) fn bridges_in_use(&self) -> Vec<u16> {
        self.pools
            .iter()
            .filter(|(_, pool)| !pool.used.is_empty())
            .map(|(bridge, _)| *bridge)
            .collect()
    }

    /// What `owner` has.
    pub(crate) fn get(&self, owner: &str) -> Option<Slot> {
        self.owners.get(owner).copied()
    }

    /// All owners and what they have, by owner.
    pub(crate) fn all(&self) -> Vec<(String, Attachment)> {
        let mut all: Vec<_> = self
            .owners
            .iter()
            .map(|(owner, slot)| (owner.clone(), self.subnet.attachment(*slot)))
            .collect();
        all.sort_by(|(left, _), (right, _)| left.cmp(right));
        all
    }

    /// Gives `owner` a slot: what it has already, or the next free one.
    pub(crate) fn take(&mut self, owner: &str) -> Result<Taken> {
        check_name("an owner", owner, MAX_OWNER_BYTES)?;
        if let Some(slot) = self.get(owner) {
            return Ok(Taken { slot, fresh: false });
        }
        let slot = self.next_free().ok_or_else(|| Error::PoolFull {
            capacity: usize::from(self.bridges) * usize::from(self.guests_per_bridge),
            subnet: self.subnet.to_string(),
        })?;
        self.journal
            .append(&Record::Take(self.subnet.address(slot), owner.to_owned()))?;
        let pool = self.pool(slot.bridge);
        pool.used.insert(slot.guest);
        pool.next = slot.guest + 1;
        self.owners.insert(owner.to_owned(), slot);
        Ok(Taken { slot, fresh: true })
    }

    /// Takes the slot away from its owner; nobody else can have it before [`free`](Self::free).
    pub(crate) fn vacate(&mut self, owner: &str) -> Option<Slot> {
        self.owners.remove(owner)
    }

    /// Lets a slot be taken again.
    pub(crate) fn free(&mut self, slot: Slot) -> Result<()> {
        self.journal.append(&Record::Free(self.subnet.address(slot)))?;
        self.pool(slot.bridge).used.remove(&slot.guest);
        if self.journal.is_long(self.owners.len()) {
            self.compact()
        } else {
            Ok(())
        }
    }

    /// The first bridge with room, and the next slot on it.
    fn next_free(&self) -> Option<Slot> {
        let limit = self.guests_per_bridge;
        let empty = Pool::default();
        (0..self.bridges).find_map(|bridge| {
            let pool = self.pools.get(&bridge).unwrap_or(&empty);
            if pool.used.len() >= usize::from(limit) {
                return None;
            }
            let start = if pool.next < limit { pool.next } else { 0 };
            let guest = (start..limit)
                .chain(0..start)
                .find(|guest| !pool.used.contains(guest))?;
            Some(Slot { bridge, guest })
        })
    }

    fn pool(&mut self, bridge: u16) -> &mut Pool {
        self.pools.entry(bridge).or_default()
    }

    /// Writes the journal anew. A slot that is leaving is not in it: after a crash its tap is one without a lease.
    fn compact(&mut self) -> Result<()> {
        let subnet = self.subnet;
        let mut records = vec![Record::Range(subnet)];
        let mut owned: Vec<_> = self
            .owners
            .iter()
            .map(|(owner, slot)| (*slot, owner.clone()))
            .collect();
        owned.sort();
        records.extend(
            owned
                .into_iter()
                .map(|(slot, owner)| Record::Take(subnet.address(slot), owner)),
        );
        // Last, because a line "+" moves the cursor.
        let limit = self.guests_per_bridge;
        records.extend(self.pools.iter().map(|(&bridge, pool)| {
            let guest = if pool.next < limit { pool.next } else { 0 };
            Record::Cursor(subnet.address(Slot { bridge, guest }))
        }));
        self.journal.rewrite(&records)
    }
}

/// Checks that `text` is 1 to `max` bytes of letters, digits, `-`, `_` and `.`, beginning with a letter or digit.
pub(crate) fn check_name(what: &'static str, text: &str, max: usize) -> Result<()> {
    let first = text
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    let all = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if first && all && text.len() <= max {
        Ok(())
    } else {
        Err(Error::Name {
            what,
            text: text.to_owned(),
            max,
        })
    }
}

/// The address of a record, whoever has it.
pub(crate) type Address = Ipv4Addr;

#[cfg(test)]
mod tests;
