//! The wire-free types of published ports: what is asked for and what came of it.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::str::FromStr;

/// Transport of a published port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Protocol {
    /// TCP, proxied with half-close and backpressure.
    #[default]
    Tcp,
    /// UDP, one flow per client address.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A wish to publish a port: `[HOST_IP:][HOST_PORT:]GUEST_PORT[/tcp|/udp]`, parsed by [`FromStr`].
///
/// ```
/// use uigniter_network::{PortMapping, Protocol};
/// let mapping: PortMapping = "127.0.0.1:8080:80/tcp".parse()?;
/// assert_eq!((mapping.host_port, mapping.guest_port, mapping.protocol), (8080, 80, Protocol::Tcp));
/// assert_eq!("80".parse::<PortMapping>()?.host_port, 0, "any free port");
/// # Ok::<(), uigniter_network::ParseMappingError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PortMapping {
    /// Address of the host to listen on.
    pub host_ip: Ipv4Addr,
    /// Port of the host; 0 lets the host choose one.
    pub host_port: u16,
    /// Port of the guest, never 0.
    pub guest_port: u16,
    /// Transport.
    pub protocol: Protocol,
}

impl fmt::Display for PortMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}/{}",
            self.host_ip, self.host_port, self.guest_port, self.protocol
        )
    }
}

/// Why a port mapping could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a port mapping; write [HOST_IP:][HOST_PORT:]GUEST_PORT[/tcp|/udp], for example 127.0.0.1:8080:80"
)]
pub struct ParseMappingError {
    /// The text as it was given.
    pub text: String,
}

impl FromStr for PortMapping {
    type Err = ParseMappingError;

    /// # Errors
    ///
    /// [`ParseMappingError`] if the text has another shape, a port is no number up to 65,535, or the guest port is 0.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| ParseMappingError {
            text: text.to_owned(),
        })
    }
}

fn parse(text: &str) -> Option<PortMapping> {
    let (ports, protocol) = match text.rsplit_once('/') {
        None | Some((_, "tcp")) => (text.strip_suffix("/tcp").unwrap_or(text), Protocol::Tcp),
        Some((ports, "udp")) => (ports, Protocol::Udp),
        Some(_) => return None,
    };
    let mut parts = ports.rsplit(':');
    let guest_port = port(parts.next()?)?;
    let host_port = parts.next().map_or(Some(0), port)?;
    let host_ip = parts
        .next()
        .map_or(Some(Ipv4Addr::LOCALHOST), |ip| ip.parse().ok())?;
    let whole = parts.next().is_none() && guest_port != 0;
    whole.then_some(PortMapping {
        host_ip,
        host_port,
        guest_port,
        protocol,
    })
}

/// A port as digits only: `u16::from_str` would take `+80`.
fn port(text: &str) -> Option<u16> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// A port that is published now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The owner that [`publish`](crate::Network::publish) was called with.
    pub owner: String,
    /// Where the host listens; the port is the real one also where any port was asked for.
    pub host: SocketAddr,
    /// Where it leads to in the namespace.
    pub guest: SocketAddrV4,
    /// Transport.
    pub protocol: Protocol,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_print_and_parse_back() {
        for text in ["127.0.0.1:8080:80/tcp", "0.0.0.0:0:53/udp"] {
            assert_eq!(text.parse::<PortMapping>().unwrap().to_string(), text);
        }
        assert_eq!(
            "8080:80".parse::<PortMapping>().unwrap().to_string(),
            "127.0.0.1:8080:80/tcp"
        );
        assert_eq!(
            "80/udp".parse::<PortMapping>().unwrap().to_string(),
            "127.0.0.1:0:80/udp"
        );
    }

    #[test]
    fn other_shapes_are_refused() {
        for text in [
            "",
            ":",
            "80:",
            "a:80",
            "80/sctp",
            "/udp",
            "1:2:3:4",
            "8080:0",
            "65536",
            "+80",
            "::1:80:80",
            "80/tcp/tcp",
        ] {
            let error = text.parse::<PortMapping>().unwrap_err();
            assert_eq!(error.text, text);
        }
    }
}
