//! `cargo xtask apps`: programs as Debian ships them, run as unikernels, and what came of it.
//!
//! | module | does |
//! |---|---|
//! | [`manifest`] | `apps/NAME/app.toml`: what goes in |
//! | [`packages`] | Debian packages: installed when root, else named |
//! | [`debian`] | `apps/debian.toml`: one run of each of many other programs |
//! | [`site`] | a daemon, the network beside it, commands in them |
//! | [`server`] | the program as a unikernel, and the same files as a process of the host |
//! | [`smoke`], [`load`], [`endurance`] | what is tried, what is measured, and what is borne |
//! | [`report`] | `apps/NAME/result.json`, and `docs/compatibility.md` made of all of them and of [`debian`] |

mod debian;
mod endurance;
mod load;
mod manifest;
pub(crate) mod packages;
mod report;
mod server;
mod site;
mod smoke;

use anyhow::{Result, ensure};
use clap::Args;

use manifest::App;
use report::Outcome;
use site::Site;

/// Run the programs of `apps/` as unikernels, try them, and renew `docs/compatibility.md`
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Apps {
    /// Folders of `apps/` [default: all]; or 'debian', and names of `apps/debian.toml` [default: all of it]
    names: Vec<String>,
    /// Measure load too: the unikernel beside the same files as a process of the host
    #[arg(long)]
    load: bool,
    /// Put this many million requests on one instance, by the first load of each server; a crash or a stall is a failure
    #[arg(long, value_name = "MILLIONS")]
    endure: Option<f64>,
    /// Only those that are quick, as `cargo xtask test` does
    #[arg(long)]
    quick: bool,
    /// Run nothing; only renew `docs/compatibility.md` from the results that are there
    #[arg(long)]
    report: bool,
}

impl Apps {
    /// Those that belong to every test run. Their results are shown and not written: a test changes no file of the repository.
    pub(crate) fn quick() -> Self {
        Self {
            quick: true,
            ..Self::default()
        }
    }

    /// Runs them; fails if any did not do what it should.
    pub(crate) fn run(&self) -> Result<()> {
        if self.report {
            return report::write();
        }
        if let Some((name, names)) = self.names.split_first()
            && name == debian::NAME
        {
            return debian::run(names);
        }
        let apps = manifest::chosen(&self.names, self.quick)?;
        packages::install(&apps)?;
        let mut failed = Vec::new();
        for app in &apps {
            println!("--- {}", app.name);
            // A daemon each: what one program leaves behind is no other's trouble.
            let site = Site::start(app)?;
            let outcome = self.one(&site, app);
            site.stop()?;
            let outcome = outcome?;
            print!("{outcome}");
            if !outcome.passed() {
                failed.push(app.name.as_str());
            }
            if !self.quick {
                report::store(app, outcome)?;
            }
        }
        if !self.quick {
            report::write()?;
        }
        ensure!(failed.is_empty(), "not all is well with: {}", failed.join(", "));
        Ok(())
    }

    fn one(&self, site: &Site, app: &App) -> Result<Outcome> {
        let checks = smoke::run(site, app)?;
        let loads = if self.load {
            load::run(site, app)?
        } else {
            Vec::new()
        };
        let endured = match (self.endure, app.load.first()) {
            (Some(millions), Some(load)) => Some(endurance::run(site, app, load, millions * 1e6)?),
            _ => None,
        };
        Outcome::new(app, checks, loads, endured)
    }
}
