//! What is measured: the same client against the unikernel and against the same files as a process of the host, one after the other.
//!
//! Server and client have a core each. Figures of a busy machine vary by a tenth and more: both worlds are measured in turns, and the middle
//! one of an odd number of rounds counts. The ratio says more than the rates.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{
    manifest::{App, Load},
    server::{self, Server},
    site::{Site, checked, environment},
};
use crate::figures::Summary;

/// How often each load is measured in each world.
const ROUNDS: usize = 3;

/// Time for one load.
const LIMIT: Duration = Duration::from_secs(120);

/// One load in both worlds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// What it was.
    pub(crate) name: String,
    /// Requests per second of the unikernel.
    pub(crate) unikernel: f64,
    /// Requests per second of the host's process.
    pub(crate) host: f64,
}

impl Measured {
    /// How many times the host's process.
    pub(crate) fn ratio(&self) -> f64 {
        self.unikernel / self.host
    }
}

/// Measures all loads of an app whose image is there.
pub(crate) fn run(site: &Site, app: &App) -> Result<Vec<Measured>> {
    app.load.iter().map(|load| measure(site, app, load)).collect()
}

fn measure(site: &Site, app: &App, load: &Load) -> Result<Measured> {
    let image = server::image(site, app)?;
    let (mut in_guest, mut on_host) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // Fresh files: what a server left in the round before is not to be read again.
        let root = server::unpack(site, &image)?;
        let host = Server::host(site, app, root.path(), &image)?;
        let rate_on_host = rate(site, app, load, &host);
        host.stop(site)?;
        on_host.push(rate_on_host.with_context(|| format!("{}, host", load.name))?);
        let guest = Server::guest(site, app, &image)?;
        guest.pin()?;
        let rate_in_guest = rate(site, app, load, &guest);
        guest.stop(site)?;
        in_guest.push(rate_in_guest.with_context(|| format!("{}, unikernel", load.name))?);
    }
    Ok(Measured {
        name: load.name.clone(),
        unikernel: middle(in_guest).context("no round")?,
        host: middle(on_host).context("no round")?,
    })
}

/// The middle one.
fn middle(rates: Vec<f64>) -> Option<f64> {
    Summary::of(rates).map(|summary| summary.median)
}

/// Runs the client and reads its rate.
pub(crate) fn rate(site: &Site, app: &App, load: &Load, server: &Server) -> Result<f64> {
    let environment = environment(app, server.address());
    let fill = |word: &String| {
        environment.iter().fold(word.clone(), |word, (name, value)| {
            word.replace(&format!("${name}"), value)
        })
    };
    let output = site.client(LIMIT).args(load.command.iter().map(fill)).output()?;
    let text = checked(&load.command.join(" "), output)?;
    let error = load.errors.iter().find(|word| text.contains(&***word));
    ensure!(error.is_none(), "errors under load: {text}");
    number_after(&text, &load.rate).with_context(|| format!("no number behind '{}' in: {text}", load.rate))
}

/// The number behind the last place where `word` has one behind it.
fn number_after(text: &str, word: &str) -> Option<f64> {
    let number = |at: usize| {
        let rest = text[at + word.len()..].trim_start();
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        rest[..end].parse().ok()
    };
    text.rmatch_indices(word).find_map(|(at, _)| number(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_behind_the_word_counts() {
        assert_eq!(
            number_after("Requests/sec:  1234.50\n", "Requests/sec:"),
            Some(1234.5)
        );
        assert_eq!(
            number_after("SET: rps=0.0 (overall: nan)\rSET: 100.00 requests\n", "SET:"),
            Some(100.0)
        );
        assert_eq!(number_after("TPS: 24000 Net", "TPS:"), Some(24000.0));
        assert_eq!(number_after("nothing", "TPS:"), None);
        assert_eq!(number_after("TPS: none", "TPS:"), None);
    }
}
