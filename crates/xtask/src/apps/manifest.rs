//! `apps/NAME/app.toml`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::host::root;

/// What a folder of `apps/` says of its program.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct App {
    /// The folder's name; also the name under which other guests find the instance.
    #[serde(skip)]
    pub(crate) name: String,
    /// Debian packages of the program and of the clients that try it.
    pub(crate) packages: Vec<String>,
    /// The program; `$BUILD` stands for the folder that `build.sh` filled.
    pub(crate) program: String,
    /// Its arguments.
    #[serde(default)]
    pub(crate) args: Vec<String>,
    /// Its environment.
    #[serde(default)]
    pub(crate) env: BTreeMap<String, String>,
    /// Files to add, as `--add` of `uigniter run`; relative to the folder, or below `$BUILD`.
    #[serde(default)]
    pub(crate) add: Vec<String>,
    /// Memory of the microVM in MiB.
    #[serde(default = "default_memory_mib")]
    pub(crate) memory_mib: u32,
    /// Where a server listens (TCP); a program without one runs to its end, and [`App::check`] says how.
    pub(crate) port: Option<u16>,
    /// Other folders of `apps/` that run beside it; a guest finds them by name.
    #[serde(default)]
    pub(crate) beside: Vec<String>,
    /// Other folders whose server runs as a process of the host, for a program that ends; `$OUTSIDE` in its arguments is their address.
    #[serde(default)]
    pub(crate) outside: Vec<String>,
    /// Whether it belongs to every test run.
    #[serde(default)]
    pub(crate) quick: bool,
    /// Debian package whose version the table shows; the first if absent.
    pub(crate) version_of: Option<String>,
    /// What is known not to work, with the reason, for the table.
    #[serde(default)]
    pub(crate) lacks: Vec<String>,
    /// Runs to the end, compared with Linux.
    #[serde(default)]
    pub(crate) check: Vec<Check>,
    /// What is measured.
    #[serde(default)]
    pub(crate) load: Vec<Load>,
}

/// One run to the end: in the guest it prints and ends as on the host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    /// What works if it passes.
    pub(crate) name: String,
    /// Arguments, after those of the program.
    pub(crate) args: Vec<String>,
    /// Why it is known to fail; when it passes nevertheless, that is a failure too.
    pub(crate) known_failure: Option<String>,
}

/// One load of a client; `$HOST` and `$PORT` stand for the server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Load {
    /// What it is.
    pub(crate) name: String,
    /// The client, a few seconds long.
    pub(crate) command: Vec<String>,
    /// The number behind the last of these words in the output is requests per second.
    pub(crate) rate: String,
    /// Words that mean errors.
    #[serde(default)]
    pub(crate) errors: Vec<String>,
}

pub(super) const fn default_memory_mib() -> u32 {
    128
}

impl App {
    /// A program and nothing else.
    pub(crate) fn plain(name: &str, program: &str) -> Self {
        Self {
            name: name.to_owned(),
            packages: Vec::new(),
            program: program.to_owned(),
            args: Vec::new(),
            env: BTreeMap::new(),
            add: Vec::new(),
            memory_mib: default_memory_mib(),
            port: None,
            beside: Vec::new(),
            outside: Vec::new(),
            quick: false,
            version_of: None,
            lacks: Vec::new(),
            check: Vec::new(),
            load: Vec::new(),
        }
    }

    fn read(name: &str) -> Result<Self> {
        let path = root().join("apps").join(name).join("app.toml");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut app = Self::parse(&text).with_context(|| path.display().to_string())?;
        name.clone_into(&mut app.name);
        ensure!(
            app.port.is_none() || app.folder().join("smoke.sh").exists(),
            "{name}: a server needs a smoke.sh"
        );
        Ok(app)
    }

    fn parse(text: &str) -> Result<Self> {
        let app: Self = toml::from_str(text)?;
        match (app.port, &*app.check) {
            (None, []) => bail!("neither a port nor a check: nothing would be tried"),
            (Some(_), [_, ..]) => bail!("a server is tried by its smoke.sh, not by checks"),
            // As a process of the host it would have that very address.
            (Some(_), _) if !app.outside.is_empty() => bail!("only what ends has servers outside"),
            _ => Ok(app),
        }
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> PathBuf {
        root().join("apps").join(&self.name)
    }

    /// A text of the manifest with `$BUILD` filled in.
    pub(crate) fn filled(text: &str, build: &Path) -> String {
        text.replace("$BUILD", &build.display().to_string())
    }

    /// `--add` options.
    pub(crate) fn additions(&self, build: &Path) -> Vec<String> {
        let absolute = |add: &String| {
            let add = Self::filled(add, build);
            if add.starts_with('/') {
                add
            } else {
                format!("{}/{add}", self.folder().display())
            }
        };
        self.add.iter().map(absolute).collect()
    }

    /// The other folders that run beside it as guests.
    pub(crate) fn neighbours(&self) -> Result<Vec<Self>> {
        self.beside.iter().map(|name| Self::read(name)).collect()
    }

    /// The other folders that run outside, as processes of the host.
    pub(crate) fn outsiders(&self) -> Result<Vec<Self>> {
        self.outside.iter().map(|name| Self::read(name)).collect()
    }

    /// All of these, each once.
    pub(crate) fn others(&self) -> Result<Vec<Self>> {
        let new = |name: &&String| !self.beside.contains(name);
        let names = self.beside.iter().chain(self.outside.iter().filter(new));
        names.map(|name| Self::read(name)).collect()
    }
}

/// All folders of `apps/` by name.
pub(crate) fn all() -> Result<Vec<App>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root().join("apps"))? {
        let path = entry?.path();
        if path.join("app.toml").exists() {
            names.push(
                path.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
            );
        }
    }
    names.sort();
    names.iter().map(|name| App::read(name)).collect()
}

/// Those that were asked for.
pub(crate) fn chosen(names: &[String], quick: bool) -> Result<Vec<App>> {
    let all = all()?;
    if let Some(unknown) = names.iter().find(|name| all.iter().all(|app| app.name != **name)) {
        let known: Vec<_> = all.iter().map(|app| &*app.name).collect();
        bail!("there is no apps/{unknown}; there are {}", known.join(", "));
    }
    let wanted = |app: &App| (names.is_empty() || names.contains(&app.name)) && (!quick || app.quick);
    Ok(all.into_iter().filter(wanted).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_has_a_manifest_that_can_be_read() {
        let apps = all().unwrap();
        assert!(
            apps.iter().any(|app| app.quick),
            "the test command would try none"
        );
        for app in &apps {
            app.others().unwrap();
        }
    }

    #[test]
    fn a_manifest_that_tries_nothing_is_refused() {
        let base = "packages = []\nprogram = \"/bin/x\"\n";
        assert!(App::parse(base).is_err());
        assert!(App::parse(&format!("{base}port = 80\n")).is_ok());
        assert!(App::parse(&format!("{base}port = 80\nunknown = 1\n")).is_err());
        let check = "[[check]]\nname = \"n\"\nargs = []\n";
        assert!(App::parse(&format!("{base}{check}")).is_ok());
        assert!(App::parse(&format!("{base}port = 80\n{check}")).is_err());
    }
}
