//! What is tried. Linux is the judge: a program that ends must print the same in both; a server's test must pass against the process of the
//! host first, so that a failure says something about the unikernel and not about the test.

use std::{fs, path::Path, time::Duration};

use anyhow::{Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use uigniter_api::image::Image;

use super::{
    manifest::App,
    server::{self, Server},
    site::{Site, environment},
};

/// Time for a whole smoke test.
const LIMIT: Duration = Duration::from_secs(180);

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checked {
    /// What works if it passed.
    pub(crate) name: String,
    /// Why it did not pass; absent if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<String>,
    /// Whether the manifest says that it fails.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) known: bool,
}

impl Checked {
    pub(crate) fn new(name: &str, failure: Option<String>) -> Self {
        Self {
            name: name.trim().to_owned(),
            failure,
            known: false,
        }
    }

    /// Whether it did what the manifest expects.
    pub(crate) const fn is_expected(&self) -> bool {
        self.failure.is_none() || self.known
    }
}

/// Tries an app, as a process of the host and as a unikernel.
pub(crate) fn run(site: &Site, app: &App) -> Result<Vec<Checked>> {
    let image = server::import(site, app)?;
    let root = server::unpack(site, &image)?;
    let root = root.path();
    let neighbours = neighbours(site, app, root)?;
    let outsiders = outsiders(site, app)?;
    let checked = if app.port.is_some() {
        serve(site, app, &image, root)
    } else {
        app.check
            .iter()
            .map(|check| compare(site, app, &image, root, check))
            .collect()
    };
    for neighbour in neighbours {
        neighbour.stop(site)?;
    }
    for (outsider, _root) in outsiders {
        outsider.stop(site)?;
    }
    checked
}

/// Starts what runs outside, as a process of the host; each with the folder that is its root.
fn outsiders(site: &Site, app: &App) -> Result<Vec<(Server, TempDir)>> {
    let start = |other: &App| {
        let image = server::import(site, other)?;
        let root = server::unpack(site, &image)?;
        Ok((Server::host(site, other, root.path(), &image)?, root))
    };
    app.outsiders()?.iter().map(start).collect()
}

/// Starts what runs beside the app. Guests find it by its name; the host's process by its `/etc/hosts`.
fn neighbours(site: &Site, app: &App, root: &Path) -> Result<Vec<Server>> {
    let mut servers = Vec::new();
    let hosts = root.join("etc/hosts");
    let mut names = fs::read_to_string(&hosts).unwrap_or_default();
    for other in app.neighbours()? {
        let image = server::import(site, &other)?;
        let server = Server::guest(site, &other, &image)?;
        names.push_str(&format!("{} {}\n", server.address(), other.name));
        servers.push(server);
    }
    fs::write(&hosts, names)?;
    Ok(servers)
}

fn serve(site: &Site, app: &App, image: &Image, root: &Path) -> Result<Vec<Checked>> {
    let host = Server::host(site, app, root, image)?;
    let on_linux = script(site, app, &host);
    host.stop(site)?;
    if let Some(Checked {
        name,
        failure: Some(why),
        ..
    }) = on_linux?.into_iter().find(|check| check.failure.is_some())
    {
        bail!("apps/{}/smoke.sh fails on Linux itself: {name}: {why}", app.name);
    }
    let guest = Server::guest(site, app, image)?;
    let mut checked = script(site, app, &guest)?;
    if let Err(error) = guest.stop(site) {
        checked.push(Checked::new("still runs afterwards", Some(format!("{error:#}"))));
    }
    Ok(checked)
}

/// Runs `smoke.sh` against a server.
fn script(site: &Site, app: &App, server: &Server) -> Result<Vec<Checked>> {
    let output = site
        .client(LIMIT)
        .arg("bash")
        .arg(app.folder().join("smoke.sh"))
        .envs(environment(app, server.address()))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut checked = parse(&text);
    ensure!(!checked.is_empty(), "smoke.sh checks nothing: {text}");
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let why = format!("{}: {}", output.status, said.trim());
        checked.push(Checked::new("smoke.sh ends well", Some(why)));
    }
    Ok(checked)
}

