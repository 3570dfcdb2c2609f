//! Who has which local port.

use crate::errno::{Errno, Result};
use alloc::{collections::BTreeMap, vec::Vec};
use core::{net::IpAddr, ops::RangeInclusive};

/// Ports that are handed out where a program names none (`ip(7)`, `ip_local_port_range`).
pub(super) const EPHEMERAL: RangeInclusive<u16> = 32_768..=60_999;

/// The two kinds of port numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// Names one binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BindingId {
    protocol: Protocol,
    port: u16,
    serial: u64,
}

/// `SO_REUSEADDR` and `SO_REUSEPORT` (`socket(7)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reuse {
    /// `SO_REUSEADDR`.
    pub(super) address: bool,
    /// `SO_REUSEPORT`.
    pub(super) port: bool,
}

#[derive(Debug)]
struct Binding {
    serial: u64,
    address: Bound,
    reuse: Reuse,
    listening: bool,
}

/// The table of bindings.
#[derive(Debug, Default)]
pub(super) struct Ports {
    bindings: BTreeMap<(Protocol, u16), Vec<Binding>>,
    serial: u64,
}

impl Ports {
    /// Binds a port other than 0.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE`.
    pub(super) fn bind(
        &mut self,
        protocol: Protocol,
        address: Bound,
        port: u16,
        reuse: Reuse,
    ) -> Result<BindingId> {
        let others = self.bindings.entry((protocol, port)).or_default();
        let conflict = others.iter().any(|other| {
            let shared_address = reuse.address && other.reuse.address && !other.listening;
            overlap(other.address, address) && !(shared_address || reuse.port && other.reuse.port)
        });
        if conflict {
            return Err(Errno::EADDRINUSE);
        }
        self.serial += 1;
        others.push(Binding {
            serial: self.serial,
            address,
            reuse,
            listening: false,
        });
        Ok(BindingId {
            protocol,
            port,
            serial: self.serial,
        })
    }

    /// Marks a TCP binding as listening.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE` if another one listens there.
    pub(super) fn listen(&mut self, id: BindingId) -> Result<()> {
        let all = self
            .bindings
            .get_mut(&(id.protocol, id.port))
            .ok_or(Errno::EINVAL)?;
        let at = all
            .iter()
            .position(|binding| binding.serial == id.serial)
            .ok_or(Errno::EINVAL)?;
        let me = &all[at];
        let taken = all.iter().any(|other| {
            other.listening
                && other.serial != id.serial
                && overlap(other.address, me.address)
                && !(other.reuse.port && me.reuse.port)
        });
        if taken {
            return Err(Errno::EADDRINUSE);
        }
        all[at].listening = true;
        Ok(())
    }

    /// Gives a binding back.
    pub(super) fn release(&mut self, id: BindingId) {
        let key = (id.protocol, id.port);
        if let Some(all) = self.bindings.get_mut(&key) {
            all.retain(|binding| binding.serial != id.serial);
            if all.is_empty() {
                self.bindings.remove(&key);
            }
        }
    }

    /// True if nobody has bound that port.
    pub(super) fn is_free(&self, protocol: Protocol, port: u16) -> bool {
        !self.bindings.contains_key(&(protocol, port))
    }

    /// A port of the ephemeral range for which `usable` holds; the search starts at a place that `random` chooses.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE` if there is none.
    pub(super) fn ephemeral(random: u32, mut usable: impl FnMut(u16) -> bool) -> Result<u16> {
        let count = u32::from(EPHEMERAL.end() - EPHEMERAL.start()) + 1;
        (0..count)
            .map(|step| EPHEMERAL.start() + ((random % count + step) % count) as u16)
            .find(|&port| usable(port))
            .ok_or(Errno::EADDRINUSE)
    }
}

/// The address part of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    /// The address; an unspecified one is any of its family.
    pub(super) ip: IpAddr,
    /// An unspecified IPv6 address is any IPv4 address, too (`IPV6_V6ONLY` is off, `ipv6(7)`).
    pub(super) dual: bool,
}

impl Bound {
    /// True if packets to that address of ours belong here.
    pub(super) fn covers(&self, address: IpAddr) -> bool {
        self.ip == address || self.is_any_of(address)
    }

    /// True if that is so because any address of its family will do.
    pub(super) fn is_any_of(&self, address: IpAddr) -> bool {
        self.ip.is_unspecified() && (self.dual || self.ip.is_ipv4() == address.is_ipv4())
    }
}

fn overlap(a: Bound, b: Bound) -> bool {
    a.covers(b.ip) || b.covers(a.ip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};

    const ANY: Bound = bound(IpAddr::V4(Ipv4Addr::UNSPECIFIED), false);
    const LOCAL: Bound = bound(IpAddr::V4(Ipv4Addr::LOCALHOST), false);
    const ANY6: Bound = bound(IpAddr::V6(Ipv6Addr::UNSPECIFIED), false);
    const DUAL: Bound = bound(IpAddr::V6(Ipv6Addr::UNSPECIFIED), true);
    const fn bound(ip: IpAddr, dual: bool) -> Bound {
        Bound { ip, dual }
    }
    const NO: Reuse = Reuse {
        address: false,
        port: false,
    };
    const ADDRESS: Reuse = Reuse {
        address: true,
        port: false,
    };
    const PORT: Reuse = Reuse {
        address: false,
        port: true,
    };

    #[test]
    fn bindings_conflict_as_socket_7_says() {
        let mut ports = Ports::default();
        let first = ports.bind(Protocol::Tcp, ANY, 80, NO).unwrap();
        assert_eq!(
            ports.bind(Protocol::Tcp, LOCAL, 80, ADDRESS),
            Err(Errno::EADDRINUSE)
        );
        ports.bind(Protocol::Udp, ANY, 80, NO).unwrap();
        ports.release(first);
        let one = ports.bind(Protocol::Tcp, ANY, 80, ADDRESS).unwrap();
        let two = ports.bind(Protocol::Tcp, ANY, 80, ADDRESS).unwrap();
        ports.listen(one).unwrap();
        assert_eq!(ports.listen(two), Err(Errno::EADDRINUSE));
        assert_eq!(
            ports.bind(Protocol::Tcp, ANY, 80, ADDRESS),
            Err(Errno::EADDRINUSE)
        );
        let one = ports.bind(Protocol::Tcp, ANY, 81, PORT).unwrap();
        ports.listen(one).unwrap();
        let two = ports.bind(Protocol::Tcp, ANY, 81, PORT).unwrap();
        ports.listen(two).unwrap();
    }

    #[test]
    fn the_two_families_meet_where_a_binding_is_dual() {
        for (one, other, conflict) in [
            (ANY, ANY6, false),
            (ANY, DUAL, true),
            (LOCAL, DUAL, true),
            (LOCAL, ANY6, false),
            (ANY6, DUAL, true),
            (bound(IpAddr::V6(Ipv6Addr::LOCALHOST), true), ANY, false),
            (bound(IpAddr::V6(Ipv6Addr::LOCALHOST), true), ANY6, true),
        ] {
            for (one, other) in [(one, other), (other, one)] {
                let mut ports = Ports::default();
                ports.bind(Protocol::Tcp, one, 80, NO).unwrap();
                let second = ports.bind(Protocol::Tcp, other, 80, NO);
                assert_eq!(second.is_err(), conflict, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn ephemeral_ports_run_out() {
        assert_eq!(Ports::ephemeral(7, |_| false), Err(Errno::EADDRINUSE));
        assert_eq!(Ports::ephemeral(u32::MAX, |port| port == 60_999), Ok(60_999));
    }
}
