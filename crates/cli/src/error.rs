//! What a command says when it fails: one line that names the thing, one line with the way out.

use std::{fmt, process::ExitCode};

/// Status of a command that failed for a reason of its own, as docker has it for `run`, so that the statuses of programs
/// (mostly small numbers) stay free.
pub(crate) const FAILED: u8 = 125;

/// A failure, ready to be shown.
#[derive(Debug)]
pub(crate) struct CliError {
    message: String,
    hint: Option<String>,
    status: u8,
}

/// What commands return: the status of the process.
pub(crate) type Outcome = Result<ExitCode, CliError>;

impl CliError {
    /// An error that names the thing.
    pub(crate) fn new(message: impl fmt::Display) -> Self {
        Self {
            message: one_line(message),
            hint: None,
            status: 1,
        }
    }

    /// Adds the way out.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(one_line(hint));
        self
    }

    /// Sets the status of the process.
    pub(crate) fn status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// Shows the error on stderr and gives the status to end with.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("error: {}", self.message);
        if let Some(hint) = &self.hint {
            eprintln!("hint: {hint}");
        }
        ExitCode::from(self.status)
    }
}

/// Several lines would hide the hint, and log readers take one.
fn one_line(text: impl fmt::Display) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::new(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_several_lines_becomes_one() {
        let error = CliError::new("first\n  second").hint("do\nthis");
        assert_eq!(error.message, "first second");
        assert_eq!(error.hint.as_deref(), Some("do this"));
    }
}
