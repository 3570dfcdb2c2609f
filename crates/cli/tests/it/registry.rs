//! A real registry (Debian's `docker-registry`) on loopback, for the tests of `push` and `pull`.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::support::{Daemon, Said};

/// Who may ask: `user`, with the password `secret`.
const HTPASSWD: &str = "user:$2y$05$ylR3F4T/i4iiBLHfP3Rcduir.NFxo7rHn9OjhRgNaTR5lSfgjIqlu\n";
/// The two, as Docker's configuration has them.
const BASIC: &str = "dXNlcjpzZWNyZXQ=";

/// A registry with a folder of its own; gone when it is dropped.
pub(crate) struct Registry {
    process: Child,
    folder: TempDir,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
}

impl Registry {
    /// One that everybody may ask, over HTTP.
    pub(crate) fn open() -> Self {
        Self::start("", "")
    }

    /// One that wants a password.
    pub(crate) fn with_password() -> Self {
        Self::start("auth: { htpasswd: { realm: test, path: FOLDER/htpasswd } }", "")
    }

    /// One that speaks TLS, with a certificate that nobody knows.
    pub(crate) fn with_tls() -> Self {
        Self::start("", ", tls: { certificate: FOLDER/cert.pem, key: FOLDER/key.pem }")
    }

    fn start(auth: &str, tls: &str) -> Self {
        let folder = TempDir::with_prefix("uigniter-registry-").unwrap();
        let path = folder.path().display().to_string();
        // Free a moment ago; nobody else on this host asks for it by number.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let address = format!("127.0.0.1:{port}");
        fs::write(folder.path().join("htpasswd"), HTPASSWD).unwrap();
        if !tls.is_empty() {
            certificate(&path);
        }
        let config = format!(
            "version: 0.1\nlog: {{ level: error }}\nstorage: {{ filesystem: {{ rootdirectory: FOLDER/data }} }}\nhttp: {{ addr: '{address}'{tls} }}\n{auth}\n"
        );
        let file = folder.path().join("config.yml");
        fs::write(&file, config.replace("FOLDER", &path)).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("these tests need Debian's package docker-registry");
        while TcpStream::connect(&address).is_err() {
            if let Some(status) = process.try_wait().unwrap() {
                let log = fs::read_to_string(folder.path().join("log"));
                panic!("the registry ended with {status}: {log:?}");
            }
            std::thread::yield_now();
        }
        Self {
            process,
            folder,
            address,
        }
    }

    /// Where it keeps a blob.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blobs = self.folder.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }

    /// A folder for `DOCKER_CONFIG`, whose configuration knows the password or nothing.
    pub(crate) fn docker_config(&self, knows: bool) -> PathBuf {
        let folder = self.folder.path().join(format!("docker-{knows}"));
        fs::create_dir_all(&folder).unwrap();
        let auths = match knows {
            true => format!("\"{}\": {{ \"auth\": \"{BASIC}\" }}", self.address),
            false => String::new(),
        };
        fs::write(
            folder.join("config.json"),
            format!("{{ \"auths\": {{ {auths} }} }}"),
        )
        .unwrap();
        folder
    }

    /// Runs a command whose Docker configuration knows the password, or nothing.
    pub(crate) fn ask(&self, daemon: &Daemon, knows: bool, args: &[&str]) -> Said {
        let mut command = daemon.command_with(args);
        command.env("DOCKER_CONFIG", self.docker_config(knows));
        command.output().unwrap().into()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn certificate(folder: &str) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=nobody"])
        .arg("-keyout")
        .arg(format!("{folder}/key.pem"))
        .arg("-out")
        .arg(format!("{folder}/cert.pem"))
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("these tests need openssl").success());
}
