//! `uigniter.toml`: what an image is made of and how it is run.
//!
//! The keys are named as the options of `uigniter build` and `uigniter run` are. Paths of the host's are relative to the file.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};
use uigniter_api::publish::PortMapping;
use uigniter_image::Addition;

use super::{settings::Settings, source::Origin};
use crate::{error::CliError, packing::addition, values};

/// The file that is looked for where none is named.
pub(super) const FILE_NAME: &str = "uigniter.toml";
/// Longest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// What the file says.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct Manifest {
    from_binary: Option<PathBuf>,
    from_folder: Option<PathBuf>,
    from_oci: Option<String>,
    from_osv: Option<PathBuf>,
    #[serde(deserialize_with = "additions")]
    add: Vec<Addition>,
    entrypoint: Option<String>,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    #[serde(deserialize_with = "folder")]
    workdir: Option<String>,
    #[serde(deserialize_with = "memory")]
    memory: Option<u32>,
    cpus: Option<u8>,
    #[serde(deserialize_with = "ports")]
    ports: Vec<PortMapping>,
    #[serde(deserialize_with = "folders")]
    volumes: Vec<String>,
}

/// What is built, and from what.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Recipe {
    pub(super) origin: Origin,
    pub(super) additions: Vec<Addition>,
    pub(super) settings: Settings,
}

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> Result<Recipe, CliError> {
    let unreadable = |error: &dyn fmt::Display| {
        CliError::new(format!("cannot read {}: {error}", path.display()))
            .hint("name a uigniter.toml, or a folder that has one: -f PATH")
    };
    let length = fs::metadata(path).map_err(|error| unreadable(&error))?.len();
    if length > MAX_BYTES {
        return Err(unreadable(&"it is longer than 1 MiB"));
    }
    let text = fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    let base = path.parent().unwrap_or(Path::new(""));
    parse(&text, base).map_err(|(line, what)| {
        let place = line.map_or_else(String::new, |line| format!(", line {line}"));
        CliError::new(format!("{}{place}: {what}", path.display()))
    })
}

/// Reads a manifest's text; the paths in it begin at `base`. A refusal has the line (from 1) if it is about one.
fn parse(text: &str, base: &Path) -> Result<Recipe, (Option<usize>, String)> {
    let manifest: Manifest = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        (line, error.message().to_owned())
    })?;
    let refused = |what: &str| (None, what.to_owned());
    let container = |path: &String| Origin::Container(base.join(path).display().to_string());
    let mut origins = [
        manifest
            .from_binary
            .as_ref()
            .map(|program| Origin::Binary(base.join(program))),
        manifest
            .from_folder
            .as_ref()
            .map(|folder| Origin::Folder(base.join(folder))),
        manifest.from_oci.as_ref().map(container),
        manifest
            .from_osv
            .as_ref()
            .map(|folder| Origin::Osv(base.join(folder))),
    ]
    .into_iter()
    .flatten();
    let origin = match (origins.next(), origins.next(), &manifest.entrypoint) {
        (Some(origin), None, _) => origin,
        (None, _, Some(program)) => Origin::Binary(base.join(program)),
        (None, ..) => return Err(refused("it names no program; say one: entrypoint = \"/PATH\"")),
        _ => {
            return Err(refused(
                "of from-binary, from-folder, from-oci and from-osv give one",
            ));
        }
    };
    let additions = manifest.add.into_iter().map(|addition| Addition {
        host: base.join(addition.host),
        ..addition
    });
    // What is packed from the host is found by the path that it has there.
    let is_packed = matches!(origin, Origin::Binary(_)) && manifest.from_binary.is_none();
    Ok(Recipe {
        additions: additions.collect(),
        settings: Settings {
            entrypoint: manifest.entrypoint.filter(|_| !is_packed),
            args: manifest.args,
            env: manifest.env.into_iter().collect(),
            workdir: manifest.workdir,
            memory_mib: manifest.memory,
            cpus: manifest.cpus,
            ports: manifest.ports,
            volumes: manifest.volumes,
        },
        origin,
    })
}

/// Text that `parse` reads.
struct Text<T>(fn(&str) -> Result<T, String>);

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.0(text).map_err(E::custom)
    }

    /// Numbers stand for themselves: `memory = 64`, `ports = [80]`.
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

impl<'de, T> de::DeserializeSeed<'de> for Text<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<T, D::Error> {
        input.deserialize_any(self)
    }
}

