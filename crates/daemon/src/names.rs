//! Names of instances and images, and fresh ids.

use rustix::rand::{GetRandomFlags, getrandom};

use crate::refusal::Refusal;

/// Checks a name: 1 to 63 letters, digits, `.`, `_`, `-`, the first a letter or digit. Such a name is a file name and a
/// host name too.
pub(crate) fn check(what: &str, name: &str) -> Result<(), Refusal> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let first = name
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric());
    if first && name.len() <= 63 && name.bytes().all(good) {
        return Ok(());
    }
    Err(Refusal::Invalid(format!(
        "'{}' cannot be {what}; use 1 to 63 letters, digits, '.', '_' or '-', beginning with a letter or digit",
        name.escape_default()
    )))
}

/// A fresh id: twelve hexadecimal digits.
pub(crate) fn fresh_id() -> Result<String, Refusal> {
    let mut bytes = [0; 6];
    getrandom(&mut bytes, GetRandomFlags::empty()).map_err(|error| Refusal::Io {
        action: "draw an id".into(),
        source: error.into(),
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether a text is an id of ours.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_leave_a_folder_are_refused() {
        for bad in [
            "",
            ".",
            "..",
            ".hidden",
            "a/b",
            "a b",
            "-x",
            "ü",
            "a\0",
            &"x".repeat(64),
        ] {
            assert!(check("a name", bad).is_err(), "{bad:?}");
        }
        for good in ["a", "web-1", "a.b_c", "0", &"x".repeat(63)] {
            assert!(check("a name", good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn ids_are_fresh() {
        let (one, other) = (fresh_id().unwrap(), fresh_id().unwrap());
        assert!(is_id(&one) && is_id(&other) && one != other);
    }
}
