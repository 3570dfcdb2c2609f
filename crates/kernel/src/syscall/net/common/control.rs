//! Control messages as programs pass them: `struct cmsghdr` and its data (`cmsg(3)`).

use super::MessageHeader;
use crate::{
    errno::{Errno, Result},
    file::OpenFile,
    net::{Ancillary, Credentials, FILES_MAX, SCM_CREDENTIALS, SCM_RIGHTS},
    process::{self, PID},
    user::{UserPtr, UserSlice},
};
use alloc::{sync::Arc, vec::Vec};
use linux_raw_sys::net as raw;

/// Length of a `struct cmsghdr`.
const HEADER: usize = size_of::<raw::cmsghdr>();
/// Most bytes of control messages of one call (`net.core.optmem_max`).
const CONTROL_MAX: u64 = 131_072;

/// Where the next message begins after one of that length.
const fn align(len: usize) -> usize {
    len.next_multiple_of(size_of::<usize>())
}

/// Reads what goes with a message to a socket of that family.
///
/// # Errors
///
/// `EFAULT`; `ENOBUFS` for too much; `EINVAL` for a malformed message, `EBADF` for a descriptor that is not open, `ESRCH` for the credentials of a
/// process that does not exist.
pub(in crate::syscall::net) fn read(header: &MessageHeader, family: u32) -> Result<Vec<Ancillary>> {
    // Less than a header is nothing, as Linux has it.
    if header.control == 0 || header.control_len < HEADER as u64 {
        return Ok(Vec::new());
    }
    if header.control_len > CONTROL_MAX {
        return Err(Errno::ENOBUFS);
    }
    let bytes = UserSlice::new(header.control, header.control_len as usize).bytes()?;
    parse(bytes, family)
}

/// Takes control messages apart.
///
/// # Errors
///
/// As [`read`].
pub(super) fn parse(mut bytes: &[u8], family: u32) -> Result<Vec<Ancillary>> {
    let mut all = Vec::new();
    while let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() {
        let [len @ .., l0, l1, l2, l3, k0, k1, k2, k3] = *header;
        let len = usize::try_from(u64::from_ne_bytes(len)).map_err(|_| Errno::EINVAL)?;
        let data = len
            .checked_sub(HEADER)
            .and_then(|len| rest.get(..len))
            .ok_or(Errno::EINVAL)?;
        let (level, kind) = (
            u32::from_ne_bytes([l0, l1, l2, l3]),
            u32::from_ne_bytes([k0, k1, k2, k3]),
        );
        all.extend(one(level, kind, data, family)?);
        bytes = bytes.get(align(len)..).unwrap_or_default();
    }
    Ok(all)
}

fn one(level: u32, kind: u32, data: &[u8], family: u32) -> Result<Option<Ancillary>> {
    let unix = family == raw::AF_UNIX;
    match (level, kind) {
        (raw::SOL_SOCKET, SCM_RIGHTS) if unix => {
            let files = files(data)?;
            Ok((!files.is_empty()).then_some(Ancillary::Files(files)))
        }
        (raw::SOL_SOCKET, SCM_CREDENTIALS) if unix => {
            let bytes = data.try_into().map_err(|_| Errno::EINVAL)?;
            let credentials = Credentials::from_bytes(bytes);
            if credentials.pid != PID {
                return Err(Errno::ESRCH);
            }
            if credentials.uid == u32::MAX || credentials.gid == u32::MAX {
                return Err(Errno::EINVAL);
            }
            Ok(Some(Ancillary::Credentials(credentials)))
        }
        // Of another family they mean nothing, and Linux lets them be.
        (raw::SOL_SOCKET, SCM_RIGHTS | SCM_CREDENTIALS | raw::SO_MARK) => Ok(None),
        (raw::SOL_SOCKET, _) => Err(Errno::EINVAL),
        _ if unix => Ok(None),
        _ => Ok(Some(Ancillary::Other {
            level,
            kind,
            data: data.to_vec(),
        })),
    }
}

fn files(data: &[u8]) -> Result<Vec<Arc<OpenFile>>> {
    let descriptors = data.chunks_exact(size_of::<i32>());
    if descriptors.len() > FILES_MAX {
        return Err(Errno::EINVAL);
    }
    descriptors
        .map(|bytes| process::open_file(i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])))
        .collect()
}

