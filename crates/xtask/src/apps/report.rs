//! `apps/NAME/result.json`, which a run writes, and `docs/compatibility.md`, which is made of all of them.

use std::{fmt, fs, path::PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::{
    debian,
    endurance::Endured,
    load::Measured,
    manifest::{self, App},
    packages,
    smoke::{self, Checked},
};
use crate::host::root;

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Package and version.
    version: String,
    /// Day of the run, `YYYY-MM-DD`.
    date: String,
    /// What was tried.
    checks: Vec<Checked>,
    /// The last measurement, which may be older than the checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    load: Option<LoadOutcome>,
    /// The last endurance run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endured: Option<EnduredOutcome>,
}

/// An endurance run with its day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct EnduredOutcome {
    date: String,
    #[serde(flatten)]
    endured: Endured,
}

/// Loads with their day and machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LoadOutcome {
    date: String,
    machine: String,
    measured: Vec<Measured>,
}

impl Outcome {
    pub(crate) fn new(
        app: &App,
        checks: Vec<Checked>,
        measured: Vec<Measured>,
        endured: Option<Endured>,
    ) -> Result<Self> {
        let date = today()?;
        let load = (!measured.is_empty()).then(|| {
            Ok::<_, anyhow::Error>(LoadOutcome {
                date: date.clone(),
                machine: machine()?,
                measured,
            })
        });
        Ok(Self {
            version: packages::shown_version(app)?,
            checks,
            load: load.transpose()?,
            endured: endured.map(|endured| EnduredOutcome {
                date: date.clone(),
                endured,
            }),
            date,
        })
    }

    /// Whether all that was tried passed.
    pub(crate) fn passed(&self) -> bool {
        self.checks.iter().all(Checked::is_expected)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Checked { name, failure, known } in &self.checks {
            match failure {
                None => writeln!(f, "ok      {name}")?,
                Some(why) if *known => writeln!(f, "known   {name}: {why}")?,
                Some(why) => writeln!(f, "FAILED  {name}: {why}")?,
            }
        }
        for load in self.load.iter().flat_map(|load| &load.measured) {
            let Measured {
                name,
                unikernel,
                host,
            } = load;
            writeln!(
                f,
                "{:>5.2}   {name}: {unikernel:.0} requests/s as a unikernel, {host:.0} as a process of the host",
                load.ratio()
            )?;
        }
        if let Some(EnduredOutcome { endured, .. }) = &self.endured {
            writeln!(f, "bore    {}", borne(endured))?;
        }
        Ok(())
    }
}

/// What an instance bore, for people.
fn borne(endured: &Endured) -> String {
    format!(
        "{:.1} million requests, {:.0}/s at first and {:.0}/s at last",
        endured.requests / 1e6,
        endured.first_rate,
        endured.last_rate
    )
}

/// The day, in UTC, as the system's `date(1)` says it.
pub(crate) fn today() -> Result<String> {
    let output = std::process::Command::new("date").args(["-u", "+%F"]).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Kind of the machine: cores, processor, kind of KVM.
fn machine() -> Result<String> {
    let text = fs::read_to_string("/proc/cpuinfo")?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown processor", |line| {
        line.trim_start_matches([' ', '\t', ':'])
    });
    let cores = std::thread::available_parallelism()?;
    let modules = fs::read_to_string("/proc/modules").unwrap_or_default();
    let hardware = text.contains(" vmx") || text.contains(" svm");
    let kind = if modules.contains("kvm_pvm") || !hardware {
        "pagetable KVM"
    } else {
        "hardware KVM"
    };
    Ok(format!("{cores} cores, {model}, {kind}{}", busy(cores.get())?))
}

/// A remark for a machine that did other things too: a VMM has several threads and gets the larger part of a core that is fought for, so its
/// ratios are too good then.
fn busy(cores: usize) -> Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    let load = text
        .split(' ')
        .nth(2)
        .context("/proc/loadavg has no third number")?;
    let load: f64 = load.parse()?;
    if load < 2.0 * cores as f64 {
        return Ok(String::new());
    }
    Ok(format!(
        ", **busy with other work** (load average {load:.0}): measure again"
    ))
}

fn path(app: &App) -> PathBuf {
    app.folder().join("result.json")
}

