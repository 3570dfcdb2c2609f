//! Programs that begin with `#!` (`execve(2)`, "Interpreter scripts").

use alloc::string::String;

/// Bytes of a file that are looked at, as on Linux; a longer first line is cut there.
pub const HEAD: usize = 256;

/// Most scripts in a row, the last of which names a program: what Linux takes before it answers `ELOOP`.
pub const MAX_DEPTH: usize = 5;

/// What a script's first line says.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// The program that is to run it.
    pub interpreter: String,
    /// All that follows on the line, as one argument.
    pub argument: Option<String>,
}

impl Line {
    /// Reads the beginning of a file; `None` if that is no script that names an interpreter.
    #[must_use]
    pub fn parse(head: &[u8]) -> Option<Self> {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
        let rest = head.get(..head.len().min(HEAD))?.strip_prefix(b"#!")?;
        let end = rest.iter().position(|byte| matches!(byte, b'\n' | 0));
        let line = &rest[..end.unwrap_or(rest.len())];
        let name_at = line.iter().position(|byte| !is_space(byte))?;
        let line = &line[name_at..];
        let name_end = line.iter().position(is_space);
        if end.is_none() && name_end.is_none() && head.len() >= HEAD {
            // The name itself may have been cut: better none than another.
            return None;
        }
        let (name, argument) = line.split_at(name_end.unwrap_or(line.len()));
        let text = |bytes: &[u8]| core::str::from_utf8(bytes).ok().map(String::from);
        let argument = argument.trim_ascii();
        Some(Self {
            interpreter: text(name)?,
            argument: match argument {
                [] => None,
                argument => Some(text(argument)?),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    fn parsed(head: &[u8]) -> Option<(String, Option<String>)> {
        Line::parse(head).map(|line| (line.interpreter, line.argument))
    }

    #[test]
    fn one_argument_with_its_inner_blanks() {
        let some = |name: &str, argument: Option<&str>| Some((name.into(), argument.map(Into::into)));
        assert_eq!(parsed(b"#!/bin/sh\necho"), some("/bin/sh", None));
        assert_eq!(
            parsed(b"#! \t/usr/bin/perl -w  -T \t\nrest"),
            some("/usr/bin/perl", Some("-w  -T"))
        );
        assert_eq!(parsed(b"#!/bin/cat"), some("/bin/cat", None));
        assert_eq!(parsed(b"#!/bin/cat\0x\n"), some("/bin/cat", None));
    }

    #[test]
    fn no_interpreter_is_no_script() {
        for head in [
            &b""[..],
            b"#",
            b"#!",
            b"#!\n/bin/sh\n",
            b"#!  \t\n",
            b"\x7fELF",
            b"#!/bin/\xff\n",
        ] {
            assert_eq!(parsed(head), None, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn a_name_that_does_not_fit_is_refused_and_a_long_argument_is_cut() {
        let long = "x".repeat(300);
        assert_eq!(parsed(format!("#!/{long}\n").as_bytes()), None);
        let (name, argument) = parsed(format!("#!/bin/a {long}\n").as_bytes()).unwrap();
        assert_eq!(
            (&*name, argument.unwrap().len()),
            ("/bin/a", HEAD - "#!/bin/a ".len())
        );
    }

    #[test]
    fn any_bytes_are_taken_without_a_panic() {
        let mut state = 1u64;
        for _ in 0..20_000 {
            let mut head = b"#!".to_vec();
            for _ in 0..state % 300 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                head.push(b" \t\n\0/a\xff#"[(state >> 60) as usize & 7]);
            }
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(3) >> 3;
            if let Some((name, _)) = parsed(&head) {
                assert!(!name.is_empty() && !name.contains([' ', '\t', '\n', '\0']));
            }
        }
    }
}
