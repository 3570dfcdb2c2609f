//! `usr.manifest`: a line for each file, `GUEST: HOST` (OSv's `scripts/manifest_common.py`).
//!
//! ```text
//! [manifest]                           the heading that some have
//! # words
//! /etc/conf: conf                      a file; relative to the manifest
//! /var/log:  some/folder               a folder of the host's gives an empty one
//! /usr/**:   ${MODULE_DIR}/ROOTFS/**   all that is below
//! /usr/lib/&/libx.so: %(libs)s/&       the rest of the guest's path again: %(libs)s/libx.so
//! /lib64:    ->/lib                    a link
//! /bin/x:    !links/x                  a link of the host's as a link; else what it leads to is packed
//! ```

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::Error;
use crate::tree::{self, Tree};

/// Longest path that substitution may make, in bytes (`PATH_MAX`).
const MAX_PATH_BYTES: usize = 4096;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: usize,
    guest: PathBuf,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// A file, or an empty folder for a folder.
    File(PathBuf),
    /// The same, where a link stays one.
    FileOrLink(PathBuf),
    /// All that is below a folder.
    Below(PathBuf),
    /// A link to this.
    Link(PathBuf),
}

/// Reads the list.
pub(super) fn parse(text: &str, defines: &BTreeMap<String, String>) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line == "[manifest]" {
            continue;
        }
        let wrong = |what: String| Error::Line { line: number, what };
        let parted = line.split_once(": ").or_else(|| line.split_once(':'));
        let (guest, host) = parted.ok_or_else(|| wrong("expected GUEST: HOST".to_owned()))?;
        let (guest, host) = (guest.trim(), substitute(host.trim(), defines).map_err(wrong)?);
        if guest.is_empty() || host.is_empty() || guest.contains('\0') || host.contains('\0') {
            return Err(wrong("expected GUEST: HOST, neither of them empty".to_owned()));
        }
        let (guest, what) = meaning(guest, &host);
        lines.push(Line {
            number,
            guest: Path::new("/").join(guest),
            what,
        });
    }
    Ok(lines)
}

/// The guest's path and what is put there.
fn meaning(guest: &str, host: &str) -> (String, What) {
    if let Some(target) = host.strip_prefix("->") {
        return (guest.to_owned(), What::Link(target.into()));
    }
    if let Some(host) = host.strip_prefix('!') {
        return (guest.to_owned(), What::FileOrLink(host.into()));
    }
    if let (Some(guest), Some(host)) = (guest.strip_suffix("/**"), host.strip_suffix("/**")) {
        return (guest.to_owned(), What::Below(format!("{host}/").into()));
    }
    if let (Some((folder, rest)), Some(host)) = (guest.split_once("/&/"), host.strip_suffix("/&")) {
        let host = format!("{host}/{rest}");
        return (format!("{folder}/{rest}"), What::File(host.into()));
    }
    (guest.to_owned(), What::File(host.into()))
}

/// Puts values for `%(NAME)s` and `${NAME}`; `%%` is a percent sign.
fn substitute(text: &str, defines: &BTreeMap<String, String>) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(['%', '$']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let named = |open: &str, close: &str| rest.strip_prefix(open)?.split_once(close);
        if let Some((name, after)) = named("%(", ")s").or_else(|| named("${", "}")) {
            let value = defines.get(name);
            out.push_str(
                value.ok_or_else(|| format!("'{name}' has no value; give one: --define {name}=VALUE"))?,
            );
            rest = after;
        } else {
            out.push_str(&rest[..1]);
            rest = rest.strip_prefix("%%").unwrap_or(&rest[1..]);
        }
        if out.len() > MAX_PATH_BYTES {
            break;
        }
    }
    out.push_str(rest);
    if out.len() > MAX_PATH_BYTES {
        return Err("the path is longer than 4096 bytes".to_owned());
    }
    Ok(out)
}

impl Line {
    /// Adds what the line says; relative paths begin at `base`.
    pub(super) fn add(&self, base: &Path, tree: &mut Tree) -> Result<(), tree::Error> {
        match &self.what {
            What::Link(target) => tree.add_link(&self.guest, target),
            What::Below(host) => tree.add_resolved(&base.join(host), &self.guest),
            What::File(host) => add_file(&base.join(host), &self.guest, tree),
            What::FileOrLink(host) => match fs::read_link(base.join(host)) {
                Ok(target) => tree.add_link(&self.guest, &target),
                Err(_) => add_file(&base.join(host), &self.guest, tree),
            },
        }
    }
}

fn add_file(host: &Path, guest: &Path, tree: &mut Tree) -> Result<(), tree::Error> {
    if host.is_dir() {
        tree.add_empty_folder(host, guest)
    } else {
        tree.add(host, guest)
    }
}
