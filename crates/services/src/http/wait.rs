//! `?wait=SECONDS`: how long somebody would wait for something to come.

use std::time::Duration;

use serde::Deserialize;

/// Nobody waits longer for one answer.
const LONGEST: Duration = Duration::from_secs(30);

/// The query of a call that may wait.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Wait {
    /// Seconds; 0 asks for what is there.
    #[serde(default)]
    wait: f64,
}

impl Wait {
    /// How long to wait: at most 30 s, and not at all where the number is none.
    #[must_use]
    pub fn time(self) -> Duration {
        Duration::try_from_secs_f64(self.wait)
            .unwrap_or_default()
            .min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_bounded_and_never_an_error() {
        for (wait, expected) in [
            (0.5, 0.5),
            (0.0, 0.0),
            (31.0, 30.0),
            (-1.0, 0.0),
            (f64::NAN, 0.0),
            (f64::INFINITY, 0.0),
        ] {
            assert_eq!(Wait { wait }.time(), Duration::from_secs_f64(expected), "{wait}");
        }
    }
}