/// Lines `ok NAME` and `not ok NAME: WHY`.
fn parse(text: &str) -> Vec<Checked> {
    let line = |line: &str| {
        if let Some(name) = line.strip_prefix("ok ") {
            return Some(Checked::new(name, None));
        }
        let (name, why) = line.strip_prefix("not ok ")?.split_once(": ")?;
        Some(Checked::new(name, Some(why.trim().to_owned())))
    };
    text.lines().filter_map(line).collect()
}

/// One run to the end in both worlds.
fn compare(
    site: &Site,
    app: &App,
    image: &Image,
    root: &Path,
    check: &super::manifest::Check,
) -> Result<Checked> {
    let outside = site.address.to_string();
    let args: Vec<_> = check
        .args
        .iter()
        .map(|arg| arg.replace("$OUTSIDE", &outside))
        .collect();
    let (expected, status) = server::run_host(site, app, root, image, &args)?;
    let (console, exit) = server::run_guest(site, app, image, &args)?;
    let actual = of_the_program(&console);
    let failure = if i32::from(exit.code) != status {
        let said = exit.message.unwrap_or_default();
        let tail = actual.get(actual.len().saturating_sub(300)..).unwrap_or_default();
        Some(format!(
            "status {} instead of {status} {said} {}",
            exit.code,
            String::from_utf8_lossy(tail).trim()
        ))
    } else {
        difference(&expected, &actual)
    };
    let (failure, known) = match (failure, &check.known_failure) {
        (Some(_), Some(reason)) => (Some(reason.clone()), true),
        (None, Some(_)) => (Some("passes: take known_failure off its app.toml".into()), false),
        (failure, None) => (failure, false),
    };
    Ok(Checked {
        name: check.name.clone(),
        failure,
        known,
    })
}

/// A console without the lines that are the library OS's own and not the program's.
pub(crate) fn of_the_program(console: &[u8]) -> Vec<u8> {
    let own = |line: &&[u8]| !line.starts_with(b"uigniter: ");
    let lines = console.split_inclusive(|byte| *byte == b'\n').filter(own);
    lines.flatten().copied().collect()
}

/// The first line that is not the same.
pub(crate) fn difference(expected: &[u8], actual: &[u8]) -> Option<String> {
    if expected == actual {
        return None;
    }
    let (expected, actual) = (String::from_utf8_lossy(expected), String::from_utf8_lossy(actual));
    let (mut expected, mut actual) = (expected.lines(), actual.lines());
    loop {
        match (expected.next(), actual.next()) {
            (Some(one), Some(other)) if one == other => {}
            (None, None) => return Some("line ends differ".into()),
            (one, other) => {
                let show = |line: Option<&str>| line.map_or("nothing".into(), |line| format!("'{line}'"));
                return Some(format!("prints {} instead of {}", show(other), show(one)));
            }
        }
    }
}

/// What can be said of the number of checks, for a table.
pub(crate) fn summary(checked: &[Checked]) -> String {
    let passed = checked.iter().filter(|check| check.failure.is_none()).count();
    format!("{passed} of {}", checked.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_script_are_read() {
        let checked = parse("noise\nok set and get\nnot ok expiry: still there: x\nok\n");
        assert_eq!(checked.len(), 2);
        assert_eq!(checked[0].name, "set and get");
        assert_eq!(checked[1].failure.as_deref(), Some("still there: x"));
        assert_eq!(summary(&checked), "1 of 2");
    }

    #[test]
    fn the_first_line_that_differs_is_shown() {
        assert_eq!(difference(b"a\nb\n", b"a\nb\n"), None);
        assert_eq!(
            difference(b"a\nb\n", b"a\nc\n").unwrap(),
            "prints 'c' instead of 'b'"
        );
        assert_eq!(difference(b"a\n", b"").unwrap(), "prints nothing instead of 'a'");
        assert!(difference(b"a\n", b"a").is_some());
    }
}
