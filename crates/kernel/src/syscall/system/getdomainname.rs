//! `setdomainname`.

use super::sethostname;
use crate::{errno::Result, process::process, syscall::Args};

pub(super) fn setdomainname(args: &Args) -> Result<usize> {
    let name = sethostname::name(args)?;
    *process().domainname.lock() = Some(name);
    Ok(0)
}
