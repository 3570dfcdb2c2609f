//! What is in an image.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most entries that one answer lists.
pub const MAX_ENTRIES: usize = 100_000;

/// Query of `GET /v1/images/{reference}/files`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilesQuery {
    /// The folder, or the one file; without it, the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Query of `GET /v1/images/{reference}/file`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileQuery {
    /// The file; links are followed.
    pub path: String,
}

/// Query of `GET /v1/images/{reference}/diff`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffQuery {
    /// The image to compare with, by name or digest.
    pub other: String,
}

/// One thing in an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileEntry {
    /// Absolute path; bytes that are no UTF-8 are U+FFFD here.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// Length of a file in bytes.
    pub size_bytes: u64,
    /// Permissions, as a number.
    pub mode: u16,
    /// Owner's number.
    pub uid: u32,
    /// Group's number.
    pub gid: u32,
    /// Time of the last change in seconds since 1970.
    pub modified: i64,
    /// Where a link leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// Kinds of things in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// A folder.
    Folder,
    /// A file.
    File,
    /// A symbolic link.
    Link,
}

/// What `GET /v1/images/{reference}/files` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listing {
    /// By path.
    pub entries: Vec<FileEntry>,
    /// Whether there are more than one answer lists (100,000).
    pub truncated: bool,
}

/// What `GET /v1/images/{reference}/diff` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    /// By path.
    pub changes: Vec<Change>,
    /// Whether there are more than one answer lists (100,000).
    pub truncated: bool,
}

/// A path at which two images differ: in what it is, permissions, owner, target or contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// In the one image; absent where it was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<FileEntry>,
    /// In the other; absent where it was removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<FileEntry>,
}
