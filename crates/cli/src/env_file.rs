//! Files of environment variables, by docker's rules (`docker run --env-file`), and `--env`.
//!
//! A line is `KEY=VALUE`, all of it as it stands (quotes are part of the value), or `KEY`, which stands for the caller's own variable if there is one. Empty
//! lines and lines that begin with `#` say nothing.

/// One variable that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// With its value.
    Set(String, String),
    /// With the value that the caller's environment has.
    Inherited(String),
}

impl Variable {
    /// Reads `KEY[=VALUE]`; the value may be empty and may hold further `=`.
    ///
    /// # Errors
    ///
    /// There is no key.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (text, None),
        };
        if key.is_empty() {
            return Err(format!("expected KEY=VALUE or KEY, not '{text}'"));
        }
        let key = key.to_owned();
        Ok(match value {
            Some(value) => Self::Set(key, value),
            None => Self::Inherited(key),
        })
    }

    /// Key and value; `None` for one that the caller does not have.
    pub(crate) fn resolve(self) -> Option<(String, String)> {
        match self {
            Self::Set(key, value) => Some((key, value)),
            Self::Inherited(key) => std::env::var(&key).ok().map(|value| (key, value)),
        }
    }
}

/// Reads a whole file.
///
/// # Errors
///
/// The first line that is none; the message names its number.
pub(crate) fn parse(text: &str) -> Result<Vec<Variable>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text
        .lines()
        .zip(1..)
        .map(|(line, number)| (line.trim_start(), number));
    lines
        .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
        .map(|(line, number)| {
            let key = line.split('=').next().unwrap_or_default();
            if key.contains(char::is_whitespace) {
                return Err(format!(
                    "line {number}: the variable '{key}' has a blank in its name"
                ));
            }
            Variable::parse(line).map_err(|error| format!("line {number}: {error}"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_as_they_stand() {
        let set = |key: &str, value: &str| Variable::Set(key.into(), value.into());
        let text = "\u{feff}# comment\nA=b=c\n\n  B=\"quoted\" # kept \r\nC=\nPATH\n   # indented\n";
        let expected = [
            set("A", "b=c"),
            set("B", "\"quoted\" # kept "),
            set("C", ""),
            Variable::Inherited("PATH".into()),
        ];
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn wrong_lines_are_named() {
        for (text, number) in [("A=b\n=c\n", 2), ("A B=c", 1), ("A =c", 1), ("export A=b", 1)] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(&format!("line {number}: ")), "{error}");
        }
    }

    #[test]
    fn what_the_caller_has_is_taken_from_there() {
        let inherited = |key: &str| Variable::parse(key).unwrap().resolve();
        assert_eq!(inherited("PATH").unwrap().1, std::env::var("PATH").unwrap());
        assert_eq!(inherited("UIGNITER_NO_SUCH_VARIABLE"), None);
    }
}