/// A list of such texts; an error is at its own line.
struct List<T>(fn(&str) -> Result<T, String>);

impl<'de, T> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts")
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Text(self.0))? {
            list.push(item);
        }
        Ok(list)
    }
}

fn absolute(text: &str) -> Result<String, String> {
    let is_path = text.starts_with('/') && !text.contains('\0');
    is_path
        .then(|| text.to_owned())
        .ok_or_else(|| format!("'{text}' is no absolute path in the image"))
}

fn additions<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Addition>, D::Error> {
    input.deserialize_seq(List(addition))
}

fn ports<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<PortMapping>, D::Error> {
    input.deserialize_seq(List(|text| {
        text.parse()
            .map_err(|error: uigniter_api::publish::ParseError| error.to_string())
    }))
}

fn folders<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    input.deserialize_seq(List(absolute))
}

fn folder<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    input.deserialize_any(Text(absolute)).map(Some)
}

fn memory<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u32>, D::Error> {
    input.deserialize_any(Text(values::memory_mib)).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"
from-folder = "root"
add = ["site:/var/www", "/etc/mime.types"]
entrypoint = "nginx"
args = ["-g", "daemon off;"]
workdir = "/srv"
memory = "1G"
cpus = 2
ports = ["8080:80", 443, "53/udp"]
volumes = ["/var/lib/app"]

[env]
LANG = "C"
"#;

    #[test]
    fn all_that_it_can_say_is_read() {
        let recipe = parse(WHOLE, Path::new("/app")).unwrap();
        assert_eq!(recipe.origin, Origin::Folder("/app/root".into()));
        let hosts: Vec<_> = recipe.additions.iter().map(|add| add.host.clone()).collect();
        assert_eq!(
            hosts,
            [PathBuf::from("/app/site"), PathBuf::from("/etc/mime.types")]
        );
        let settings = recipe.settings;
        assert_eq!(settings.entrypoint.as_deref(), Some("nginx"));
        assert_eq!((settings.memory_mib, settings.cpus), (Some(1024), Some(2)));
        assert_eq!(settings.ports.len(), 3);
        assert_eq!(settings.ports[1].guest_port, 443);
        assert_eq!(settings.volumes, ["/var/lib/app"]);
        assert_eq!(settings.env, [("LANG".to_owned(), "C".to_owned())]);
    }

    #[test]
    fn a_program_alone_is_packed_from_the_host() {
        let recipe = parse("entrypoint = '/usr/bin/x'\nmemory = 64", Path::new("/app")).unwrap();
        assert_eq!(recipe.origin, Origin::Binary("/usr/bin/x".into()));
        assert_eq!(recipe.settings.entrypoint, None);
        assert_eq!(recipe.settings.memory_mib, Some(64));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, line, what) in [
            ("entrypoint = 'x'\n\nmemmory = 5\n", Some(3), "memmory"),
            ("entrypoint = 'x'\nmemory = '5T'", Some(2), "5T"),
            ("entrypoint = 'x'\nports = [\n'80',\n'http']", Some(4), "http"),
            ("entrypoint = 'x'\nvolumes = ['data']", Some(2), "'data'"),
            ("entrypoint = 'x'\nworkdir = 'srv'", Some(2), "'srv'"),
            ("entrypoint = 'x'\nadd = [':/etc']", Some(2), ":/etc"),
            ("entrypoint = 'x'\ncpus = 300", Some(2), "300"),
            ("entrypoint = 'x'\n[env]\nA = 5", Some(3), "integer"),
            ("entrypoint = 'x'\nentrypoint = 'y'", Some(2), "duplicate"),
            ("entrypoint = ", Some(1), ""),
            ("memory = 5", None, "no program"),
            ("from-binary = 'a'\nfrom-folder = 'b'", None, "one"),
        ] {
            let (at, said) = parse(text, Path::new("/")).unwrap_err();
            assert_eq!(at, line, "{text}: {said}");
            assert!(said.contains(what), "{text}: {said}");
        }
    }

    #[test]
    fn fuzz_manifest() {
        let seeds: [&[u8]; 2] = [
            WHOLE.as_bytes(),
            b"entrypoint = '/x'\nmemory = 64\nports = ['1:2:3']",
        ];
        uigniter_fuzz::run("manifest", &seeds, |input| {
            if let Ok(text) = std::str::from_utf8(input)
                && let Err((Some(line), _)) = parse(text, Path::new("/"))
            {
                assert!(line <= text.matches('\n').count() + 1);
            }
        });
    }
}
