//! `uigniter doctor`: what this host lacks, and how to mend it.
//!
//! The checks themselves are in [`checks`]; each looks at the real thing (opens the device, reads the capability set), so that a
//! container or a sandbox that hides it is noticed. Nothing is created or changed.

mod checks;

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use serde::Serialize;

use crate::{
    env_vars,
    error::Outcome,
    output::{self, Format, OutputArgs},
};

/// Say what this host lacks to run microVMs, and how to mend it
///
/// Ends with status 1 when something needed is lacking. What is merely absent (QEMU) is noted and does no harm.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  uigniter doctor\n  uigniter doctor -o json | jq '.[] | select(.state == \"missing\")'"
)]
pub(crate) struct Doctor {
    /// Folder whose disk space is checked
    #[arg(long, value_name = "DIR", env = env_vars::STATE_DIR, default_value = super::daemon::STATE_DIR)]
    state_dir: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

/// How one check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// Not there, and not needed for running microVMs.
    Absent,
    /// Needed and not there.
    Missing,
}

/// One line of the report.
#[derive(Debug, Serialize)]
struct Finding {
    /// What was looked at.
    check: &'static str,
    state: State,
    /// What was found.
    detail: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<&'static str>,
}

impl Finding {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self {
            check,
            state: State::Ok,
            detail: detail.into(),
            mend: None,
        }
    }

    fn absent(check: &'static str, detail: impl Into<String>, mend: &'static str) -> Self {
        Self {
            check,
            state: State::Absent,
            detail: detail.into(),
            mend: Some(mend),
        }
    }

    fn missing(check: &'static str, detail: impl Into<String>, mend: &'static str) -> Self {
        Self {
            check,
            state: State::Missing,
            detail: detail.into(),
            mend: Some(mend),
        }
    }
}

impl Doctor {
    pub(crate) fn run(self) -> Outcome {
        let findings = checks::all(&self.state_dir);
        let lacking: Vec<&Finding> = findings.iter().filter(|f| f.state == State::Missing).collect();
        if self.output.quiet {
            lacking
                .iter()
                .try_for_each(|finding| output::line(finding.check))?;
        } else if self.output.output == Format::Json {
            output::json(&findings)?;
        } else {
            report(&findings)?;
            output::line(&match lacking.len() {
                0 => "This host can run microVMs.".to_owned(),
                count => format!(
                    "This host cannot run microVMs yet: {count} of {} checks failed.",
                    findings.len()
                ),
            })?;
        }
        Ok(ExitCode::from(u8::from(!lacking.is_empty())))
    }
}

/// The findings for people.
fn report(findings: &[Finding]) -> Result<(), crate::error::CliError> {
    for finding in findings {
        let mark = match finding.state {
            State::Ok => "ok     ",
            State::Absent => "absent ",
            State::Missing => "MISSING",
        };
        output::line(&format!("{mark}  {:<14}  {}", finding.check, finding.detail))?;
        if let Some(mend) = finding.mend {
            output::line(&format!("{:27}{mend}", ""))?;
        }
    }
    Ok(())
}
