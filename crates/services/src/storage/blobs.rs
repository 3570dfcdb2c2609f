//! The seam: bytes under a name.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;

/// Which of a task's two pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Version {
    /// As it was uploaded.
    Original,
    /// As the worker made it.
    Result,
}

impl Version {
    /// Its name in addresses and file names.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Original => "original",
            Self::Result => "result",
        }
    }
}

/// A picture's name. Its id is safe as part of a path: letters, digits, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    id: String,
    version: Version,
}

impl Name {
    /// Bytes of an id.
    const LONGEST: usize = 64;

    /// None if the id is no id.
    #[must_use]
    pub fn new(id: &str, version: Version) -> Option<Self> {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let right = (1..=Self::LONGEST).contains(&id.len()) && id.bytes().all(letter);
        let id = id.to_owned();
        right.then_some(Self { id, version })
    }

    /// The id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The same task's picture of that version.
    #[must_use]
    pub fn with(&self, version: Version) -> Self {
        Self {
            id: self.id.clone(),
            version,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id, self.version.name())
    }
}

/// Why bytes were not kept or given.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The disk or the network.
    #[error("{name}: {reason}; look at the volume")]
    Engine {
        /// Which.
        name: String,
        /// What went wrong.
        reason: String,
    },
    /// There is no room.
    #[error("{0} does not fit: the volume is full; make room or give it more")]
    Full(String),
    /// What is there is not what was written.
    #[error("{0} is damaged on the volume; upload it again")]
    Damaged(String),
}

/// Bytes under names.
#[async_trait]
pub trait Blobs: fmt::Debug + Send + Sync {
    /// Keeps `bytes`, in place of what was there or, with `only_new`, only if there was nothing; says whether it did.
    /// When this returns they outlive a crash, and nobody ever sees a part of them.
    ///
    /// # Errors
    ///
    /// They are not kept; what was there is still there.
    async fn put(&self, name: &Name, bytes: Bytes, only_new: bool) -> Result<bool, BlobError>;

    /// What is kept under `name`.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is not what was written.
    async fn get(&self, name: &Name) -> Result<Option<Bytes>, BlobError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_nowhere_else() {
        for wrong in [
            "",
            ".",
            "..",
            "../x",
            "a/b",
            "a.b",
            "a%2fb",
            "a\0",
            "ä",
            &"x".repeat(65),
        ] {
            assert_eq!(Name::new(wrong, Version::Original), None, "{wrong}");
        }
        for id in ["0", "a-b_C", &"x".repeat(64)] {
            assert!(Name::new(id, Version::Result).is_some());
        }
    }
}
