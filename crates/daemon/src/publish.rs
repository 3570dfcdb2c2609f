//! Published ports in the API's words and in the network's.

use uigniter_api::publish as api;
use uigniter_network as network;

pub(crate) fn to_network(mapping: &api::PortMapping) -> network::PortMapping {
    network::PortMapping {
        host_ip: mapping.host_ip,
        host_port: mapping.host_port,
        guest_port: mapping.guest_port,
        protocol: match mapping.protocol {
            api::Protocol::Tcp => network::Protocol::Tcp,
            api::Protocol::Udp => network::Protocol::Udp,
        },
    }
}

/// The mapping with the host port that was really taken.
pub(crate) fn from_network(taken: &network::Publication, asked: &api::PortMapping) -> api::PortMapping {
    api::PortMapping {
        host_port: taken.host.port(),
        ..asked.clone()
    }
}
