//! Netlink messages: taking requests apart, putting answers together (`netlink(7)`, `netlink(3)`).

use super::route;
use crate::errno::Errno;
use alloc::{vec, vec::Vec};

/// Length of a `struct nlmsghdr`.
pub(super) const HEADER: usize = 16;
/// Types below this are the protocol's own.
const NLMSG_MIN_TYPE: u16 = 0x10;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_MULTI: u16 = 2;
const NLM_F_ACK: u16 = 4;
/// `NLM_F_ROOT | NLM_F_MATCH`.
const NLM_F_DUMP: u16 = 0x300;
/// A dump is cut into datagrams of about this length.
const CHUNK: usize = 4096;

/// A request's header, and what follows it.
pub(super) struct Request<'a> {
    pub(super) kind: u16,
    flags: u16,
    sequence: u32,
    /// The port of who asks.
    port: u32,
    whole: &'a [u8],
}

impl Request<'_> {
    pub(super) fn body(&self) -> &[u8] {
        self.whole.get(HEADER..).unwrap_or_default()
    }

    pub(super) fn is_dump(&self) -> bool {
        self.flags & NLM_F_DUMP == NLM_F_DUMP
    }

    /// A message for the answer; `body` is complete but for its length.
    fn message(&self, kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
        let len = HEADER + body.len();
        let mut out = Vec::with_capacity(len.next_multiple_of(4));
        out.extend_from_slice(&(len as u32).to_ne_bytes());
        out.extend_from_slice(&kind.to_ne_bytes());
        out.extend_from_slice(&flags.to_ne_bytes());
        out.extend_from_slice(&self.sequence.to_ne_bytes());
        out.extend_from_slice(&self.port.to_ne_bytes());
        out.extend_from_slice(body);
        out.resize(len.next_multiple_of(4), 0);
        out
    }

    /// `NLMSG_ERROR`: of an error with the request, of an acknowledgement with its header.
    fn error(&self, error: Option<Errno>) -> Vec<u8> {
        let number = error.map_or(0, |errno| -i32::from(errno.0));
        let mut body = number.to_ne_bytes().to_vec();
        body.extend_from_slice(match error {
            Some(_) => self.whole,
            None => self.whole.get(..HEADER).unwrap_or_default(),
        });
        self.message(NLMSG_ERROR, 0, &body)
    }
}

/// The datagrams that answer a datagram of requests. Malformed ones end it, as on Linux.
pub(super) fn answer(mut bytes: &[u8], port: u32) -> Vec<Vec<u8>> {
    let mut answers = Vec::new();
    while let Some(&[l0, l1, l2, l3, k0, k1, f0, f1, s0, s1, s2, s3, ..]) = bytes.first_chunk::<HEADER>() {
        let len = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let Some(whole) = bytes.get(..len).filter(|_| len >= HEADER) else {
            break;
        };
        let request = Request {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            port,
            whole,
        };
        serve(&request, &mut answers);
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    answers
}

fn serve(request: &Request<'_>, answers: &mut Vec<Vec<u8>>) {
    let wanted = request.flags & NLM_F_REQUEST != 0 && request.kind >= NLMSG_MIN_TYPE;
    let result = if wanted { route::look_up(request) } else { Ok(None) };
    match result {
        Ok(Some((kind, bodies))) if request.is_dump() => dump(request, kind, &bodies, answers),
        Ok(found) => {
            if let Some((kind, bodies)) = found {
                answers.extend(bodies.iter().map(|body| request.message(kind, 0, body)));
            }
            if request.flags & NLM_F_ACK != 0 {
                answers.push(request.error(None));
            }
        }
        Err(errno) => answers.push(request.error(Some(errno))),
    }
}

fn dump(request: &Request<'_>, kind: u16, bodies: &[Vec<u8>], answers: &mut Vec<Vec<u8>>) {
    let mut chunk = Vec::new();
    for body in bodies {
        if chunk.len() + HEADER + body.len() > CHUNK && !chunk.is_empty() {
            answers.push(core::mem::take(&mut chunk));
        }
        chunk.extend_from_slice(&request.message(kind, NLM_F_MULTI, body));
    }
    if !chunk.is_empty() {
        answers.push(chunk);
    }
    answers.push(request.message(NLMSG_DONE, NLM_F_MULTI, &0i32.to_ne_bytes()));
}

/// Appends an attribute (`rtnetlink(3)`).
pub(super) fn attribute(out: &mut Vec<u8>, kind: u16, data: &[u8]) {
    let len = (4 + data.len()) as u16;
    out.extend_from_slice(&len.to_ne_bytes());
    out.extend_from_slice(&kind.to_ne_bytes());
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The data of an attribute in a run of them.
pub(super) fn find(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    while let Some(&[l0, l1, k0, k1]) = bytes.first_chunk::<4>() {
        let len = usize::from(u16::from_ne_bytes([l0, l1]));
        let data = bytes.get(4..len)?;
        if u16::from_ne_bytes([k0, k1]) == wanted {
            return Some(data);
        }
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
    None
}

/// A body that begins with these words.
pub(super) fn body(words: &[u32]) -> Vec<u8> {
    let mut out = vec![];
    for word in words {
        out.extend_from_slice(&word.to_ne_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request for all links, addresses or routes.
    fn request(kind: u16, flags: u16, family: u8) -> Vec<u8> {
        let mut bytes = 17u32.to_ne_bytes().to_vec();
        bytes.extend_from_slice(&kind.to_ne_bytes());
        bytes.extend_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(&7u32.to_ne_bytes());
        bytes.extend_from_slice(&0u32.to_ne_bytes());
        bytes.extend_from_slice(&[family, 0, 0, 0]);
        bytes
    }

    #[test]
    fn a_dump_ends_with_done() {
        for kind in [18, 22, 26] {
            let answers = answer(&request(kind, NLM_F_REQUEST | NLM_F_DUMP, 0), 5);
            let last = answers.last().unwrap();
            assert_eq!(u16::from_ne_bytes([last[4], last[5]]), NLMSG_DONE);
            assert_eq!((last[8], last[12]), (7, 5));
        }
    }

    #[test]
    fn any_bytes_are_answered_without_a_panic() {
        let mut seed = 3u64;
        let mut random = || {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 40) as usize
        };
        for _ in 0..30_000 {
            let kinds = [16, 18, 19, 22, 26, 30];
            let flags = NLM_F_REQUEST | (random() as u16 & (NLM_F_DUMP | NLM_F_ACK));
            let mut bytes = request(kinds[random() % 6], flags, random() as u8);
            bytes.extend((0..random() % 40).map(|at| at as u8));
            let len = bytes.len();
            bytes[0] = (random() % (len + 4)) as u8;
            for _ in 0..random() % 4 {
                bytes[random() % len] = random() as u8;
            }
            bytes.truncate(random() % (len + 1));
            answer(&bytes, 1);
            find(&bytes, 3);
        }
    }
}
