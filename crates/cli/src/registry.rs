//! Registries (OCI distribution specification 1.1): who asks, over what, and what goes wrong.

use std::{
    env,
    fs::File,
    io::{self, Read as _},
    net::IpAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use futures_util::StreamExt as _;
use oci_client::{
    Client, Reference, RegistryOperation,
    client::{ClientConfig, ClientProtocol},
    errors::{OciDistributionError, OciErrorCode},
    secrets::RegistryAuth,
};
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;
use uigniter_image::oci::artifact::{Document, MANIFEST_MEDIA_TYPE};

use crate::{env_vars, error::CliError, progress::Progress};

/// Longest password in bytes.
const MAX_PASSWORD_BYTES: u64 = 64 << 10;
/// Longest configuration of Docker's in bytes.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// What a file is sent in pieces of, in bytes.
const PIECE_BYTES: usize = 256 << 10;
/// Docker Hub's key in Docker's configuration.
const HUB: &str = "https://index.docker.io/v1/";
/// Manifests that are understood.
const ACCEPTED: &[&str] = &[
    MANIFEST_MEDIA_TYPE,
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// Options of commands that ask a registry.
#[derive(Clone, Debug, Args)]
pub(crate) struct RegistryArgs {
    /// Who asks [default: what 'docker login' noted in config.json under DOCKER_CONFIG or ~/.docker]
    #[arg(short, long, value_name = "NAME", requires = "password_stdin")]
    username: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// Speak HTTP without TLS. With a registry on this host (127.0.0.1, localhost) HTTPS is tried first, and its certificate not looked at, as Docker has it
    #[arg(long)]
    plain_http: bool,
}

/// A repository of a registry that answers.
pub(crate) struct Registry {
    client: Client,
    auth: RegistryAuth,
    reference: Reference,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registry({})", self.reference)
    }
}

/// Reads `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`.
pub(crate) fn reference(text: &str) -> Result<Reference, String> {
    text.parse().map_err(|error| {
        format!("expected [HOST[:PORT]/]PATH[:TAG], for instance registry.example:5000/team/app:1.0; {error}")
    })
}

impl RegistryArgs {
    /// Finds a way to the registry, and proves who asks.
    pub(crate) async fn connect(
        &self,
        reference: Reference,
        operation: RegistryOperation,
    ) -> Result<Registry, CliError> {
        // Fails where it was done before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let auth = self.auth(&reference).await?;
        let registry = |protocol, accept_invalid_certificates| Registry {
            client: Client::new(ClientConfig {
                protocol,
                accept_invalid_certificates,
                use_monolithic_push: true,
                user_agent: concat!("uigniter/", env!("CARGO_PKG_VERSION")),
                ..ClientConfig::default()
            }),
            auth: auth.clone(),
            reference: reference.clone(),
        };
        if !self.plain_http {
            let is_here = is_loopback(reference.resolve_registry());
            let secure = registry(ClientProtocol::Https, is_here);
            match secure.client.auth(&reference, &auth, operation).await {
                Ok(_) => return Ok(secure),
                Err(OciDistributionError::RequestError(_)) if is_here => {}
                Err(error) => return Err(secure.refused(error)),
            }
        }
        let plain = registry(ClientProtocol::Http, false);
        let proved = plain.client.auth(&reference, &auth, operation).await;
        proved.map_err(|error| plain.refused(error))?;
        Ok(plain)
    }

    async fn auth(&self, reference: &Reference) -> Result<RegistryAuth, CliError> {
        if let Some(name) = &self.username {
            let mut password = String::new();
            let read = io::stdin()
                .lock()
                .take(MAX_PASSWORD_BYTES)
                .read_to_string(&mut password);
            read.map_err(|error| CliError::new(format!("cannot read the password: {error}")))?;
            return Ok(RegistryAuth::Basic(
                name.clone(),
                password.trim_end_matches(['\r', '\n']).to_owned(),
            ));
        }
        let server = match reference.registry() {
            "docker.io" => HUB.to_owned(),
            other => other.to_owned(),
        };
        // A helper is a program, and may ask its user.
        let asked = server.clone();
        let found = tokio::task::spawn_blocking(move || match docker_config() {
            Some(path) => noted(&path, &asked),
            None => Ok(RegistryAuth::Anonymous),
        });
        let found = found.await.map_err(CliError::new)?;
        found.map_err(|error| {
            CliError::new(format!(
                "Docker's credentials for {server} cannot be used: {error}"
            ))
            .hint("give --username and --password-stdin")
        })
    }
}

/// Where Docker keeps its configuration.
fn docker_config() -> Option<PathBuf> {
    let at_home = || env::var_os("HOME").map(|home| Path::new(&home).join(".docker"));
    let folder = env::var_os(env_vars::DOCKER_CONFIG).map(PathBuf::from);
    Some(folder.or_else(at_home)?.join("config.json"))
}

/// Why a note of Docker's is of no use.
#[derive(Debug, thiserror::Error)]
enum NoteError {
    /// The file cannot be read.
    #[error("{0}: {1}")]
    Read(PathBuf, io::Error),
    /// It, or what a helper says, is not understood.
    #[error(transparent)]
    Credential(#[from] CredentialRetrievalError),
    /// What registries of Docker's own have.
    #[error("identity tokens are not known here")]
    IdentityToken,
}

/// What 'docker login' noted; nobody where it noted nothing.
fn noted(config: &Path, server: &str) -> Result<RegistryAuth, NoteError> {
    match File::open(config) {
        Ok(file) => credential(file, server),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(RegistryAuth::Anonymous),
        Err(error) => Err(NoteError::Read(config.to_owned(), error)),
    }
}

fn credential(config: impl io::Read, server: &str) -> Result<RegistryAuth, NoteError> {
    match docker_credential::get_credential_from_reader(config.take(MAX_CONFIG_BYTES), server) {
        Ok(DockerCredential::UsernamePassword(name, password)) => Ok(RegistryAuth::Basic(name, password)),
        Ok(DockerCredential::IdentityToken(_)) => Err(NoteError::IdentityToken),
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(RegistryAuth::Anonymous),
        Err(error) => Err(error.into()),
    }
}

fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

impl Registry {
    /// What the reference names: bytes of a manifest or an index, whose digest was compared.
    pub(crate) async fn manifest(&self, digest: Option<String>) -> Result<Document, CliError> {
        let reference = match digest {
            Some(digest) => self.reference.clone_with_digest(digest),
            None => self.reference.clone(),
        };
        let pulled = self
            .client
            .pull_manifest_raw(&reference, &self.auth, ACCEPTED)
            .await;
        let (bytes, digest) = pulled.map_err(|error| self.refused(error))?;
        Ok(Document {
            digest,
            bytes: bytes.to_vec(),
        })
    }

    /// Puts a blob into a file; it is compared with its digest and its length.
    pub(crate) async fn download(&self, digest: &str, length: u64, path: &Path) -> Result<(), CliError> {
        let mut file = tokio::fs::File::create(path).await?;
        let pulled = self.client.pull_blob_stream(&self.reference, digest).await;
        let mut stream = pulled.map_err(|error| self.refused(error))?;
        let progress = Progress::of_bytes(format!("pulling {}", short(digest)), length);
        let mut received = 0;
        let wrong = |what: &dyn std::fmt::Display| {
            CliError::new(format!(
                "{} sent {digest} wrong: {what}",
                self.reference.registry()
            ))
            .hint("pull again; if it stays so, push the image again")
        };
        while let Some(piece) = stream.next().await {
            let piece = piece.map_err(|error| wrong(&error))?;
            received += piece.len() as u64;
            if received > length {
                return Err(wrong(&format!("it has more than {length} bytes")));
            }
            file.write_all(&piece).await?;
            progress.add(piece.len());
        }
        if received < length {
            return Err(wrong(&format!("it has {received} bytes, not {length}")));
        }
        Ok(file.flush().await?)
    }

    /// Sends a file, unless the registry has it.
    pub(crate) async fn upload(&self, path: &Path, digest: &str, length: u64) -> Result<(), CliError> {
        if self.has(digest).await? {
            return Ok(());
        }
        let file = tokio::fs::File::open(path).await?;
        let progress = Progress::of_bytes(format!("pushing {}", short(digest)), length);
        let stream = ReaderStream::with_capacity(file, PIECE_BYTES).map(move |piece| {
            if let Ok(piece) = &piece {
                progress.add(piece.len());
            }
            piece.map_err(OciDistributionError::from)
        });
        let pushed = self
            .client
            .push_blob_stream(&self.reference, stream, digest, Some(length));
        pushed.await.map_err(|error| self.refused(error)).map(drop)
    }

    /// Sends a small blob, unless the registry has it.
    pub(crate) async fn upload_document(&self, document: &Document) -> Result<(), CliError> {
        if self.has(&document.digest).await? {
            return Ok(());
        }
        let bytes = document.bytes.clone();
        let pushed = self.client.push_blob(&self.reference, bytes, &document.digest);
        pushed.await.map_err(|error| self.refused(error)).map(drop)
    }

    /// Sends the manifest, and with it gives the image its name.
    pub(crate) async fn upload_manifest(&self, manifest: &Document) -> Result<(), CliError> {
        let media_type = http::HeaderValue::from_static(MANIFEST_MEDIA_TYPE);
        let pushed = self
            .client
            .push_manifest_raw(&self.reference, manifest.bytes.clone(), media_type);
        pushed.await.map_err(|error| self.refused(error)).map(drop)
    }

    async fn has(&self, digest: &str) -> Result<bool, CliError> {
        let asked = self.client.blob_exists(&self.reference, digest).await;
        asked.map_err(|error| self.refused(error))
    }

    /// What it said, for people.
    fn refused(&self, error: OciDistributionError) -> CliError {
        let registry = self.reference.resolve_registry();
        let is = |codes: &[OciErrorCode]| match &error {
            OciDistributionError::RegistryError { envelope, .. } => {
                envelope.errors.iter().any(|error| codes.contains(&error.code))
            }
            _ => false,
        };
        let status = match &error {
            OciDistributionError::ServerError { code, .. } => Some(*code),
            OciDistributionError::RequestError(error) => error.status().map(|status| status.as_u16()),
            _ => None,
        };
        let unauthorized = matches!(status, Some(401 | 403))
            || matches!(
                error,
                OciDistributionError::UnauthorizedError { .. }
                    | OciDistributionError::AuthenticationFailure(_)
            );
        if unauthorized || is(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
            return CliError::new(format!(
                "{registry} does not let us do this with {}",
                self.reference
            ))
            .hint("log in with 'docker login', or give --username and --password-stdin");
        }
        let absent =
            status == Some(404) || matches!(error, OciDistributionError::ImageManifestNotFoundError(_));
        if absent
            || is(&[
                OciErrorCode::ManifestUnknown,
                OciErrorCode::NameUnknown,
                OciErrorCode::NotFound,
                OciErrorCode::BlobUnknown,
            ])
        {
            return CliError::new(format!("{registry} has no {}", self.reference))
                .hint("is the name right, and the tag?");
        }
        match error {
            OciDistributionError::DigestError(error) => CliError::new(format!(
                "{registry} sent something else than was asked for: {error}"
            ))
            .hint("try again; if it stays so, push the image again"),
            OciDistributionError::RequestError(error) if status.is_none() => {
                CliError::new(format!("cannot reach {registry}: {}", chain(&error)))
                    .hint("is the name right? A registry without TLS wants --plain-http")
            }
            error => CliError::new(format!("{registry}: {}", chain(&error))).hint("try again later"),
        }
    }
}

/// An error with its causes, which are what tells.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

/// The first digits of a digest.
fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_here_is_known_by_its_address() {
        for (registry, is_here) in [
            ("127.0.0.1:5000", true),
            ("127.8.9.1", true),
            ("localhost:5000", true),
            ("localhost.example:5000", false),
            ("10.0.0.1:5000", false),
            ("docker.io", false),
        ] {
            assert_eq!(is_loopback(registry), is_here, "{registry}");
        }
    }

    #[test]
    fn what_docker_noted_is_used() {
        let config = br#"{"auths":{"here:5000":{"auth":"dTpwOnE="},"https://index.docker.io/v1/":{"identitytoken":"t"},"bad":{"auth":"!"}}}"#;
        let of = |server| credential(&config[..], server);
        assert_eq!(
            of("here:5000").unwrap(),
            RegistryAuth::Basic("u".into(), "p:q".into())
        );
        assert_eq!(of("elsewhere").unwrap(), RegistryAuth::Anonymous);
        assert!(matches!(of(HUB), Err(NoteError::IdentityToken)));
        assert!(matches!(of("bad"), Err(NoteError::Credential(_))));
        assert_eq!(
            noted(Path::new("/no/such/file"), HUB).unwrap(),
            RegistryAuth::Anonymous
        );
        assert!(matches!(
            noted(Path::new("/proc/self/mem"), HUB),
            Err(NoteError::Credential(_))
        ));
    }

    #[test]
    fn fuzz_docker_config() {
        let seed = br#"{"auths":{"here":{"auth":"dTpw","username":"u","password":"p"}}}"#;
        uigniter_fuzz::run("docker-config", &[seed], |input| {
            let _ = credential(input, "here");
        });
    }

    #[test]
    fn a_reference_has_a_registry() {
        let parsed = reference("localhost:5000/team/app:1").unwrap();
        assert_eq!(
            (parsed.registry(), parsed.repository(), parsed.tag()),
            ("localhost:5000", "team/app", Some("1"))
        );
        assert_eq!(reference("busybox").unwrap().registry(), "docker.io");
        assert!(reference("Upper/Case").is_err());
    }
}
