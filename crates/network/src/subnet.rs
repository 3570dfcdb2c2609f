//! How the range is cut: slices of /22, one per bridge, and in each slice gateway, guests, MACs and tap names.
//!
//! Everything about a guest follows from its [`Slot`], and the slot follows from the address, so that one number on disk
//! says all.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::{Attachment, Error, MacAddress};

/// Prefix of one bridge's slice, in bits.
pub(crate) const SLICE_PREFIX: u8 = 22;
/// Addresses in a slice.
const SLICE_SIZE: u32 = 1 << (32 - SLICE_PREFIX);
/// Guests in a slice: all addresses but network (first), gateway (second) and broadcast (last).
pub(crate) const GUESTS_PER_SLICE: u16 = (SLICE_SIZE - 3) as u16;
/// The kernel's bound of ports on one bridge (`BR_MAX_PORTS`, net/bridge/br_private.h).
const BRIDGE_MAX_PORTS: u16 = 1023;
const _: () = assert!(GUESTS_PER_SLICE <= BRIDGE_MAX_PORTS);
/// Offset of the first guest in a slice.
const FIRST_GUEST: u32 = 2;

/// An IPv4 range such as `172.16.0.0/12`: at most 22 bits of prefix, so that it holds at least one bridge's slice, and
/// at least 8, so that the number of bridges fits 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subnet {
    base: u32,
    prefix_len: u8,
}

impl Subnet {
    /// The range that starts at `base` with that prefix.
    ///
    /// # Errors
    ///
    /// [`Error::Subnet`] if the prefix is not from 8 to 22 bits or `base` has bits beyond it.
    pub fn new(base: Ipv4Addr, prefix_len: u8) -> Result<Self, Error> {
        let base = u32::from(base);
        if (8..=SLICE_PREFIX).contains(&prefix_len) && base & !mask(prefix_len) == 0 {
            Ok(Self { base, prefix_len })
        } else {
            Err(Error::Subnet {
                text: format!("{}/{prefix_len}", Ipv4Addr::from(base)),
            })
        }
    }

    /// First address of the range.
    #[must_use]
    pub fn base(self) -> Ipv4Addr {
        Ipv4Addr::from(self.base)
    }

    /// Length of the prefix, in bits.
    #[must_use]
    pub const fn prefix_len(self) -> u8 {
        self.prefix_len
    }

    /// Whether `address` lies in the range.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & mask(self.prefix_len) == self.base
    }

    /// How many bridges the range has room for.
    pub(crate) const fn slices(self) -> u32 {
        1 << (SLICE_PREFIX - self.prefix_len)
    }

    /// The gateway of that bridge.
    pub(crate) fn gateway(self, bridge: u16) -> Ipv4Addr {
        Ipv4Addr::from(self.base + u32::from(bridge) * SLICE_SIZE + 1)
    }

    /// The slot of a guest's address, or nothing if no guest can have that address.
    pub(crate) fn slot(self, address: Ipv4Addr) -> Option<Slot> {
        let offset = u32::from(address)
            .checked_sub(self.base)
            .filter(|_| self.contains(address))?;
        let guest = (offset % SLICE_SIZE).checked_sub(FIRST_GUEST)?;
        let slot = Slot {
            bridge: u16::try_from(offset / SLICE_SIZE).ok()?,
            guest: u16::try_from(guest).ok()?,
        };
        (slot.guest < GUESTS_PER_SLICE).then_some(slot)
    }

    /// The guest's address of a slot.
    pub(crate) fn address(self, slot: Slot) -> Ipv4Addr {
        Ipv4Addr::from(self.base + u32::from(slot.bridge) * SLICE_SIZE + FIRST_GUEST + u32::from(slot.guest))
    }

    /// All that the guest of a slot is told.
    pub(crate) fn attachment(self, slot: Slot) -> Attachment {
        let address = self.address(slot);
        let gateway = self.gateway(slot.bridge);
        Attachment {
            tap: slot.tap(),
            mac: MacAddress::of(address),
            address,
            prefix_len: SLICE_PREFIX,
            gateway,
            nameserver: gateway,
        }
    }
}

