//! The files in `/etc` that C libraries read: `hosts(5)`, `hostname(5)` and `resolv.conf(5)`, which are the instance's own whatever the image has, and
//! `passwd(5)`, `group(5)` and `nsswitch.conf(5)` for images that have none.

use super::{
    names::{add_text, replace},
    node::Node,
};
use alloc::{format, string::String, sync::Arc};
use uigniter_abi::boot_args::BootArgs;

/// The host name that a VM without one has.
const DEFAULT_HOSTNAME: &str = "uigniter";

/// Writes what is the instance's own, and adds what is missing, below `root`.
pub(super) fn fill(root: &Arc<Node>, args: &BootArgs) {
    // A link in its place is the image's own affair.
    let Ok(etc) = root.child("etc") else { return };
    let hostname = args.hostname.as_deref().unwrap_or(DEFAULT_HOSTNAME);
    for (name, text) in [
        ("hosts", hosts(args, hostname)),
        ("hostname", format!("{hostname}\n")),
        ("resolv.conf", resolver(args)),
    ] {
        replace(&etc, name, Node::with_text(&etc.fs, 0o644, &text));
    }
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

/// Loopback by both protocols, the instance by its name, and what the boot line adds.
fn hosts(args: &BootArgs, hostname: &str) -> String {
    let mut text = String::from("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    for interface in &args.interfaces {
        text += &format!("{}\t{hostname}\n", interface.address);
    }
    for interface in &args.interfaces_v6 {
        text += &format!("{}\t{hostname}\n", interface.address);
    }
    for (name, address) in &args.hosts {
        text += &format!("{address}\t{name}\n");
    }
    text
}

fn resolver(args: &BootArgs) -> String {
    let mut text = String::new();
    for server in &args.nameservers {
        text += &format!("nameserver {server}\n");
    }
    if !args.search.is_empty() {
        text += &format!("search {}\n", args.search.join(" "));
    }
    text
}
