//! What several socket calls share: descriptors, flags, `struct msghdr`.

pub(super) mod control;

use crate::{
    errno::{Errno, Result},
    file::OpenFile,
    net::{Address, Socket},
    process,
    user::{Plain, UserPtr, UserSlice},
};
use alloc::{sync::Arc, vec::Vec};
use linux_raw_sys::{general, net as raw};

/// Most buffers of one message (`IOV_MAX`, `limits.h`).
const IOV_MAX: usize = 1024;
/// Most bytes of one transfer (`read(2)`).
const TRANSFER_MAX: usize = 0x7fff_f000;

/// `struct msghdr` (`recv(2)`), with addresses as numbers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct MessageHeader {
    pub(super) name: u64,
    pub(super) name_len: i32,
    padding: u32,
    buffers: u64,
    buffer_count: u64,
    pub(super) control: u64,
    pub(super) control_len: u64,
    pub(super) flags: u32,
    padding_end: u32,
}

// SAFETY: integers without padding between them.
unsafe impl Plain for MessageHeader {}

const _: () = assert!(size_of::<MessageHeader>() == size_of::<raw::msghdr>());

impl MessageHeader {
    /// The message's buffers.
    pub(super) fn buffers(&self) -> Result<Vec<UserSlice>> {
        let count = usize::try_from(self.buffer_count)
            .ok()
            .filter(|&count| count <= IOV_MAX)
            .ok_or(Errno::EMSGSIZE)?;
        let mut room = TRANSFER_MAX;
        let mut buffers = Vec::with_capacity(count);
        for index in 0..count {
            let vector: general::iovec = UserPtr::new(self.buffers).at(index).read()?;
            let len = usize::try_from(vector.iov_len)
                .ok()
                .filter(|&len| isize::try_from(len).is_ok());
            let len = len.ok_or(Errno::EINVAL)?.min(room);
            room -= len;
            buffers.push(UserSlice::new(vector.iov_base as u64, len));
        }
        Ok(buffers)
    }
}

/// Offset of `msg_namelen` in a `struct msghdr`.
pub(super) const NAME_LEN: u64 = 8;
/// Offset of `msg_controllen`.
pub(super) const CONTROL_LEN: u64 = 40;
/// Offset of `msg_flags`.
pub(super) const FLAGS: u64 = 48;

/// The socket behind a descriptor, for calls that may block: other threads can close the descriptor meanwhile.
pub(super) fn with_socket<R>(fd: i32, f: impl FnOnce(&Socket, &OpenFile) -> Result<R>) -> Result<R> {
    process::with_file::<Socket, R>(fd, Errno::ENOTSOCK, f)
}

/// Opens a descriptor for a new socket; `flags` are `SOCK_NONBLOCK` and `SOCK_CLOEXEC`, which equal the `O_` ones.
pub(super) fn install(socket: Arc<Socket>, flags: u32) -> Result<usize> {
    let flags = flags & (general::O_NONBLOCK | general::O_CLOEXEC) | general::O_RDWR;
    process::install(socket, flags).map(|fd| fd as usize)
}

/// Refuses flags other than `SOCK_NONBLOCK` and `SOCK_CLOEXEC`.
pub(super) fn check_flags(flags: u32) -> Result<()> {
    if flags & !(general::O_NONBLOCK | general::O_CLOEXEC) == 0 {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

/// Writes a peer's or own address to where the program wants it.
pub(super) fn write_address(address: &Address, at: u64, len: u64) -> Result<()> {
    address.write(at, UserPtr::new(len))
}
