//! Persistent taps by `/dev/net/tun` (Documentation/networking/tuntap.rst): netlink cannot make them.
#![expect(
    unsafe_code,
    reason = "TUNSETIFF and TUNSETPERSIST are ioctls that no safe crate wraps without more"
)]

use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;

/// `linux/if.h`: length of an interface name with its terminator.
const IFNAMSIZ: usize = libc::IFNAMSIZ;

nix::ioctl_write_ptr_bad!(tun_set_iff, libc::TUNSETIFF, libc::ifreq);
nix::ioctl_write_int_bad!(tun_set_persist, libc::TUNSETPERSIST);

/// Makes a persistent tap in the namespace of the calling thread, with the flags that a VMM opens it with.
///
/// # Errors
///
/// `InvalidInput` for a name that is too long; else what the kernel says.
pub(crate) fn create_persistent(name: &str) -> io::Result<()> {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() >= IFNAMSIZ {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "an interface name has 1 to 15 bytes",
        ));
    }
    let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR;
    // SAFETY: `ifreq` is plain data for which all-zero is a valid value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(bytes) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    // The flags are bits of a `short` (linux/if_tun.h); 0x5002 fits.
    request.ifr_ifru.ifru_flags = flags as libc::c_short;
    let tun = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    // SAFETY: the descriptor is open, and TUNSETIFF reads and writes one `ifreq`, which `request` is.
    unsafe { tun_set_iff(tun.as_raw_fd(), &raw const request) }?;
    // SAFETY: the descriptor is open, and TUNSETPERSIST takes its argument by value.
    unsafe { tun_set_persist(tun.as_raw_fd(), 1) }?;
    Ok(())
}
