//! Mounts: what an instance has in its tree besides its image.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One mount. Its short form, `SOURCE:TARGET[:ro|:rw]`, is read by [`FromStr`].
///
/// ```
/// use uigniter_api::mount::{Mount, Source};
/// let mount: Mount = "data:/var/lib/app:ro".parse()?;
/// assert_eq!((mount.source(), mount.read_only), (Source::Volume("data"), true));
/// assert_eq!(mount.to_string(), "data:/var/lib/app:ro");
/// # Ok::<(), uigniter_api::mount::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// What is mounted: a volume's name, or an absolute path of the host's.
    pub source: String,
    /// Absolute path of a directory in the guest; it is made where the image has none.
    pub target: String,
    /// Whether the program may only read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read_only: bool,
}

/// What a mount's source names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A volume of the daemon's.
    Volume(&'a str),
    /// A folder of the host's.
    Folder(&'a str),
}

impl Mount {
    /// What the source names: what begins with a slash is a folder.
    #[must_use]
    pub fn source(&self) -> Source<'_> {
        if self.source.starts_with('/') {
            Source::Folder(&self.source)
        } else {
            Source::Volume(&self.source)
        }
    }
}

/// A short form that is not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot mount '{0}': expected NAME:/PATH[:ro], for instance data:/var/lib/app")]
pub struct ParseError(String);

impl FromStr for Mount {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        parse(text).ok_or_else(|| ParseError(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<Mount> {
    let (text, read_only) = match text.rsplit_once(':') {
        Some((rest, "ro")) => (rest, true),
        Some((rest, "rw")) => (rest, false),
        _ => (text, false),
    };
    let (source, target) = text.rsplit_once(':')?;
    (!source.is_empty() && target.starts_with('/')).then(|| Mount {
        source: source.to_owned(),
        target: target.to_owned(),
        read_only,
    })
}

impl fmt::Display for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = if self.read_only { ":ro" } else { "" };
        write!(f, "{}:{}{access}", self.source, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_are_read_and_written() {
        for (text, source, full) in [
            ("data:/d", Source::Volume("data"), "data:/d"),
            ("data:/d:rw", Source::Volume("data"), "data:/d"),
            ("/srv/www:/www:ro", Source::Folder("/srv/www"), "/srv/www:/www:ro"),
        ] {
            let mount: Mount = text.parse().unwrap();
            assert_eq!(mount.source(), source);
            assert_eq!(mount.to_string(), full);
        }
    }

    #[test]
    fn others_are_refused_by_name() {
        for text in ["", "data", ":/d", "data:d", "data:/d:rx", "data:ro", "/srv"] {
            let error = text.parse::<Mount>().unwrap_err();
            assert!(error.to_string().contains(&format!("'{text}'")), "{error}");
        }
    }
}
