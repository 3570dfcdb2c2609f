//! A responder for the names of instances, on the gateway address of every bridge (RFC 1035).
//!
//! It knows `NAME` and `NAME.uigniter`, type A. Every other name does not exist (`NXDOMAIN`): the namespace leads nowhere
//! else, and resolvers such as musl's take that for an answer, but wait out their timeout on `REFUSED`.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, RCODE, ResourceRecord, TYPE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Error;
use crate::error::Result;
use crate::lease::check_name;

/// Port of DNS.
const PORT: u16 = 53;
/// The domain that every name is in too.
const DOMAIN: &str = "uigniter";
/// Longest label (RFC 1035, section 2.3.4).
const MAX_LABEL_BYTES: usize = 63;
/// How long an answer may be kept, in seconds: addresses change hands.
const TTL_SECONDS: u32 = 0;
/// Longest query that is read, in bytes; with EDNS(0) cookies and the like they stay far below.
const MAX_QUERY_BYTES: usize = 1232;
/// TCP clients at a time and bridge.
const MAX_CLIENTS: usize = 64;
/// How long a TCP client may take for one query (RFC 7766, section 6.2.3 leaves the number open).
const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);

/// The table of names, shared by all responders.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    table: Arc<RwLock<HashMap<String, (String, Ipv4Addr)>>>,
}

impl Names {
    /// Lets `name` resolve to `address` as long as `owner` has it.
    pub(crate) fn set(&self, owner: &str, name: &str, address: Ipv4Addr) -> Result<()> {
        check_name("a name", name, MAX_LABEL_BYTES)?;
        let name = name.to_ascii_lowercase();
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        match table.get(&name) {
            Some((other, _)) if other != owner => Err(Error::NameTaken {
                name,
                owner: other.clone(),
            }),
            _ => {
                table.insert(name, (owner.to_owned(), address));
                Ok(())
            }
        }
    }

    /// Forgets the names of `owner`.
    pub(crate) fn clear(&self, owner: &str) {
        self.table
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, (kept, _)| kept != owner);
    }

    /// The address of a name as it stands in a query.
    fn resolve(&self, name: &Name<'_>) -> Option<Ipv4Addr> {
        // A label may hold a dot in the table, as owners' names may; on the wire it came as two labels.
        let mut text = name.to_string().to_ascii_lowercase();
        if let Some(short) = text.strip_suffix(DOMAIN).and_then(|rest| rest.strip_suffix('.')) {
            text = short.to_owned();
        }
        self.table
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&text)
            .map(|(_, address)| *address)
    }
}

/// Answers on a gateway until it is dropped. Must run on a thread of the namespace.
pub(crate) async fn serve(gateway: Ipv4Addr, names: Names) -> io::Result<()> {
    let address = SocketAddrV4::new(gateway, PORT);
    let udp = UdpSocket::bind(address).await?;
    let tcp = TcpListener::bind(address).await?;
    tokio::try_join!(serve_udp(udp, names.clone()), serve_tcp(tcp, names)).map(drop)
}

async fn serve_udp(socket: UdpSocket, names: Names) -> io::Result<()> {
    let mut query = [0; MAX_QUERY_BYTES];
    loop {
        // An error here is about an earlier answer (ICMP), not about the socket.
        let Ok((length, client)) = socket.recv_from(&mut query).await else {
            continue;
        };
        if let Some(answer) = answer(&query[..length], &names) {
            drop(socket.try_send_to(&answer, client));
        }
    }
}

async fn serve_tcp(listener: TcpListener, names: Names) -> io::Result<()> {
    let permits = Arc::new(Semaphore::new(MAX_CLIENTS));
    let mut clients = JoinSet::new();
    loop {
        let permit = Arc::clone(&permits)
            .acquire_owned()
            .await
            .map_err(io::Error::other)?;
        let (client, _) = listener.accept().await?;
        let names = names.clone();
        while clients.try_join_next().is_some() {}
        clients.spawn(async move {
            // What a client does wrong ends its connection and nothing else.
            drop(serve_client(client, &names).await);
            drop(permit);
        });
    }
}

/// Messages with a length of two bytes before each (RFC 1035, section 4.2.2).
async fn serve_client(mut client: TcpStream, names: &Names) -> io::Result<()> {
    loop {
        let exchange = async {
            let mut query = vec![0; usize::from(client.read_u16().await?)];
            client.read_exact(&mut query).await?;
            let answer = answer(&query, names).ok_or(io::ErrorKind::InvalidData)?;
            let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
            client
                .write_all(&[&length.to_be_bytes(), answer.as_slice()].concat())
                .await
        };
        tokio::time::timeout(CLIENT_TIMEOUT, exchange).await??;
    }
}

/// The answer to a message, or nothing if it deserves none.
fn answer(message: &[u8], names: &Names) -> Option<Vec<u8>> {
    let Ok(query) = Packet::parse(message) else {
        return refuse_unread(message);
    };
    if query.has_flags(PacketFlag::RESPONSE) {
        return None;
    }
    let mut reply = Packet::new_reply(query.id());
    *reply.opcode_mut() = query.opcode();
    reply.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    if query.has_flags(PacketFlag::RECURSION_DESIRED) {
        reply.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    *reply.rcode_mut() = match (query.opcode(), query.questions.as_slice()) {
        (OPCODE::StandardQuery, [question]) if question.qclass == QCLASS::CLASS(CLASS::IN) => {
            match names.resolve(&question.qname) {
                None => RCODE::NameError,
                Some(address) => {
                    if matches!(question.qtype, QTYPE::TYPE(TYPE::A) | QTYPE::ANY) {
                        let data = RData::A(A {
                            address: address.into(),
                        });
                        let record =
                            ResourceRecord::new(question.qname.clone(), CLASS::IN, TTL_SECONDS, data);
                        reply.answers.push(record);
                    }
                    RCODE::NoError
                }
            }
        }
        (OPCODE::StandardQuery, [_]) => RCODE::Refused,
        (OPCODE::StandardQuery, _) => RCODE::FormatError,
        _ => RCODE::NotImplemented,
    };
    reply.questions = query.questions.into_iter().take(1).collect();
    reply.build_bytes_vec_compressed().ok()
}

/// `FORMERR` for a query that cannot be read; silence for what is no query, or two responders could talk for ever.
fn refuse_unread(message: &[u8]) -> Option<Vec<u8>> {
    let header: [u8; 3] = message.get(..3)?.try_into().ok()?;
    let id = u16::from_be_bytes([header[0], header[1]]);
    let mut reply = Packet::new_reply(id);
    *reply.rcode_mut() = RCODE::FormatError;
    let is_query = header[2] & 0x80 == 0 && message.len() >= 12;
    is_query.then(|| reply.build_bytes_vec().ok())?
}

#[cfg(test)]
mod tests;
