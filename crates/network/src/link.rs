//! Bridges and taps, by rtnetlink (rtnetlink(7)).
//!
//! A tap is a **quiet** port: who has which address and MAC is known beforehand, so the kernel is told at once. The
//! bridge answers ARP itself from a permanent neighbour entry (`IFLA_BRPORT_PROXYARP`), the forwarding entry is static,
//! and neither broadcast nor unknown unicast is flooded to a guest. No guest wakes up for another one's traffic, and the
//! first packet to a new guest waits for no ARP answer.

use std::io;
use std::net::Ipv4Addr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::link::{LinkAttribute, LinkMessage};
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::RouteType;
use rtnetlink::{Handle, LinkBridge, LinkBridgePort, LinkMessageBuilder, LinkUnspec};

use crate::error::Result;
use crate::subnet::SLICE_PREFIX;
use crate::{Attachment, Error, MacAddress, tap};

/// Group of the taps that are about to go: the kernel removes a group at the price of one.
const DOOMED_GROUP: u32 = 0x7569_0001;

/// A netlink connection of the namespace that it was opened in.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    handle: Handle,
}

/// A link of the namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) index: u32,
}

impl Links {
    /// Opens a connection. Must be called on a thread of the namespace, whose runtime then serves the connection.
    pub(crate) fn open() -> Result<Self> {
        let (connection, handle, _) =
            rtnetlink::new_connection().map_err(|error| Error::namespace("open a netlink socket", error))?;
        tokio::spawn(connection);
        Ok(Self { handle })
    }

    /// All links whose name begins with `prefix` and ends in a number.
    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<Link>> {
        let all: Vec<LinkMessage> = self
            .handle
            .link()
            .get()
            .execute()
            .try_collect()
            .await
            .map_err(|error| failed("list links", error))?;
        let numbered = |name: &str| {
            name.strip_prefix(prefix)
                .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        Ok(all
            .into_iter()
            .filter_map(link)
            .filter(|link| numbered(&link.name))
            .collect())
    }

    /// Sets a link up.
    pub(crate) async fn up(&self, name: &str) -> Result<()> {
        let change = LinkUnspec::new_with_name(name).up().build();
        self.handle
            .link()
            .change(change)
            .execute()
            .await
            .map_err(|error| failed(format!("set {name} up"), error))
    }

    /// Makes the bridge if it is absent, gives it its address, and sets it up. Returns its index.
    pub(crate) async fn ensure_bridge(&self, name: &str, gateway: Ipv4Addr) -> Result<u32> {
        let failed = |error| failed(format!("make bridge {name}"), error);
        if index(name).is_none() {
            // The MAC is set, or it would be the lowest of the ports and change under the guests.
            let bridge: LinkMessageBuilder<LinkBridge> =
                LinkBridge::new(name).address(MacAddress::of(gateway).0.to_vec());
            let bridge = bridge.mcast_snooping(false).up().build();
            self.handle.link().add(bridge).execute().await.map_err(failed)?;
        }
        let index =
            index(name).ok_or_else(|| Error::link(format!("find bridge {name}"), io::ErrorKind::NotFound))?;
        self.handle
            .address()
            .add(index, gateway.into(), SLICE_PREFIX)
            .replace()
            .execute()
            .await
            .map_err(failed)?;
        self.up(name).await?;
        Ok(index)
    }

    /// Makes the tap of an attachment on that bridge if it is absent, and sets it up.
    pub(crate) async fn ensure_tap(&self, attachment: &Attachment, bridge: u32) -> Result<()> {
        let name = &attachment.tap;
        let failed = |error| failed(format!("make tap {name}"), error);
        if index(name).is_none() {
            tap::create_persistent(name).map_err(|error| Error::link(format!("make tap {name}"), error))?;
        }
        let index =
            index(name).ok_or_else(|| Error::link(format!("find tap {name}"), io::ErrorKind::NotFound))?;
        let mac = attachment.mac.0;
        let join = LinkUnspec::new_with_index(index).controller(bridge).up().build();
        self.handle.link().change(join).execute().await.map_err(failed)?;
        let quiet = LinkBridgePort::new(index)
            .proxy_arp(true)
            .flood(false)
            .bcast_flood(false)
            .mcast_flood(false);
        // "No ARP" is a static entry; "permanent" would mean the bridge's own address.
        let forward = self
            .handle
            .neighbours()
            .add_bridge(index, &mac)
            .state(NeighbourState::Noarp);
        let forward = forward.flags(NeighbourFlags::Controller).replace();
        let neighbour = self.handle.neighbours().add(bridge, attachment.address.into());
        // One after the other on the wire, but without waiting for each answer.
        tokio::try_join!(
            self.handle.link().set_port(quiet.build()).execute(),
            forward.execute(),
            neighbour.link_layer_address(&mac).replace().execute(),
        )
        .map_err(failed)?;
        Ok(())
    }

    /// Forgets the neighbour entry of a guest that is going. One that is gone already is no error.
    pub(crate) async fn forget_neighbour(&self, address: Ipv4Addr, bridge: u32) {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.ifindex = bridge;
        message.header.kind = RouteType::Unspec;
        message
            .attributes
            .push(NeighbourAttribute::Destination(NeighbourAddress::Inet(address)));
        if let Err(error) = self.handle.neighbours().del(message).execute().await {
            tracing::debug!(%address, %error, "no neighbour entry to forget");
        }
    }

    /// Removes links, all at the price of about one: the kernel waits once for those of one group.
    pub(crate) async fn remove(&self, links: &[Link]) -> Result<()> {
        let names = || match links {
            [link] => format!("remove {}", link.name),
            links => format!("remove {} links", links.len()),
        };
        let gone = |result| match result {
            Err(error) if is_no_device(&error) => Ok(()),
            other => other.map_err(|error| failed(names(), error)),
        };
        if let [link] = links {
            return gone(self.handle.link().del(link.index).execute().await);
        }
        for link in links {
            let doom = LinkUnspec::new_with_index(link.index)
                .link_group(DOOMED_GROUP)
                .build();
            gone(self.handle.link().change(doom).execute().await)?;
        }
        let group = LinkMessageBuilder::<LinkUnspec>::new()
            .link_group(DOOMED_GROUP)
            .build();
        gone(self.handle.link().del_with_message(group).execute().await)
    }
}

/// Index of a link in the namespace of the calling thread.
pub(crate) fn index(name: &str) -> Option<u32> {
    nix::net::if_::if_nametoindex(name).ok()
}

fn link(message: LinkMessage) -> Option<Link> {
    let index = message.header.index;
    message
        .attributes
        .into_iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(Link { name, index }),
            _ => None,
        })
}

fn is_no_device(error: &rtnetlink::Error) -> bool {
    matches!(error, rtnetlink::Error::NetlinkError(message) if message.raw_code() == -libc::ENODEV)
}

fn failed(action: impl Into<String>, error: rtnetlink::Error) -> Error {
    let source = match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    };
    Error::link(action, source)
}
