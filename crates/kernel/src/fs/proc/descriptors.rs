//! `/proc/self/fd` and `/proc/self/fdinfo`: the open descriptors.

use crate::{
    errno::Result,
    fs::{
        node::Node,
        table::{Computed, Entry, Kind, Target, text},
    },
    process::{open_file, process},
};
use alloc::{
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use linux_raw_sys::general as raw;

/// `/proc/self/fd`: links to the open files.
pub(super) struct Links;

/// `/proc/self/fdinfo`: positions and flags.
pub(super) struct Infos;

const LINK: Entry = Entry {
    name: "",
    permissions: 0o700,
    kind: Kind::Magic(target),
};
const INFO: Entry = text("", info);

fn target(fd: u64) -> Result<Target> {
    Ok(Target::Open(open_file(fd as i32)?))
}

fn info(fd: u64) -> Vec<u8> {
    let Ok(descriptor) = process().files.lock().get(fd as i32).cloned() else {
        return Vec::new();
    };
    let open = &descriptor.open;
    let close = if descriptor.cloexec { raw::O_CLOEXEC } else { 0 };
    let (position, flags) = (*open.offset().lock(), open.flags() | close);
    let (inode, mount) = open.file.stat().map_or((0, 0), |stat| (stat.ino, stat.dev));
    let details = open.file.details();
    format!("pos:\t{position}\nflags:\t0{flags:o}\nmnt_id:\t{mount}\nino:\t{inode}\n{details}").into_bytes()
}

fn lookup(this: &Arc<Node>, name: &str, entry: &Entry) -> Option<Arc<Node>> {
    let fd: i32 = name.parse().ok()?;
    open_file(fd).ok()?;
    Some(Node::of_entry(&this.fs, Arc::downgrade(this), entry, fd as u64))
}

fn list(kind: u32) -> Vec<(String, u8)> {
    process()
        .files
        .lock()
        .iter()
        .map(|(fd, _)| (fd.to_string(), kind as u8))
        .collect()
}

impl Computed for Links {
    fn lookup(&self, this: &Arc<Node>, name: &str) -> Option<Arc<Node>> {
        lookup(this, name, &LINK)
    }

    fn list(&self) -> Vec<(String, u8)> {
        list(raw::DT_LNK)
    }
}

impl Computed for Infos {
    fn lookup(&self, this: &Arc<Node>, name: &str) -> Option<Arc<Node>> {
        lookup(this, name, &INFO)
    }

    fn list(&self) -> Vec<(String, u8)> {
        list(raw::DT_REG)
    }
}