/// Writes what came with a message where `header` says, opens descriptors, and gives the bytes written and the flags to report.
///
/// # Errors
///
/// `EFAULT`.
pub(in crate::syscall::net) fn write(
    header: &MessageHeader,
    control: Vec<Ancillary>,
    flags: u32,
) -> Result<(usize, u32)> {
    let room = if header.control == 0 {
        0
    } else {
        usize::try_from(header.control_len).unwrap_or(usize::MAX)
    };
    let mut out = Writer {
        at: header.control,
        room,
        done: 0,
        flags: 0,
    };
    for message in control {
        match message {
            Ancillary::Files(files) => out.files(files, flags & raw::MSG_CMSG_CLOEXEC != 0)?,
            Ancillary::Credentials(credentials) => {
                out.put(raw::SOL_SOCKET, SCM_CREDENTIALS, &credentials.to_bytes())?;
            }
            Ancillary::Other { level, kind, data } => out.put(level, kind, &data)?,
        }
    }
    Ok((out.done, out.flags))
}

struct Writer {
    at: u64,
    room: usize,
    done: usize,
    flags: u32,
}

impl Writer {
    /// One message, cut where there is too little room (`MSG_CTRUNC`).
    fn put(&mut self, level: u32, kind: u32, data: &[u8]) -> Result<()> {
        let left = self.room - self.done;
        if left < HEADER {
            self.flags |= raw::MSG_CTRUNC;
            return Ok(());
        }
        let len = HEADER + data.len();
        if left < len {
            self.flags |= raw::MSG_CTRUNC;
        }
        let len = len.min(left);
        let at = self.at.wrapping_add(self.done as u64);
        UserPtr::new(at).write(len as u64)?;
        UserPtr::new(at.wrapping_add(8)).write([level, kind])?;
        UserSlice::new(at.wrapping_add(HEADER as u64), len - HEADER)
            .bytes_mut()?
            .copy_from_slice(&data[..len - HEADER]);
        self.done += align(len).min(left);
        Ok(())
    }

    /// As many descriptors as there is room for; the others are closed.
    fn files(&mut self, files: Vec<Arc<OpenFile>>, cloexec: bool) -> Result<()> {
        let room = (self.room - self.done).saturating_sub(HEADER) / size_of::<i32>();
        let count = files.len();
        let mut data = Vec::with_capacity(count.min(room) * size_of::<i32>());
        for file in files.into_iter().take(room) {
            match process::install_open(file, cloexec, 0) {
                Ok(fd) => data.extend_from_slice(&fd.to_ne_bytes()),
                Err(_) => break,
            }
        }
        if data.len() < count * size_of::<i32>() {
            self.flags |= raw::MSG_CTRUNC;
        }
        if data.is_empty() {
            return Ok(());
        }
        self.put(raw::SOL_SOCKET, SCM_RIGHTS, &data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_taken_apart_without_a_panic() {
        let mut seed = 5u64;
        let mut random = || {
            seed = seed
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (seed >> 33) as usize
        };
        let mut understood = 0;
        for _ in 0..100_000 {
            let mut bytes = Vec::new();
            for _ in 0..random() % 4 {
                let data = random() % 20;
                let len = if random() % 8 == 0 {
                    random() as u64
                } else {
                    (HEADER + data) as u64
                };
                bytes.extend_from_slice(&len.to_ne_bytes());
                let (level, kind) = ([0u32, 1, 41, 6][random() % 4], random() as u32 % 10);
                bytes.extend_from_slice(&level.to_ne_bytes());
                bytes.extend_from_slice(&kind.to_ne_bytes());
                bytes.resize(bytes.len() + align(data), random() as u8);
            }
            bytes.truncate(bytes.len() - random() % (bytes.len() + 1) / 4);
            for family in [raw::AF_UNIX, raw::AF_INET, raw::AF_INET6] {
                understood += usize::from(parse(&bytes, family).is_ok_and(|all| !all.is_empty()));
            }
        }
        assert!(understood > 1000, "{understood}");
    }
}
