//! Images: what instances boot from (`/v1/images`).
//!
//! An image is imported by sending the file itself, an ELF or a disk, as the body of `POST /v1/images?name=NAME`. It is kept
//! under the digest of its disk; an image of a program that the daemon packed knows the digest of the bytes sent, too, so that
//! a caller who holds a file can ask first whether the daemon has it.

mod contents;
mod name;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use contents::{
    Change, Changes, DiffQuery, FileEntry, FileKind, FileQuery, FilesQuery, Listing, MAX_ENTRIES,
};
pub use name::{DEFAULT_TAG, ImageName, NameError};

use crate::publish::PortMapping;

/// One image, as `GET /v1/images/{name}` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Image {
    /// `NAME`, or `NAME:TAG` where the tag is another than `latest`.
    pub name: String,
    /// What was imported.
    pub kind: ImageKind,
    /// `sha256:` and 64 hexadecimal digits over the disk; absent for a file laid into the folder by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Digest of the bytes that were sent, where the daemon packed them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_digest: Option<String>,
    /// The file system in the disk, if it is one for the library OS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<DiskFormat>,
    /// Length of the disk in bytes.
    pub size_bytes: u64,
    /// Moment of import, milliseconds since 1970.
    pub created_at_ms: u64,
    /// The program and its first arguments, where an instance does not name its own; empty where the image has none.
    pub command: Vec<String>,
    /// Arguments behind `command`, where an instance does not give its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Environment of the program; what an instance gives counts more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The program's working directory, where an instance's command line names none; absent: `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
    /// Who the program runs as, where an instance does not say: `USER[:GROUP]`, by name or number; absent: root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Memory of an instance in MiB, where its request does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
    /// Virtual CPUs of an instance, where its request does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u8>,
    /// Ports that are published where a request publishes none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<PortMapping>,
    /// Folders that want a volume (OCI's `Volumes`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
}

impl Image {
    /// An image of which nothing but its name and kind is known.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: ImageKind) -> Self {
        Self {
            name: name.into(),
            kind,
            digest: None,
            source_digest: None,
            format: None,
            size_bytes: 0,
            created_at_ms: 0,
            command: Vec::new(),
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: None,
            user: None,
            memory_mib: None,
            cpus: None,
            publish: Vec::new(),
            volumes: Vec::new(),
        }
    }

    /// Whether it was made by sending the bytes of this digest.
    #[must_use]
    pub fn was_sent_as(&self, digest: &str) -> bool {
        self.source_digest.as_deref().or(self.digest.as_deref()) == Some(digest)
    }
}

/// File systems of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DiskFormat {
    /// Linux's read-only file system.
    Erofs,
    /// OSv's, in the second partition.
    Rofs,
}

/// What was imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImageKind {
    /// A program, packed by the daemon.
    Elf,
    /// A disk, taken as it was.
    Disk,
}

/// Query of `POST /v1/images`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportQuery {
    /// `NAME[:TAG]` of the new image: letters, digits, `.`, `_`, `-`, 1 to 63 of them, the first a letter or digit; the tag up to 128. An
    /// image of the same name is replaced.
    pub name: String,
    /// The program in the disk that is sent: what an instance runs that names no command line. Without it, it is `/NAME` if the disk
    /// has that; an ELF is its own program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
}

/// Body of `POST /v1/images/{reference}/tags`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TagRequest {
    /// The further name, `NAME[:TAG]`. Another image of that name loses it.
    pub name: String,
}

/// Query of `POST /v1/prune/images`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PruneQuery {
    /// Images with a name go as well, if no instance is of them.
    #[serde(default)]
    pub all: bool,
}

/// What `POST /v1/prune/images` removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pruned {
    /// Names that are gone.
    pub names: Vec<String>,
    /// Digests of disks that are gone.
    pub digests: Vec<String>,
    /// Space that is free again, in bytes.
    pub freed_bytes: u64,
}

/// The name under which the CLI imports a program that was given as a file: the file's stem and the digest's first digits.
///
/// ```
/// let name = uigniter_api::image::content_name("my server", "sha256:0123456789abcdef0123");
/// assert_eq!(name, "my-server-0123456789ab");
/// ```
#[must_use]
pub fn content_name(stem: &str, digest: &str) -> String {
    let clean = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
            c
        } else {
            '-'
        }
    };
    let stem: String = stem.chars().map(clean).take(48).collect();
    let stem = stem.trim_start_matches(['.', '_', '-']);
    let digest = digest.strip_prefix("sha256:").unwrap_or(digest);
    let digest = digest.get(..12).unwrap_or(digest);
    if stem.is_empty() {
        format!("program-{digest}")
    } else {
        format!("{stem}-{digest}")
    }
}