fn read(app: &App) -> Option<Outcome> {
    let bytes = fs::read(path(app)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Writes an app's outcome; load and endurance that it has from before stay if none were measured now.
pub(crate) fn store(app: &App, mut outcome: Outcome) -> Result<()> {
    if let Some(before) = read(app) {
        outcome.load = outcome.load.or(before.load);
        outcome.endured = outcome.endured.or(before.endured);
    }
    let text = serde_json::to_string_pretty(&outcome)? + "\n";
    fs::write(path(app), text).with_context(|| path(app).display().to_string())
}

/// Writes `docs/compatibility.md`.
pub(crate) fn write() -> Result<()> {
    Ok(fs::write(document(), text()?)?)
}

fn document() -> PathBuf {
    root().join("docs/compatibility.md")
}

const HEAD: &str = "# Programs that run

Debian's packages as they are, run as unikernels. Generated from `apps/*/result.json`, which `cargo xtask apps --load` writes.

*Tried* counts what the smoke test checks; the same test passed against the program as a process of this host, or the program printed the same
there. *Load* is requests per second as a unikernel, and how many times that is what the same files give as a process of the host in a network
namespace on the same bridge, in the same run; server (all threads of the VMM, or the process) and client are pinned to a core each.

| program | tried | load |
|---|---|---|
";

fn text() -> Result<String> {
    let apps: Vec<_> = manifest::all()?
        .into_iter()
        .map(|app| (read(&app), app))
        .collect();
    let mut text = String::from(HEAD);
    for (outcome, app) in &apps {
        let (tried, load) = match outcome {
            Some(outcome) => (smoke::summary(&outcome.checks), loads(outcome)),
            None => ("not yet".into(), String::new()),
        };
        let name = &app.name;
        // As headings become anchors: dots go.
        let anchor = name.replace('.', "");
        text.push_str(&format!("| [{name}](#{anchor}) | {tried} | {load} |\n"));
    }
    for (outcome, app) in &apps {
        text.push_str(&section(app, outcome.as_ref()));
    }
    text.push_str(&debian::text()?);
    Ok(text)
}

fn loads(outcome: &Outcome) -> String {
    let each = outcome.load.iter().flat_map(|load| &load.measured);
    let each = each.map(|load| format!("{}: {:.0}/s, **{:.2}**", load.name, load.unikernel, load.ratio()));
    each.collect::<Vec<_>>().join("<br>")
}

fn section(app: &App, outcome: Option<&Outcome>) -> String {
    let mut text = format!("\n## {}\n\n", app.name);
    let Some(outcome) = outcome else {
        return text + "Not run yet.\n";
    };
    text.push_str(&format!("{}, {}.\n\n", outcome.version, outcome.date));
    for Checked { name, failure, .. } in &outcome.checks {
        match failure {
            None => text.push_str(&format!("- {name}\n")),
            Some(why) => text.push_str(&format!("- **fails**: {name} ({why})\n")),
        }
    }
    for lack in &app.lacks {
        text.push_str(&format!("- **not**: {lack}\n"));
    }
    if let Some(load) = &outcome.load {
        text.push_str(&format!("\nLoad on {}, {}:\n\n", load.date, load.machine));
        for each in &load.measured {
            let Measured {
                name,
                unikernel,
                host,
            } = each;
            text.push_str(&format!(
                "- {name}: {unikernel:.0} requests/s, host process {host:.0}, ratio {:.2}\n",
                each.ratio()
            ));
        }
    }
    if let Some(EnduredOutcome { date, endured }) = &outcome.endured {
        text.push_str(&format!(
            "\nEndurance on {date}: one instance, {}.\n",
            borne(endured)
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_what_the_results_say() {
        let written = fs::read_to_string(document()).unwrap_or_default();
        assert!(
            written == text().unwrap(),
            "docs/compatibility.md is not what apps/*/result.json say; renew it: cargo xtask apps --report"
        );
    }

    #[test]
    fn an_outcome_says_what_failed_and_how_fast_it_was() {
        let outcome = Outcome {
            version: "x 1".into(),
            date: "2026-01-01".into(),
            checks: vec![Checked::new("one", None), Checked::new("two", Some("why".into()))],
            endured: Some(EnduredOutcome {
                date: "2026-01-01".into(),
                endured: Endured {
                    requests: 5e6,
                    first_rate: 100.0,
                    last_rate: 90.0,
                },
            }),
            load: Some(LoadOutcome {
                date: "2026-01-01".into(),
                machine: "m".into(),
                measured: vec![Measured {
                    name: "l".into(),
                    unikernel: 50.0,
                    host: 100.0,
                }],
            }),
        };
        assert!(!outcome.passed());
        let text = outcome.to_string();
        assert!(
            text.contains("FAILED  two: why") && text.contains("0.50   l: 50 requests/s"),
            "{text}"
        );
        let json = serde_json::to_string(&outcome).unwrap();
        assert_eq!(serde_json::from_str::<Outcome>(&json).unwrap(), outcome);
    }
}
