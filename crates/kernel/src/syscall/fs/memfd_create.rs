//! `memfd_create(2)`.

use crate::{
    errno::{Errno, Result},
    fs,
    process::install,
    syscall::Args,
    user,
};
use alloc::string::String;
use linux_raw_sys::general as raw;

/// The longest name, without the prefix and the NUL.
const NAME_LIMIT: usize = 249;

/// `memfd_create(const char *name, unsigned int flags)`
pub(super) fn memfd_create(args: &Args) -> Result<usize> {
    let flags = args.uint(1);
    let known = raw::MFD_CLOEXEC | raw::MFD_ALLOW_SEALING | raw::MFD_NOEXEC_SEAL | raw::MFD_EXEC;
    if flags & !known != 0 || flags & raw::MFD_NOEXEC_SEAL != 0 && flags & raw::MFD_EXEC != 0 {
        return Err(Errno::EINVAL);
    }
    let name = user::c_string(args.0[0], NAME_LIMIT + 1).map_err(|errno| match errno {
        Errno::ENAMETOOLONG => Errno::EINVAL,
        other => other,
    })?;
    let sealable = flags & (raw::MFD_ALLOW_SEALING | raw::MFD_NOEXEC_SEAL) != 0;
    let cloexec = if flags & raw::MFD_CLOEXEC != 0 {
        raw::O_CLOEXEC
    } else {
        0
    };
    let mode = raw::O_RDWR | raw::O_LARGEFILE;
    install(
        fs::memory_file(&String::from_utf8_lossy(&name), sealable, mode)?,
        mode | cloexec,
    )
    .map(|fd| fd as usize)
}
