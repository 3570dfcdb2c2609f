//! `apps/debian.toml`: one run of each of many other Debian programs, `apps/debian.json`, which a run writes, and their table in
//! `docs/compatibility.md`.
//!
//! Linux is the judge here, too: what ends prints the same in both worlds, what serves gives a client the same answer. A program
//! that cannot run must say so: the entry has the words of the library OS or of the program that its user will read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::{
    manifest::App,
    packages, report,
    server::{self, Server},
    site::{Site, environment},
    smoke::{difference, of_the_program},
};
use crate::host::root;

/// What `cargo xtask apps` calls the whole of it.
pub(crate) const NAME: &str = "debian";
/// Time for a client.
const CLIENT_LIMIT: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    program: Vec<Entry>,
}

/// One program.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// Its name in the table.
    name: String,
    /// Its Debian packages; the table shows the version of the first.
    packages: Vec<String>,
    /// What is tried.
    tried: String,
    /// The program.
    program: String,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Files to add, as `--add` of `uigniter run`.
    #[serde(default)]
    add: Vec<String>,
    /// Further files: path in the image, and text.
    #[serde(default)]
    files: BTreeMap<String, String>,
    #[serde(default = "super::manifest::default_memory_mib")]
    memory_mib: u32,
    /// Where a server listens; [`Entry::client`] asks it.
    port: Option<u16>,
    /// Shell command of a client; `$HOST` and `$PORT` stand for the server.
    client: Option<String>,
    /// Words that the output (of the client, if there is one) has: Linux could fail in the same way.
    expect: String,
    /// Whether the output has things that are not the same twice, such as times; only [`Entry::expect`] is compared then.
    #[serde(default)]
    varies: bool,
    /// Whether the program cannot run, or cannot serve the client; [`Entry::expect`] is in the console's line that says why.
    #[serde(default)]
    refused: bool,
    /// What its users have to know, such as the option that keeps it in one process.
    note: Option<String>,
    /// Why it is known to fail; when it passes nevertheless, that is a failure too.
    known_failure: Option<String>,
}

/// What came of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Ran {
    version: String,
    date: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

type Results = BTreeMap<String, Ran>;

impl Entry {
    fn check(&self) -> Result<()> {
        let name = &self.name;
        ensure!(
            !self.packages.is_empty() && !self.expect.is_empty(),
            "{name}: packages and expect are needed"
        );
        ensure!(
            self.port.is_some() == self.client.is_some(),
            "{name}: a port needs a client, and a client a port"
        );
        Ok(())
    }

    /// The same as an app whose further files lie in a build folder.
    fn app(&self, site: &Site) -> Result<App> {
        // Names of images are letters, digits and dashes.
        let other = |letter: char| !letter.is_ascii_alphanumeric();
        let mut app = App::plain(&self.name.replace(other, "-"), &self.program);
        app.packages.clone_from(&self.packages);
        app.args.clone_from(&self.args);
        app.env.clone_from(&self.env);
        app.memory_mib = self.memory_mib;
        app.port = self.port;
        app.add.clone_from(&self.add);
        let folder = site.build_folder(&app);
        fs::create_dir(&folder)?;
        for (index, (path, text)) in self.files.iter().enumerate() {
            let file = folder.join(index.to_string());
            fs::write(&file, text)?;
            app.add.push(format!("{}:{path}", file.display()));
        }
        Ok(app)
    }

