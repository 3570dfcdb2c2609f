//! What an instance is given beside its image: names, files, secrets, a user.
//!
//! Contents travel as base64 in the request and are in no answer.

use std::{fmt, net::IpAddr, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Most bytes of the files and secrets of one instance together: they lie in its memory.
pub const MOST_CONTENT_BYTES: usize = 4 << 20;

/// Permissions of a file where the request does not say.
pub const DEFAULT_FILE_MODE: u16 = 0o644;

/// One line for the instance's `/etc/hosts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostName {
    /// Name, as in a host name.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
}

impl FromStr for HostName {
    type Err = String;

    /// Reads `NAME:ADDRESS`; an IPv6 address may be in brackets.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = |text: &str| {
            let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
            bare.unwrap_or(text).parse().ok()
        };
        text.split_once(':')
            .filter(|(name, _)| !name.is_empty())
            .and_then(|(name, text)| {
                Some(Self {
                    name: name.to_owned(),
                    address: address(text)?,
                })
            })
            .ok_or_else(|| {
                format!("expected NAME:ADDRESS, for instance db:10.0.0.5 or db:[fd00::5]; not '{text}'")
            })
    }
}

/// A file for the instance, in place of whatever its image has there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileContent {
    /// Absolute path in the instance; folders on the way are made.
    pub path: String,
    /// Permissions, 0 to 4095 (0o7777); the owner is the user as whom the program runs.
    #[serde(default = "default_mode")]
    #[schemars(range(max = 4095))]
    pub mode: u16,
    /// The bytes.
    pub content: Content,
}

/// A file at `/run/secrets/NAME`, for the program's user to read and nobody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Name: letters, digits, `.`, `_`, `-`, 1 to 63 of them, the first a letter or digit.
    pub name: String,
    /// The bytes.
    pub content: Content,
}

/// A file that an instance was given, without what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FileInfo {
    /// Path in the instance.
    pub path: String,
    /// Permissions.
    pub mode: u16,
    /// Length in bytes.
    pub size_bytes: u64,
}

fn default_mode() -> u16 {
    DEFAULT_FILE_MODE
}

/// Bytes that are nobody else's to see: base64 in JSON, their number in everything that is made for reading.
#[derive(Clone, Default, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
pub struct Content(#[schemars(with = "String", extend("contentEncoding" = "base64"))] pub Vec<u8>);

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.0.len())
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // An error names no byte of it: it may be a secret.
        let text =
            String::deserialize(deserializer).map_err(|_| de::Error::custom("content is not a string"))?;
        STANDARD
            .decode(text)
            .map(Self)
            .map_err(|_| de::Error::custom("content is not base64 (RFC 4648, section 4)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_are_base64_and_nothing_shows_them() {
        let secret = Secret {
            name: "key".into(),
            content: Content(b"hunter2\xff".to_vec()),
        };
        let json = serde_json::to_string(&secret).unwrap();
        assert_eq!(json, r#"{"name":"key","content":"aHVudGVyMv8="}"#);
        assert_eq!(serde_json::from_str::<Secret>(&json).unwrap(), secret);
        assert!(format!("{secret:?}").contains("8 bytes"));
        for wrong in [r#""hunter2!""#, "4711", r#"["hunter2"]"#] {
            let error = serde_json::from_str::<Content>(wrong).unwrap_err().to_string();
            assert!(!error.contains("hunter2") && !error.contains("4711"), "{error}");
        }
    }

    #[test]
    fn a_host_has_a_name_and_an_address() {
        for text in ["db:10.0.0.5", "db:fd00::5", "db:[fd00::5]"] {
            let host: HostName = text.parse().unwrap();
            assert_eq!(host.name, "db");
        }
        for text in ["db", ":10.0.0.5", "db:10.0.0", "db:", "10.0.0.5"] {
            assert!(text.parse::<HostName>().is_err(), "{text}");
        }
    }
}
