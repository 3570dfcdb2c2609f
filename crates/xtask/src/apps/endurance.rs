//! One load on one instance, again and again: a leak, a crash or a stall that takes a million requests to show itself shows itself.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use super::{
    load,
    manifest::{App, Load},
    server::{self, Server},
    site::Site,
};

/// A rate below this part of the first one is a stall.
const STALL: f64 = 0.1;

/// What an instance bore.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Endured {
    /// Requests, as the clients' rates times their seconds.
    pub(crate) requests: f64,
    /// Requests per second of the first client, and of the last.
    pub(crate) first_rate: f64,
    pub(crate) last_rate: f64,
}

/// Runs the load until it has made so many requests.
pub(crate) fn run(site: &Site, app: &App, load: &Load, requests: f64) -> Result<Endured> {
    let guest = Server::guest(site, app, &server::image(site, app)?)?;
    guest.pin()?;
    let endured = until(requests, || {
        let begin = Instant::now();
        let rate = load::rate(site, app, load, &guest)?;
        Ok((rate, begin.elapsed().as_secs_f64()))
    });
    guest.stop(site)?;
    endured.with_context(|| format!("{}, again and again", load.name))
}

/// Adds up rounds, each a rate and its seconds.
fn until(requests: f64, mut round: impl FnMut() -> Result<(f64, f64)>) -> Result<Endured> {
    let (first_rate, seconds) = round()?;
    let mut endured = Endured {
        requests: first_rate * seconds,
        first_rate,
        last_rate: first_rate,
    };
    ensure!(endured.requests > 0.0, "the first round made no request");
    while endured.requests < requests {
        let (rate, seconds) = round().with_context(|| format!("after {:.0} requests", endured.requests))?;
        ensure!(
            rate > first_rate * STALL,
            "{rate:.0} requests/s after {:.0} requests, {first_rate:.0} at first",
            endured.requests
        );
        endured.requests += rate * seconds;
        endured.last_rate = rate;
    }
    Ok(endured)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_added_up_and_a_stall_ends_them() {
        let endured = until(1000.0, || Ok((100.0, 3.0))).unwrap();
        assert_eq!(endured.requests, 1200.0);
        let mut rates = [100.0, 90.0, 5.0].into_iter();
        let error = until(1000.0, || Ok((rates.next().unwrap(), 1.0))).unwrap_err();
        assert!(error.to_string().contains("after 190 requests"), "{error}");
        assert!(until(1.0, || Ok((0.0, 1.0))).is_err());
    }
}
