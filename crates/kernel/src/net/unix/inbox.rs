//! What waits for a reader at one end: bytes in runs for streams, whole messages for the other kinds.

use super::super::{
    address::Address,
    control::{Ancillary, Credentials},
    socket::Message,
};
use crate::file::OpenFile;
use alloc::{collections::VecDeque, sync::Arc, vec::Vec};

/// Bytes that may wait for a reader (`net.core.wmem_default`).
pub(super) const CAPACITY: usize = 212_992;
/// Most messages that wait at an end that is not the sender's own peer: one more than `net.unix.max_dgram_qlen`.
const MESSAGES: usize = 11;
/// Most messages that wait at all: each takes memory, however short it is. (Linux counts the memory, and ends near this number.)
const MESSAGES_CONNECTED: usize = 278;

/// What goes with bytes or a message.
#[derive(Clone, Debug, Default)]
pub(super) struct Extras {
    /// `SCM_RIGHTS`.
    pub(super) files: Vec<Arc<OpenFile>>,
    /// `SCM_CREDENTIALS`, where sender or receiver wanted them.
    pub(super) credentials: Option<Credentials>,
}

impl Extras {
    /// As control messages, in Linux's order; credentials only where the receiver wants them (`SO_PASSCRED`).
    fn into_control(self, pass_credentials: bool) -> Vec<Ancillary> {
        let mut control = Vec::new();
        if pass_credentials {
            let credentials = self.credentials.unwrap_or(Credentials::UNKNOWN);
            control.push(Ancillary::Credentials(credentials));
        }
        if !self.files.is_empty() {
            control.push(Ancillary::Files(self.files));
        }
        control
    }
}

/// Bytes of a stream that came with the same extras.
#[derive(Debug)]
struct Run {
    len: usize,
    extras: Extras,
}

#[derive(Debug)]
struct Packet {
    bytes: Vec<u8>,
    from: Vec<u8>,
    extras: Extras,
}

/// See the [module's documentation](self).
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: VecDeque<u8>,
    /// How `bytes` came; the sum of their lengths is that of `bytes`.
    runs: VecDeque<Run>,
    packets: VecDeque<Packet>,
    packet_bytes: usize,
}

