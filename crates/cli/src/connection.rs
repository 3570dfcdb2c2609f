//! How commands find the daemon, and what its errors look like to people.

use std::{io::ErrorKind, path::PathBuf};

use uigniter_api::{Client, Endpoint, ErrorCode, client};

use crate::{cli::GlobalArgs, commands::daemon::SOCKET, error::CliError, private_daemon::PrivateDaemon};

impl GlobalArgs {
    /// The daemon's socket, as given or by default.
    pub(crate) fn socket(&self) -> PathBuf {
        self.socket.clone().unwrap_or_else(|| SOCKET.into())
    }

    /// A client of the daemon. Nothing is sent yet.
    pub(crate) fn client(&self) -> Client {
        Client::new(Endpoint::Unix(self.socket()))
    }
}

/// A daemon that answers: the host's, or one of this command's own.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    private: Option<PrivateDaemon>,
}

impl Connection {
    /// Finds the host's daemon, or starts a private one where there is none and no socket was named.
    pub(crate) async fn find_or_start(global: &GlobalArgs) -> Result<Self, CliError> {
        let client = global.client();
        match client.health().await {
            Ok(_) => Ok(Self {
                client,
                private: None,
            }),
            Err(client::Error::Unreachable { source, .. })
                if global.socket.is_none() && is_absent(&source) =>
            {
                let daemon = PrivateDaemon::start().await?;
                Ok(Self {
                    client: daemon.client(),
                    private: Some(daemon),
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the daemon ends with this command.
    pub(crate) const fn is_private(&self) -> bool {
        self.private.is_some()
    }

    /// Takes a private daemon down, with everything that it made; does nothing to the host's.
    pub(crate) async fn close(self) -> Result<(), CliError> {
        match self.private {
            Some(daemon) => daemon.stop().await,
            None => Ok(()),
        }
    }
}

/// Nobody listens there, as against somebody whom this user may not ask.
fn is_absent(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory
    )
}

impl From<client::Error> for CliError {
    fn from(error: client::Error) -> Self {
        match &error {
            client::Error::Unreachable { endpoint, source }
                if source.kind() == ErrorKind::PermissionDenied =>
            {
                Self::new(format!("this user may not ask the daemon on {endpoint}"))
                    .hint("run as root (sudo)")
            }
            client::Error::Unreachable { endpoint, source } => {
                Self::new(format!("no daemon answers on {endpoint}: {source}"))
                    .hint("start one with 'uigniter daemon', or name its socket with --socket")
            }
            other => {
                let message = Self::new(other);
                match other.code().and_then(hint) {
                    Some(hint) => message.hint(hint),
                    None => message,
                }
            }
        }
    }
}

/// Ways out that are commands of this program, so that the daemon need not know them.
const fn hint(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::InstanceNotFound => "'uigniter ps -a' lists all instances",
        ErrorCode::ImageNotFound => {
            "'uigniter image ls' lists images; to run a file, write its path with a slash: ./FILE"
        }
        ErrorCode::KvmUnavailable => "'uigniter doctor' says what this host lacks",
        ErrorCode::NameTaken => "choose another --name, or remove the other one with 'uigniter rm -f NAME'",
        ErrorCode::PortTaken => {
            "choose another host port, or leave it out and let the system choose: --publish 80"
        }
        ErrorCode::WrongState => "'uigniter ps -a' shows its state; 'uigniter rm -f' removes it in any",
        ErrorCode::FileNotFound => "'uigniter image tree IMAGE' lists what it has",
        ErrorCode::ImageDamaged => "'uigniter image rm' removes it; then import, build or pull it again",
        ErrorCode::ImageInUse => "remove the instances that use it first ('uigniter ps -a')",
        ErrorCode::BootFailed => "'uigniter logs' shows what its console said",
        ErrorCode::HostExhausted | ErrorCode::AddressPoolFull => {
            "remove instances that are no longer needed ('uigniter ps -a')"
        }
        _ => return None,
    })
}
