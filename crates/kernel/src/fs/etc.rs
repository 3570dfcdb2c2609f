//! The files in `/etc` that C libraries read, for images that have none: `hosts(5)`, `resolv.conf(5)`, `passwd(5)`, `group(5)`, `nsswitch.conf(5)`.

use super::{names::add_text, node::Node};
use alloc::{format, string::String, sync::Arc};
use uigniter_abi::boot_args::BootArgs;

/// The host name that a VM without one has.
const DEFAULT_HOSTNAME: &str = "uigniter";

/// Adds what is missing below `root`.
pub(super) fn fill(root: &Arc<Node>, args: &BootArgs) {
    // A link in its place is the image's own affair.
    let Ok(etc) = root.child("etc") else { return };
    let hostname = args.hostname.as_deref().unwrap_or(DEFAULT_HOSTNAME);
    let own: String = args
        .interfaces
        .iter()
        .map(|interface| format!("{}\t{hostname}\n", interface.address))
        .collect();
    let servers = args
        .nameserver
        .map_or_else(String::new, |server| format!("nameserver {server}\n"));
    add_text(&etc, "hosts", &format!("127.0.0.1\tlocalhost\n{own}"));
    add_text(&etc, "hostname", &format!("{hostname}\n"));
    add_text(&etc, "resolv.conf", &servers);
    add_text(
        &etc,
        "passwd",
        "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    );
    add_text(&etc, "group", "root:x:0:\nnogroup:x:65534:\n");
    add_text(
        &etc,
        "nsswitch.conf",
        "passwd: files\ngroup: files\nhosts: files dns\n",
    );
}
