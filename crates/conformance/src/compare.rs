//! What differs between two runs, and which differences are known.

use std::{collections::BTreeMap, fmt::Write};

use crate::Run;

/// Differing lines that are shown.
const SHOWN: usize = 40;

/// Says what differs, line by line; `None` if nothing does.
#[must_use]
pub fn difference(host: &Run, guest: &Run) -> Option<String> {
    if host == guest {
        return None;
    }
    let mut text = String::new();
    if host.status != guest.status {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "status: {} on the host, {} in the guest",
            host.status, guest.status
        );
    }
    let [left, right] = [host, guest].map(|run| run.output.split(|&byte| byte == b'\n').collect::<Vec<_>>());
    let different = (0..left.len().max(right.len())).filter(|&line| left.get(line) != right.get(line));
    for line in different.take(SHOWN) {
        for (sign, side) in [("host ", &left), ("guest", &right)] {
            let shown = side
                .get(line)
                .map_or("(no such line)".into(), |bytes| String::from_utf8_lossy(bytes));
            let _ = writeln!(text, "{:>4} {sign}: {shown}", line + 1);
        }
    }
    Some(text)
}

/// The list of known failures: test names and reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownFailures(BTreeMap<String, String>);

/// A line of the list that is not `NAME: REASON`.
#[derive(Debug, thiserror::Error)]
#[error("known failures, line {line}: expected 'NAME: REASON', a comment behind '#' or nothing")]
pub struct Malformed {
    /// Its number, from 1.
    pub line: usize,
}

impl KnownFailures {
    /// Reads the list: `NAME: REASON` a line, where a name is a program (all its builds) or one `PROGRAM::TOOLCHAIN`.
    ///
    /// # Errors
    ///
    /// [`Malformed`].
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut known = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            // With the blank, so that the `::` of a test name is no separator.
            let entry = line
                .split_once(": ")
                .filter(|(_, reason)| !reason.trim().is_empty());
            let (name, reason) = entry.ok_or(Malformed { line: index + 1 })?;
            known.insert(name.to_owned(), reason.to_owned());
        }
        Ok(Self(known))
    }

    /// Why the test is known to fail, if it is.
    #[must_use]
    pub fn reason(&self, test: &str) -> Option<&str> {
        let program = test.split("::").next()?;
        self.0
            .get(test)
            .or_else(|| self.0.get(program))
            .map(String::as_str)
    }

    /// The names in the list.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use uigniter_abi::exit::ExitStatus;

    use super::*;

    fn run(output: &str, status: u8) -> Run {
        Run {
            output: output.into(),
            status: ExitStatus::Exited(status),
        }
    }

    #[test]
    fn equal_runs_have_no_difference() {
        assert_eq!(difference(&run("a\n", 0), &run("a\n", 0)), None);
    }

    #[test]
    fn lines_and_status_are_shown() {
        let text = difference(&run("a\nb\n", 0), &run("a\nc\nd\n", 1)).unwrap();
        assert!(
            text.contains("exited 0 on the host, exited 1 in the guest"),
            "{text}"
        );
        assert!(
            text.contains("2 host : b\n") && text.contains("2 guest: c\n"),
            "{text}"
        );
        assert!(!text.contains(" 1 host"), "{text}");
    }

    #[test]
    fn known_failures_have_reasons() {
        let known =
            KnownFailures::parse("# none\n\nfile_flock: no second process\nsignal_x::musl: why: this\n")
                .unwrap();
        assert_eq!(known.reason("file_flock::pie"), Some("no second process"));
        assert_eq!(known.reason("signal_x::musl"), Some("why: this"));
        assert_eq!(known.reason("signal_x::glibc"), None);
        assert!(KnownFailures::parse("file_flock\n").is_err());
        assert!(KnownFailures::parse("file_flock: \n").is_err());
    }
}
