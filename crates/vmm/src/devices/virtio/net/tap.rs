//! A tap interface of the host: frames with a virtio-net header before them (`tun(4)`, `linux/if_tun.h`).

use std::{
    ffi::CString,
    fs::{File, OpenOptions},
    io,
    os::{
        fd::{AsRawFd, RawFd},
        unix::fs::OpenOptionsExt,
    },
};

/// Bytes of `struct virtio_net_hdr_v1`, `num_buffers` included.
pub(crate) const HEADER: usize = 12;

/// `linux/if_tun.h`, which `libc` has only in part.
const TUN_F_CSUM: libc::c_ulong = 1;
const TUN_F_TSO4: libc::c_ulong = 2;
const TUN_F_TSO6: libc::c_ulong = 4;
const TUN_F_TSO_ECN: libc::c_ulong = 8;

/// Why there is no tap.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The name is no interface name.
    #[error("'{0}' is not a network interface name: 1 to 15 bytes without '/' or blanks")]
    Name(String),
    /// No such interface.
    #[error("there is no tap '{0}' in this network namespace; create it first")]
    Missing(String),
    /// `/dev/net/tun` cannot be opened.
    #[error("cannot open /dev/net/tun: {0}; run `uigniter doctor`")]
    Open(io::Error),
    /// It is no free tap.
    #[error("cannot attach to '{name}': {error}; it must be a tap that no other process holds")]
    Attach {
        /// The interface.
        name: String,
        /// What `TUNSETIFF` said.
        error: io::Error,
    },
    /// The header's length cannot be set.
    #[error("cannot set up '{name}': {error}")]
    Setup {
        /// The interface.
        name: String,
        /// What the ioctl said.
        error: io::Error,
    },
}

/// Offloads of received frames that the guest takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offloads {
    /// Partial checksums.
    pub(crate) checksum: bool,
    /// TCP over IPv4, unsegmented.
    pub(crate) tso4: bool,
    /// TCP over IPv6, unsegmented.
    pub(crate) tso6: bool,
    /// Unsegmented TCP with ECN.
    pub(crate) ecn: bool,
}

/// An attached tap.
#[derive(Debug)]
pub(crate) struct Tap(File);

impl Tap {
    /// Attaches to the existing tap `name`.
    ///
    /// # Errors
    ///
    /// See [`Error`]. An interface that does not exist is never created.
    pub(crate) fn open(name: &str) -> Result<Self, Error> {
        let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'/';
        let c_name = CString::new(name).map_err(|_| Error::Name(name.to_owned()))?;
        if name.is_empty() || name.len() >= libc::IFNAMSIZ || !name.bytes().all(plain) {
            return Err(Error::Name(name.to_owned()));
        }
        // SAFETY: the name is a C string. TUNSETIFF would create a missing interface.
        if unsafe { libc::if_nametoindex(c_name.as_ptr()) } == 0 {
            return Err(Error::Missing(name.to_owned()));
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open("/dev/net/tun")
            .map_err(Error::Open)?;
        let mut ifr_name = [0; libc::IFNAMSIZ];
        for (to, from) in ifr_name.iter_mut().zip(name.bytes()) {
            *to = from as libc::c_char;
        }
        let flags = (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR) as libc::c_short;
        let request = libc::ifreq {
            ifr_name,
            ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags },
        };
        // SAFETY: TUNSETIFF reads and writes one ifreq, which outlives the call.
        let attached = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw const request) };
        if attached < 0 {
            return Err(Error::Attach {
                name: name.to_owned(),
                error: io::Error::last_os_error(),
            });
        }
        let length = HEADER as libc::c_int;
        // SAFETY: TUNSETVNETHDRSZ reads one int.
        if unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETVNETHDRSZ, &raw const length) } < 0 {
            return Err(Error::Setup {
                name: name.to_owned(),
                error: io::Error::last_os_error(),
            });
        }
        Ok(Self(file))
    }

    /// Tells the host what received frames may look like.
    pub(crate) fn set_offloads(&self, offloads: Offloads) -> io::Result<()> {
        let bit = |set: bool, bit| if set { bit } else { 0 };
        let flags = bit(offloads.checksum, TUN_F_CSUM)
            | bit(offloads.tso4, TUN_F_TSO4)
            | bit(offloads.tso6, TUN_F_TSO6)
            | bit(offloads.ecn, TUN_F_TSO_ECN);
        // SAFETY: TUNSETOFFLOAD takes its argument by value.
        if unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TUNSETOFFLOAD, flags) } < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// `readv(2)`: one frame with its header.
    ///
    /// # Errors
    ///
    /// What the call says; `WouldBlock` where no frame waits.
    pub(super) fn read(&self, vectors: &[libc::iovec]) -> io::Result<usize> {
        // SAFETY: each vector is a checked piece of guest memory, mapped while the caller's slices live.
        let count =
            unsafe { libc::readv(self.0.as_raw_fd(), vectors.as_ptr(), vectors.len() as libc::c_int) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// `writev(2)`: one frame with its header.
    ///
    /// # Errors
    ///
    /// What the call says.
    pub(super) fn write(&self, vectors: &[libc::iovec]) -> io::Result<usize> {
        // SAFETY: as in `read`.
        let count =
            unsafe { libc::writev(self.0.as_raw_fd(), vectors.as_ptr(), vectors.len() as libc::c_int) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }
}

impl AsRawFd for Tap {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
