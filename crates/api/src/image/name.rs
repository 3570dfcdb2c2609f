//! Names of images: `NAME[:TAG]`.

use std::{fmt, str::FromStr};

/// The tag that is meant where none is given.
pub const DEFAULT_TAG: &str = "latest";
/// Longest name in bytes: it is a file's name and may become a host's.
const MAX_NAME_BYTES: usize = 63;
/// Longest tag in bytes (OCI distribution specification 1.1, "Pulling manifests").
const MAX_TAG_BYTES: usize = 128;

/// A name of an image in the store. It is written without the tag where that is `latest`.
///
/// ```
/// use uigniter_api::image::ImageName;
/// let name: ImageName = "web:latest".parse().unwrap();
/// assert_eq!(name.to_string(), "web");
/// assert!("Web/server".parse::<ImageName>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageName {
    name: String,
    tag: String,
}

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The part before the colon.
    #[error(
        "'{0}' cannot be an image's name; use 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit"
    )]
    Name(String),
    /// The part behind it.
    #[error(
        "'{0}' cannot be an image's tag; use 1 to 128 letters, digits, '.', '_' or '-', not beginning with '.' or '-'"
    )]
    Tag(String),
}

impl ImageName {
    /// The part before the colon.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The part behind it; `latest` where there is none.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Whether the tag is the one that need not be said.
    #[must_use]
    pub fn is_latest(&self) -> bool {
        self.tag == DEFAULT_TAG
    }
}

impl FromStr for ImageName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (name, tag) = text.split_once(':').unwrap_or((text, DEFAULT_TAG));
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let first = |text: &str| text.bytes().next().unwrap_or(b'.');
        let is_good = |text: &str, longest| text.len() <= longest && text.bytes().all(good);
        if !first(name).is_ascii_alphanumeric() || !is_good(name, MAX_NAME_BYTES) {
            return Err(NameError::Name(name.escape_default().to_string()));
        }
        if matches!(first(tag), b'.' | b'-') || !is_good(tag, MAX_TAG_BYTES) {
            return Err(NameError::Tag(tag.escape_default().to_string()));
        }
        Ok(Self {
            name: name.to_owned(),
            tag: tag.to_owned(),
        })
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.is_latest() {
            write!(f, ":{}", self.tag)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_leave_a_folder_are_refused() {
        let long_name = "x".repeat(64);
        let long_tag = format!("a:{}", "x".repeat(129));
        for bad in [
            "", ".", "..", ".hidden", "a/b", "a b", "-x", "ü", "a\0", ":x", "a:", "a:.", "a:-x", "a:b:c",
            "a:b/c", &long_name, &long_tag,
        ] {
            assert!(bad.parse::<ImageName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_usual_tag_is_not_said() {
        for (text, shown) in [
            ("a", "a"),
            ("a:latest", "a"),
            ("a.b-c:1.2_x", "a.b-c:1.2_x"),
            ("a:_", "a:_"),
        ] {
            assert_eq!(text.parse::<ImageName>().unwrap().to_string(), shown);
        }
    }

    /// What is a name is one file's name, and is read back as itself.
    #[test]
    fn fuzz_image_name() {
        uigniter_fuzz::run("image-name", &[b"web:1.2", b"a.b-c_d", b"../x:y"], |input| {
            let Ok(name) = String::from_utf8_lossy(input).parse::<ImageName>() else {
                return;
            };
            let shown = name.to_string();
            assert!(!shown.contains('/') && !shown.starts_with('.') && shown.len() <= 192);
            assert_eq!(shown.parse(), Ok(name));
        });
    }
}