impl Default for Subnet {
    /// 172.16.0.0/12.
    fn default() -> Self {
        Self {
            base: u32::from(Ipv4Addr::new(172, 16, 0, 0)),
            prefix_len: 12,
        }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base(), self.prefix_len)
    }
}

impl FromStr for Subnet {
    type Err = Error;

    /// # Errors
    ///
    /// [`Error::Subnet`], see [`Subnet::new`].
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split_once('/')
            .and_then(|(base, prefix)| Some((base.parse().ok()?, prefix.parse().ok()?)))
            .ok_or_else(|| Error::Subnet {
                text: text.to_owned(),
            })
            .and_then(|(base, prefix)| Self::new(base, prefix))
    }
}

/// One place for a guest: a bridge, and its number on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Slot {
    /// Number of the bridge.
    pub(crate) bridge: u16,
    /// Number of the guest on the bridge, less than [`GUESTS_PER_SLICE`].
    pub(crate) guest: u16,
}

impl Slot {
    /// Name of the tap, unique in the namespace: `tap` and the offset of the address in the range.
    pub(crate) fn tap(self) -> String {
        let offset = u32::from(self.bridge) * SLICE_SIZE + FIRST_GUEST + u32::from(self.guest);
        format!("{TAP_PREFIX}{offset}")
    }
}

/// What the names of our taps begin with.
pub(crate) const TAP_PREFIX: &str = "tap";

/// Name of a bridge.
pub(crate) fn bridge_name(bridge: u16) -> String {
    format!("uigniter{bridge}")
}

/// The netmask of a prefix of up to 32 bits.
pub(crate) fn netmask(prefix_len: u8) -> Ipv4Addr {
    Ipv4Addr::from(mask(prefix_len))
}

const fn mask(prefix_len: u8) -> u32 {
    match prefix_len {
        0 => 0,
        bits => u32::MAX << (32 - bits as u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_its_own_address_inside_its_slice() {
        let subnet = Subnet::default();
        for bridge in [0, 1, 1023] {
            let mut addresses = std::collections::HashSet::new();
            for guest in 0..GUESTS_PER_SLICE {
                let slot = Slot { bridge, guest };
                let attachment = subnet.attachment(slot);
                assert_eq!(subnet.slot(attachment.address), Some(slot));
                assert!(addresses.insert(attachment.address));
                assert_eq!(
                    u32::from(attachment.address) & mask(22),
                    u32::from(attachment.gateway) & mask(22)
                );
                assert!(attachment.tap.len() < 16, "IFNAMSIZ");
            }
        }
    }

    #[test]
    fn gateway_network_broadcast_and_strangers_have_no_slot() {
        let subnet = Subnet::default();
        for address in [
            "172.16.0.0",
            "172.16.0.1",
            "172.16.3.255",
            "172.16.4.1",
            "172.32.0.2",
            "10.0.0.2",
            "0.0.0.0",
        ] {
            assert_eq!(subnet.slot(address.parse().unwrap()), None, "{address}");
        }
        assert_eq!(
            subnet.attachment(Slot { bridge: 1, guest: 0 }).netmask(),
            Ipv4Addr::new(255, 255, 252, 0)
        );
    }

    #[test]
    fn ranges_that_cannot_be_cut_are_refused() {
        for text in [
            "172.16.0.0/23",
            "172.16.0.0/7",
            "172.16.0.1/12",
            "172.16.0.0",
            "x/12",
            "172.16.0.0/",
        ] {
            assert!(
                matches!(text.parse::<Subnet>(), Err(Error::Subnet { text: t }) if t == text),
                "{text}"
            );
        }
        assert_eq!(
            "10.9.4.0/22".parse::<Subnet>().unwrap().to_string(),
            "10.9.4.0/22"
        );
    }
}