    /// Runs it; gives what is wrong, if something is.
    fn run(&self, site: &Site) -> Result<Option<String>> {
        let app = self.app(site)?;
        let image = server::import(site, &app)?;
        if let (true, Some(client)) = (self.refused, &self.client) {
            let guest = Server::guest(site, &app, &image)?;
            let told = self.ask(site, &app, &guest, client)?;
            let console = guest.console(site)?;
            // It may have ended for want of a second process.
            drop(guest.stop(site));
            return Ok(self.lacks("the guest", &console, &tail(&told)));
        }
        if self.refused {
            // Some go on without their second process, and serve nobody.
            let console = server::run_guest_until(site, &app, &image, &self.expect)?;
            return Ok(self.lacks("the guest", &console, ""));
        }
        let root = server::unpack(site, &image)?;
        let root = root.path();
        let (on_host, in_guest, status) = if let Some(client) = &self.client {
            let host = Server::host(site, &app, root, &image)?;
            let on_host = self.ask(site, &app, &host, client)?;
            host.stop(site)?;
            let guest = Server::guest(site, &app, &image)?;
            let in_guest = self.ask(site, &app, &guest, client)?;
            guest.stop(site)?;
            (on_host, in_guest, None)
        } else {
            let (on_host, expected) = server::run_host(site, &app, root, &image, &[])?;
            let (console, exit) = server::run_guest(site, &app, &image, &[])?;
            let status = (i32::from(exit.code) != expected)
                .then(|| format!("status {} instead of {expected}", exit.code));
            (on_host, console, status)
        };
        if let Some(why) = self.lacks("Linux itself", &on_host, "") {
            bail!("{why}");
        }
        if let Some(status) = status {
            return Ok(Some(format!("{status}: {}", tail(&in_guest))));
        }
        if self.varies {
            return Ok(self.lacks("the guest", &in_guest, ""));
        }
        Ok(difference(&on_host, &of_the_program(&in_guest)))
    }

    fn ask(&self, site: &Site, app: &App, server: &Server, client: &str) -> Result<Vec<u8>> {
        let mut command = site.client(CLIENT_LIMIT);
        command
            .args(["sh", "-c", client])
            .envs(environment(app, server.address()));
        let output = command.output()?;
        Ok([output.stdout, output.stderr].concat())
    }

    fn lacks(&self, who: &str, output: &[u8], status: &str) -> Option<String> {
        let has = String::from_utf8_lossy(output).contains(&self.expect);
        (!has).then(|| {
            format!(
                "{who} does not print '{}' {status}: {}",
                self.expect,
                tail(output)
            )
        })
    }

    /// The outcome for a table.
    fn outcome(&self, result: Option<&Ran>) -> String {
        match result {
            None => "not run yet".into(),
            Some(Ran {
                failure: Some(why), ..
            }) => format!("**fails**: {}", why.replace(['\n', '|'], " ")),
            Some(_) if self.refused => format!("refused: `{}`", self.expect.trim()),
            Some(_) => "works".into(),
        }
    }
}

/// The end of an output, on one line.
fn tail(output: &[u8]) -> String {
    let from = output.len().saturating_sub(400);
    let text = String::from_utf8_lossy(output.get(from..).unwrap_or_default());
    text.trim().replace('\n', " / ")
}

fn read() -> Result<Vec<Entry>> {
    let path = root().join("apps/debian.toml");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let table: Table = toml::from_str(&text).with_context(|| path.display().to_string())?;
    let mut names = BTreeSet::new();
    for entry in &table.program {
        entry.check()?;
        ensure!(names.insert(&*entry.name), "{} is there twice", entry.name);
    }
    Ok(table.program)
}

fn results_path() -> PathBuf {
    root().join("apps/debian.json")
}

