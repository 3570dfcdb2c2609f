//! `sethostname`.

use super::common::credentials;
use crate::{
    errno::{Errno, Result},
    process::process,
    syscall::Args,
};
use alloc::string::String;

/// Longest name, without the zero byte that ends it in `struct new_utsname`.
const NAME_MAX: i32 = 64;

/// A name as both calls take it: `EPERM` without privilege, `EINVAL`, `EFAULT`. What is no text becomes text, as others read it.
pub(super) fn name(args: &Args) -> Result<String> {
    if !credentials().lock().privileged() {
        return Err(Errno::EPERM);
    }
    if !(0..=NAME_MAX).contains(&args.int(1)) {
        return Err(Errno::EINVAL);
    }
    let bytes = args.slice(0).bytes()?;
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

pub(super) fn sethostname(args: &Args) -> Result<usize> {
    let name = name(args)?;
    *process().hostname.lock() = name;
    Ok(0)
}
