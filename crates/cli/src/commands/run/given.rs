//! What an instance is given beside its image: environment, files, secrets, names, a user. Files are read here, where the person is; the daemon may be elsewhere.

use std::{
    fs::File,
    io::{self, Read},
    net::IpAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use uigniter_api::{
    configuration::{Content, DEFAULT_FILE_MODE, FileContent, HostName, MOST_CONTENT_BYTES, Secret},
    instance::CreateRequest,
};

use crate::{
    env_file::{self, Variable},
    error::CliError,
};

/// Options about it.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct GivenArgs {
    /// Environment of the program: KEY=VALUE, or KEY for a variable of your own environment; may be given several times
    #[arg(short, long, value_name = "KEY[=VALUE]", value_parser = Variable::parse)]
    env: Vec<Variable>,
    /// Read environment variables from a file: lines KEY=VALUE or KEY, '#' begins a comment; may be given several times
    ///
    /// Values are taken as they stand, quotes too. What --env says counts more.
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Put a file of this host into the instance: HOST:GUEST[:MODE]; may be given several times
    ///
    /// It takes the place of whatever the image has at GUEST, for this one instance. MODE is octal [default: 644]; the owner is the program's user.
    /// For more than 4 MiB put files into the image, with --add.
    #[arg(long, value_name = "HOST:GUEST[:MODE]", value_parser = host_file)]
    file: Vec<HostFile>,
    /// Give the program a secret, to be read at /run/secrets/NAME: NAME=FILE, or NAME=- for standard input; may be given several times
    ///
    /// It is in memory only, on this host and in the instance, with mode 400 and the program's user as its owner; no command shows it again.
    #[arg(long, value_name = "NAME=FILE", value_parser = secret_file)]
    secret: Vec<SecretFile>,
    /// Host name of the instance [default: its name]
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Ask this name server instead of the daemon's; may be given three times
    #[arg(long, value_name = "ADDRESS")]
    dns: Vec<IpAddr>,
    /// Look for names without a dot in this domain; may be given several times
    #[arg(long, value_name = "DOMAIN")]
    dns_search: Vec<String>,
    /// Add a name to the instance's /etc/hosts: NAME:ADDRESS; may be given several times
    #[arg(long, value_name = "NAME:ADDRESS")]
    add_host: Vec<HostName>,
    /// Time zone, for instance Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Run the program as this user: names or numbers, USER[:GROUP] [default: the image's, or root]
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct HostFile {
    host: PathBuf,
    guest: String,
    mode: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SecretFile {
    name: String,
    /// `None` for standard input.
    file: Option<PathBuf>,
}

impl GivenArgs {
    /// Whether standard input is a secret.
    pub(super) fn takes_stdin(&self) -> bool {
        self.secret.iter().any(|secret| secret.file.is_none())
    }

    /// Reads the files, and makes a request of all of it that still lacks everything else.
    ///
    /// # Errors
    ///
    /// A file cannot be read, is not what it should be, or all are too large.
    pub(super) fn read(self) -> Result<CreateRequest, CliError> {
        let mut variables = Vec::new();
        for path in &self.env_file {
            variables.extend(variables_in(path)?);
        }
        variables.extend(self.env);
        let mut room = MOST_CONTENT_BYTES;
        let mut files = Vec::with_capacity(self.file.len());
        for HostFile { host, guest, mode } in self.file {
            let content = take(open(&host)?, &host, &mut room)?;
            files.push(FileContent {
                path: guest,
                mode,
                content,
            });
        }
        let mut secrets = Vec::with_capacity(self.secret.len());
        for SecretFile { name, file } in self.secret {
            let content = match &file {
                Some(path) => take(open(path)?, path, &mut room)?,
                None => take(io::stdin().lock(), Path::new("standard input"), &mut room)?,
            };
            secrets.push(Secret { name, content });
        }
        Ok(CreateRequest {
            env: variables.into_iter().filter_map(Variable::resolve).collect(),
            hostname: self.hostname,
            dns: self.dns,
            dns_search: self.dns_search,
            hosts: self.add_host,
            timezone: self.tz,
            user: self.user,
            files,
            secrets,
            ..CreateRequest::new("")
        })
    }
}

fn variables_in(path: &Path) -> Result<Vec<Variable>, CliError> {
    let bytes = take(open(path)?, path, &mut MOST_CONTENT_BYTES.clone())?;
    let shown = path.display();
    let text = String::from_utf8(bytes.0).map_err(|_| {
        CliError::new(format!("{shown} is no file of variables: it is not UTF-8"))
            .hint("give lines KEY=VALUE")
    })?;
    env_file::parse(&text).map_err(|error| {
        CliError::new(format!("{shown}, {error}")).hint("give lines KEY=VALUE, or KEY, or # comments")
    })
}

fn unreadable(path: &Path, error: &io::Error) -> CliError {
    CliError::new(format!("cannot read {}: {error}", path.display()))
        .hint("name a file of this host that can be read")
}

fn open(path: &Path) -> Result<File, CliError> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

/// All of a file, and so much less room for the next.
fn take(file: impl Read, path: &Path, room: &mut usize) -> Result<Content, CliError> {
    let mut bytes = Vec::new();
    // One byte more, to see that it is too long.
    file.take(*room as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unreadable(path, &error))?;
    *room = room.checked_sub(bytes.len()).ok_or_else(|| {
        let line = format!(
            "{} is too large: files and secrets of an instance have {} MiB together",
            path.display(),
            MOST_CONTENT_BYTES >> 20
        );
        CliError::new(line).hint("put large files into the image, with --add")
    })?;
    Ok(Content(bytes))
}

/// Reads `HOST:GUEST[:MODE]`.
fn host_file(text: &str) -> Result<HostFile, String> {
    let wrong = || {
        format!(
            "expected HOST:GUEST[:MODE], GUEST an absolute path, for instance ./app.conf:/etc/app.conf:640; not '{text}'"
        )
    };
    let is_mode =
        |text: &str| text.len() <= 4 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (paths, mode) = match text.rsplit_once(':') {
        Some((paths, mode)) if is_mode(mode) => (paths, u16::from_str_radix(mode, 8).map_err(|_| wrong())?),
        _ => (text, DEFAULT_FILE_MODE),
    };
    match paths.rsplit_once(':') {
        Some((host, guest)) if !host.is_empty() && guest.starts_with('/') => Ok(HostFile {
            host: host.into(),
            guest: guest.to_owned(),
            mode,
        }),
        _ => Err(wrong()),
    }
}

/// Reads `NAME=FILE`.
fn secret_file(text: &str) -> Result<SecretFile, String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok(SecretFile {
            name: name.to_owned(),
            file: (file != "-").then(|| file.into()),
        }),
        // The text may be the secret itself, where somebody took this for docker's or podman's option.
        _ => Err("expected NAME=FILE, or NAME=- for standard input".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_place_and_perhaps_a_mode() {
        let parsed = |text| host_file(text).map(|file| (file.host, file.guest, file.mode));
        assert_eq!(
            parsed("a.conf:/etc/a"),
            Ok(("a.conf".into(), "/etc/a".into(), 0o644))
        );
        assert_eq!(
            parsed("/x:/etc/a:0600"),
            Ok(("/x".into(), "/etc/a".into(), 0o600))
        );
        assert_eq!(parsed("a:b:/etc/a"), Ok(("a:b".into(), "/etc/a".into(), 0o644)));
        for text in ["a", "a:", ":/etc/a", "a:etc/a", "a:/etc/a:9", "a:644", "/etc/a"] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_secret_has_a_name_and_comes_from_a_file() {
        let parsed = |text| secret_file(text).map(|secret| (secret.name, secret.file));
        assert_eq!(parsed("key=/x=y"), Ok(("key".into(), Some("/x=y".into()))));
        assert_eq!(parsed("key=-"), Ok(("key".into(), None)));
        for text in ["key", "=file", "key="] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }

    #[test]
    fn files_have_a_limit_together() {
        let mut room = 10;
        let take = |bytes: &'static [u8], room: &mut usize| take(bytes, Path::new("x"), room);
        assert_eq!(take(b"123456", &mut room).unwrap().0, b"123456");
        assert_eq!(take(b"1234", &mut room).unwrap().0, b"1234");
        assert!(take(b"1", &mut room).is_err());
    }
}
