//! Images: what instances boot from (`/v1/images`).
//!
//! An image is imported by sending the file itself, an ELF or a disk, as the body of `POST /v1/images?name=NAME`. The
//! digest is that of the bytes sent, so that a caller who holds a file can ask first whether the daemon has it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One image, as `GET /v1/images/{name}` tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Image {
    /// Name; the disk is `image/NAME.raw` under the state folder.
    pub name: String,
    /// What was imported.
    pub kind: ImageKind,
    /// `sha256:` and 64 hexadecimal digits over the imported bytes; absent for a file laid into the folder by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
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
}

impl Image {
    /// An image of which nothing but its name and kind is known.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: ImageKind) -> Self {
        Self {
            name: name.into(),
            kind,
            digest: None,
            size_bytes: 0,
            created_at_ms: 0,
            command: Vec::new(),
            args: Vec::new(),
            env: BTreeMap::new(),
            cwd: None,
            user: None,
        }
    }
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
    /// Name of the new image: letters, digits, `.`, `_`, `-`, 1 to 63 of them, the first a letter or digit. An image of the same name is replaced.
    pub name: String,
    /// The program in the disk that is sent: what an instance runs that names no command line. Without it, it is `/NAME` if the disk
    /// has that; an ELF is its own program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
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
