//! What an instance gets from the network: one tap, one MAC, one address.

use std::fmt;
use std::net::Ipv4Addr;

/// An Ethernet address, printed as `06:00:ac:10:00:02`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// The MAC that belongs to `address`: `06:00` (locally administered, unicast) and the four bytes of the address.
    ///
    /// Addresses are unique among live instances, so MACs are too, and an entry that some neighbour still keeps for an
    /// address is never wrong.
    #[must_use]
    pub const fn of(address: Ipv4Addr) -> Self {
        let [a, b, c, d] = address.octets();
        Self([0x06, 0x00, a, b, c, d])
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The network identity of one owner, valid until [`detach`](crate::Network::detach).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Name of the tap inside the namespace. It is persistent and was made with `IFF_TAP | IFF_NO_PI | IFF_VNET_HDR`;
    /// who opens it must use the same flags, or the kernel answers `EINVAL`.
    pub tap: String,
    /// The guest's MAC. Neighbour and forwarding entries are preset for it, so the guest must use it.
    pub mac: MacAddress,
    /// The guest's address.
    pub address: Ipv4Addr,
    /// Length of the network prefix, in bits.
    pub prefix_len: u8,
    /// The guest's default gateway: the bridge.
    pub gateway: Ipv4Addr,
    /// The guest's name server: the same address, port 53 over UDP and TCP.
    pub nameserver: Ipv4Addr,
}

impl Attachment {
    /// The prefix as a netmask, for example `255.255.252.0`.
    #[must_use]
    pub fn netmask(&self) -> Ipv4Addr {
        crate::subnet::netmask(self.prefix_len)
    }
}

/// What [`reconcile`](crate::Network::reconcile) found and mended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Owners that were not alive any more; their leases and taps are gone now.
    pub removed_owners: Vec<String>,
    /// Taps that no lease accounted for; removed.
    pub removed_taps: Vec<String>,
    /// Live owners whose tap was missing (the namespace had been destroyed) and was made again.
    pub restored_owners: Vec<String>,
}
