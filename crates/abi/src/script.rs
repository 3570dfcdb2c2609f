//! Scripts that find their interpreter by `env(1)`: who packs the image and who starts the program must mean the same one.

/// `PATH` of a program where none is given.
pub const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What `#!/usr/bin/env WORDS` runs: the program's name and its arguments, where it is just that.
///
/// `env` would replace itself by the program (`execve(2)`), which a unikernel cannot. Its `-S` is understood without quotes and
/// variables; with other options and with assignments it is `env` itself that has to run.
#[must_use]
pub fn env_words<'a>(
    interpreter: &str,
    argument: Option<&'a str>,
) -> Option<(&'a str, impl Iterator<Item = &'a str> + use<'a>)> {
    let argument = argument.filter(|_| interpreter.ends_with("/env"))?;
    // Without -S all of it is one name, blanks too.
    let (name, rest) = match argument.strip_prefix("-S") {
        Some(list) if list.contains(['"', '\'', '\\', '$', '#']) => return None,
        Some(list) => {
            let list = list.trim_start();
            list.split_once([' ', '\t']).unwrap_or((list, ""))
        }
        None => (argument, ""),
    };
    let plain = !name.is_empty() && !name.starts_with('-') && !name.contains('=');
    plain.then(|| (name, rest.split_whitespace()))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn words(argument: &str) -> Option<Vec<&str>> {
        env_words("/usr/bin/env", Some(argument))
            .map(|(name, rest)| core::iter::once(name).chain(rest).collect())
    }

    #[test]
    fn env_runs_what_it_names() {
        assert_eq!(words("python3").unwrap(), ["python3"]);
        assert_eq!(words("a b").unwrap(), ["a b"], "one name without -S");
        assert_eq!(words("-S python3 -u  -I").unwrap(), ["python3", "-u", "-I"]);
        assert_eq!(words("-Snode").unwrap(), ["node"]);
    }

    #[test]
    fn what_only_env_itself_can_do_is_left_to_it() {
        for argument in [
            "-i python3",
            "A=b",
            "-S A=b python3",
            "-S 'a b'",
            "-S -i a",
            "-S",
            "",
        ] {
            assert_eq!(words(argument), None, "{argument}");
        }
        assert!(env_words("/usr/bin/env", None).is_none());
        assert!(env_words("/usr/bin/python3", Some("x")).is_none());
    }
}