fn results() -> Results {
    let bytes = fs::read(results_path()).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Runs those of these names, or all, and writes what came of them.
pub(crate) fn run(names: &[String]) -> Result<()> {
    let all = read()?;
    if let Some(unknown) = names
        .iter()
        .find(|name| all.iter().all(|entry| entry.name != **name))
    {
        bail!("apps/debian.toml has no {unknown}");
    }
    let chosen = |entry: &&Entry| names.is_empty() || names.contains(&entry.name);
    let entries: Vec<_> = all.iter().filter(chosen).collect();
    let packages = entries.iter().flat_map(|entry| entry.packages.iter().cloned());
    packages::install_packages(packages.collect())?;
    let site = Site::bare()?;
    let mut results = results();
    let mut failed = Vec::new();
    for entry in entries {
        // What cannot even be packed or does not listen is a failure like any other, and no reason to try no more.
        let failure = entry
            .run(&site)
            .unwrap_or_else(|error| Some(format!("{error:#}")));
        let failure = match (failure, &entry.known_failure) {
            (Some(why), Some(reason)) => {
                println!("known   {}: {why}", entry.name);
                Some(reason.clone())
            }
            (None, Some(_)) => {
                println!("FAILED  {}: passes: take known_failure away", entry.name);
                failed.push(&*entry.name);
                None
            }
            (Some(why), None) => {
                println!("FAILED  {}: {why}", entry.name);
                failed.push(&*entry.name);
                Some(why)
            }
            (None, None) => {
                println!("ok      {}", entry.name);
                None
            }
        };
        let package = entry.packages.first().context("no package")?;
        let version = packages::version(package).unwrap_or_default();
        let date = report::today()?;
        let result = Ran {
            version,
            date,
            failure,
        };
        results.insert(entry.name.clone(), result);
    }
    site.stop()?;
    results.retain(|name, _| all.iter().any(|entry| entry.name == *name));
    fs::write(results_path(), serde_json::to_string_pretty(&results)? + "\n")?;
    report::write()?;
    ensure!(failed.is_empty(), "not all is well with: {}", failed.join(", "));
    Ok(())
}

const HEAD: &str = "
# Other Debian programs

One run of each, from `apps/debian.toml`, by `cargo xtask apps debian`: the same files run as a process of the host and as a unikernel. *Works* means that what it
printed, or what its client was told, was the same there. *Refused* means that it cannot run as one process of one program, and quotes the line that says so.

";

/// Their part of `docs/compatibility.md`.
pub(crate) fn text() -> Result<String> {
    let (entries, results) = (read()?, results());
    let outcomes = entries.iter().map(|entry| results.get(&entry.name));
    let (mut works, mut refused, mut fails) = (0, 0, 0);
    for (entry, outcome) in entries.iter().zip(outcomes) {
        match outcome {
            Some(Ran { failure: None, .. }) if entry.refused => refused += 1,
            Some(Ran { failure: None, .. }) => works += 1,
            _ => fails += 1,
        }
    }
    let mut text = format!(
        "{HEAD}{} programs: {works} work, {refused} are refused with a reason, {fails} fail.\n\n| program | tried | outcome | to know |\n|---|---|---|---|\n",
        entries.len()
    );
    for entry in &entries {
        let result = results.get(&entry.name);
        let version = result.map_or("", |result| &result.version);
        let cell = |text: &str| text.replace('|', "\\|");
        let note = cell(entry.note.as_deref().unwrap_or_default());
        text.push_str(&format!(
            "| {} {version} | {} | {} | {note} |\n",
            entry.name,
            cell(&entry.tried),
            entry.outcome(result)
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str =
        "[[program]]\nname = \"x\"\npackages = [\"p\"]\ntried = \"t\"\nprogram = \"/bin/x\"\n";

    fn entry(rest: &str) -> Entry {
        let table: Table = toml::from_str(&format!("{ENTRY}{rest}")).unwrap();
        table.program.into_iter().next().unwrap()
    }

    #[test]
    fn the_table_can_be_read() {
        assert!(read().unwrap().len() > 80);
    }

    #[test]
    fn an_entry_that_tries_nothing_is_refused() {
        assert!(entry("expect = \"\"\n").check().is_err());
        assert!(entry("expect = \"e\"\n").check().is_ok());
        assert!(entry("expect = \"e\"\nport = 1\n").check().is_err());
        assert!(
            entry("expect = \"e\"\nport = 1\nclient = \"c\"\n")
                .check()
                .is_ok()
        );
    }

    #[test]
    fn outcomes_say_what_failed_and_how_it_was_refused() {
        let mut result = Ran {
            version: "1".into(),
            date: "2026-01-01".into(),
            failure: None,
        };
        let works = entry("expect = \"e\"\n");
        assert_eq!(works.outcome(None), "not run yet");
        assert_eq!(works.outcome(Some(&result)), "works");
        let refused = entry("expect = \"no fork\"\nrefused = true\n");
        assert_eq!(refused.outcome(Some(&result)), "refused: `no fork`");
        result.failure = Some("a | b".into());
        assert_eq!(works.outcome(Some(&result)), "**fails**: a   b");
        assert!(works.lacks("the guest", b"an e", "").is_none());
        assert!(works.lacks("the guest", b"a", "").is_some());
    }
}