impl Inbox {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.packets.is_empty()
    }

    /// Bytes that wait; of messages, those of the first (`FIONREAD`).
    pub(super) fn next_len(&self) -> usize {
        self.bytes.len() + self.packets.front().map_or(0, |packet| packet.bytes.len())
    }

    /// All bytes that wait.
    pub(super) fn used(&self) -> usize {
        self.bytes.len() + self.packet_bytes
    }

    /// True if no further message is taken; `mutual` where the two ends are each other's peers.
    pub(super) fn is_full_of_messages(&self, mutual: bool) -> bool {
        let most = if mutual { MESSAGES_CONNECTED } else { MESSAGES };
        self.packets.len() >= most
    }

    /// Bytes that a stream's writer may add now.
    pub(super) fn room(&self) -> usize {
        CAPACITY.saturating_sub(self.used())
    }

    /// Adds up to `limit` bytes to a stream.
    pub(super) fn push_bytes(&mut self, parts: &[&[u8]], limit: usize, extras: Extras) {
        let mut left = limit;
        for part in parts {
            let step = part.len().min(left);
            self.bytes.extend(&part[..step]);
            left -= step;
        }
        let len = limit - left;
        match self.runs.back_mut() {
            Some(last)
                if extras.files.is_empty()
                    && last.extras.files.is_empty()
                    && last.extras.credentials == extras.credentials =>
            {
                last.len += len;
            }
            _ => self.runs.push_back(Run { len, extras }),
        }
    }

    /// Adds a message.
    pub(super) fn push_packet(&mut self, bytes: Vec<u8>, from: Vec<u8>, extras: Extras) {
        self.packet_bytes += bytes.len();
        self.packets.push_back(Packet { bytes, from, extras });
    }

    /// Bytes of a stream that one read takes, of at most `room`: over runs without descriptors, and to the end of the first one that has some. Where the
    /// reader wants credentials, no further than they are the same (`unix(7)`).
    fn stretch(&self, room: usize, pass_credentials: bool) -> usize {
        let mut len = 0;
        for run in &self.runs {
            let first = self.runs.front().and_then(|run| run.extras.credentials);
            if len >= room || len > 0 && pass_credentials && run.extras.credentials != first {
                break;
            }
            len += run.len;
            if !run.extras.files.is_empty() {
                break;
            }
        }
        len.min(room)
    }

    /// True if the next read of up to `room` bytes would bring descriptors.
    pub(super) fn next_has_files(&self, room: usize) -> bool {
        let mut before = 0;
        let in_runs = self.runs.iter().any(|run| {
            let reached = before < room;
            before += run.len;
            reached && !run.extras.files.is_empty()
        });
        in_runs
            || self
                .packets
                .front()
                .is_some_and(|packet| !packet.extras.files.is_empty())
    }

    /// Reads from a stream.
    pub(super) fn take_bytes(
        &mut self,
        parts: &mut [&mut [u8]],
        peek: bool,
        pass_credentials: bool,
    ) -> Message {
        let room = parts.iter().map(|part| part.len()).sum();
        let len = self.stretch(room, pass_credentials);
        copy_out(&self.bytes, parts, len);
        let mut extras = Extras {
            files: Vec::new(),
            credentials: self.runs.front().and_then(|run| run.extras.credentials),
        };
        let mut left = len;
        for run in &mut self.runs {
            if left == 0 {
                break;
            }
            // Descriptors go with the first byte; what is left of the run is as any other.
            extras.files.extend(if peek {
                run.extras.files.clone()
            } else {
                core::mem::take(&mut run.extras.files)
            });
            let step = run.len.min(left);
            left -= step;
            if !peek {
                run.len -= step;
            }
        }
        if !peek {
            self.bytes.drain(..len);
            while self.runs.front().is_some_and(|run| run.len == 0) {
                self.runs.pop_front();
            }
        }
        Message {
            copied: len,
            len,
            from: None,
            control: extras.into_control(pass_credentials),
        }
    }

    /// Takes (or looks at) the oldest message; what does not fit is lost.
    pub(super) fn take_packet(
        &mut self,
        parts: &mut [&mut [u8]],
        peek: bool,
        pass_credentials: bool,
    ) -> Message {
        let Some(packet) = self.packets.front_mut() else {
            return Message::default();
        };
        let mut rest = &packet.bytes[..];
        for part in parts {
            let (head, tail) = rest.split_at(part.len().min(rest.len()));
            part[..head.len()].copy_from_slice(head);
            rest = tail;
        }
        let (len, left) = (packet.bytes.len(), rest.len());
        let extras = if peek {
            packet.extras.clone()
        } else {
            core::mem::take(&mut packet.extras)
        };
        let from = Address::Unix(if peek {
            packet.from.clone()
        } else {
            core::mem::take(&mut packet.from)
        });
        if !peek {
            self.packets.pop_front();
            self.packet_bytes -= len;
        }
        Message {
            copied: len - left,
            len,
            from: Some(from),
            control: extras.into_control(pass_credentials),
        }
    }

    /// The descriptions that wait here.
    pub(super) fn files(&self) -> impl Iterator<Item = &Arc<OpenFile>> {
        let runs = self.runs.iter().flat_map(|run| &run.extras.files);
        runs.chain(self.packets.iter().flat_map(|packet| &packet.extras.files))
    }

    /// Takes all descriptions out.
    pub(super) fn take_files(&mut self) -> Vec<Arc<OpenFile>> {
        let mut all = Vec::new();
        for run in &mut self.runs {
            all.append(&mut run.extras.files);
        }
        for packet in &mut self.packets {
            all.append(&mut packet.extras.files);
        }
        all
    }
}

/// Copies the first `len` bytes.
fn copy_out(bytes: &VecDeque<u8>, parts: &mut [&mut [u8]], len: usize) {
    let (front, back) = bytes.as_slices();
    let mut done = 0;
    for part in parts {
        let count = part.len().min(len - done);
        let in_front = front.get(done..).unwrap_or_default();
        let first = in_front.len().min(count);
        part[..first].copy_from_slice(&in_front[..first]);
        let back_start = done.saturating_sub(front.len());
        part[first..count].copy_from_slice(&back[back_start..back_start + count - first]);
        done += count;
    }
}
