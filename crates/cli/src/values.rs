//! Parsers of option values that have a unit or a form of their own.

use std::time::Duration;

/// Reads an amount of memory in MiB: `128`, `128M`, `128MiB`, `1G`, `1GiB`.
pub(crate) fn memory_mib(text: &str) -> Result<u32, String> {
    let wrong = || format!("expected MiB, or a number with M or G, for instance 128 or 1G; not '{text}'");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "m" | "mb" | "mib" => 1,
        "g" | "gb" | "gib" => 1024,
        _ => return Err(wrong()),
    };
    let number: u32 = digits.parse().map_err(|_| wrong())?;
    number
        .checked_mul(factor)
        .filter(|mib| *mib > 0)
        .ok_or_else(wrong)
}

/// Reads a size in bytes from what [`memory_mib`] takes.
pub(crate) fn size_bytes(text: &str) -> Result<u64, String> {
    memory_mib(text).map(|mib| u64::from(mib) << 20)
}

/// Reads `KEY=VALUE`; the value may be empty and may hold further `=`.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("expected KEY=VALUE, not '{text}'")),
    }
}

/// Milliseconds since 1970 as a length of time until now.
pub(crate) fn since(moment_ms: u64) -> Duration {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    now.saturating_sub(Duration::from_millis(moment_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_has_a_unit_or_is_mib() {
        for (text, mib) in [
            ("8", 8),
            ("128M", 128),
            ("64MiB", 64),
            ("1g", 1024),
            ("2GiB", 2048),
        ] {
            assert_eq!(memory_mib(text), Ok(mib));
        }
        for text in ["", "M", "0", "1T", "1.5G", "-1", "99999999G", "ü"] {
            assert!(memory_mib(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pair_has_a_key() {
        assert_eq!(key_value("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(key_value("A="), Ok(("A".to_owned(), String::new())));
        assert!(key_value("=x").is_err() && key_value("A").is_err());
    }
}
