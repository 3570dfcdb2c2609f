//! Published ports: a port of the host's that leads to a port of an instance.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One published port. Its short form, `[HOST_IP:][HOST_PORT:]GUEST_PORT[/tcp|udp]`, is read by [`FromStr`].
///
/// ```
/// use uigniter_api::publish::PortMapping;
/// let port: PortMapping = "127.0.0.1:8080:80".parse()?;
/// assert_eq!((port.host_port, port.guest_port), (8080, 80));
/// assert_eq!(port.to_string(), "127.0.0.1:8080:80/tcp");
/// # Ok::<(), uigniter_api::publish::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PortMapping {
    /// Address on the host; loopback unless said otherwise.
    #[serde(default = "loopback")]
    pub host_ip: Ipv4Addr,
    /// Port on the host; 0 takes a free one, and the instance's description then says which.
    #[serde(default)]
    pub host_port: u16,
    /// Port in the guest, 1 to 65535.
    pub guest_port: u16,
    /// Transport.
    #[serde(default)]
    pub protocol: Protocol,
}

/// Transport protocols that can be published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

const fn loopback() -> Ipv4Addr {
    Ipv4Addr::LOCALHOST
}

/// A short form that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot publish '{0}': expected [HOST_IP:][HOST_PORT:]GUEST_PORT[/tcp|udp], for instance 127.0.0.1:8080:80"
)]
pub struct ParseError(String);

impl FromStr for PortMapping {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text).ok_or_else(|| ParseError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<PortMapping> {
    let (ports, protocol) = match text.rsplit_once('/') {
        Some((ports, "tcp")) => (ports, Protocol::Tcp),
        Some((ports, "udp")) => (ports, Protocol::Udp),
        Some(_) => return None,
        None => (text, Protocol::Tcp),
    };
    let (front, guest) = ports.rsplit_once(':').unwrap_or(("", ports));
    let (ip, host) = front.rsplit_once(':').unwrap_or(("", front));
    let guest_port = number(guest).filter(|port| *port != 0)?;
    let host_port = if host.is_empty() { 0 } else { number(host)? };
    let host_ip = if ip.is_empty() {
        loopback()
    } else {
        ip.parse().ok()?
    };
    Some(PortMapping {
        host_ip,
        host_port,
        guest_port,
        protocol,
    })
}

/// Digits only: `u16::from_str` would take `+80`.
fn number(text: &str) -> Option<u16> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
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

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_read_and_written() {
        for (text, full) in [
            ("80", "127.0.0.1:0:80/tcp"),
            ("8080:80", "127.0.0.1:8080:80/tcp"),
            ("0.0.0.0:8080:80/udp", "0.0.0.0:8080:80/udp"),
            ("127.0.0.1::80", "127.0.0.1:0:80/tcp"),
        ] {
            let mapping: PortMapping = text.parse().unwrap();
            assert_eq!(mapping.to_string(), full);
            assert_eq!(full.parse(), Ok(mapping));
        }
    }

    #[test]
    fn others_are_refused_by_name() {
        for text in [
            "",
            "0",
            "x",
            "1:2:3:4",
            "80/icmp",
            "70000",
            "8080:0",
            "host:1:2",
            "[::1]:8080:80",
            "+80",
        ] {
            let error = text.parse::<PortMapping>().unwrap_err();
            assert!(error.to_string().contains(&format!("'{text}'")), "{error}");
        }
    }
}
