//! Why a request is refused: one line for people, one code and status for programs.

use std::{io, path::PathBuf};

use uigniter_api::{
    error::{ErrorBody, ErrorCode},
    instance::State,
};
use uigniter_firecracker_client as vmm;
use uigniter_network as network;

/// A request that was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// Something in the request is not understood or out of range.
    #[error("{0}")]
    Invalid(String),
    /// An image whose bytes were refused.
    #[error("{0}")]
    InvalidImage(String),
    /// A browser speaks for another site.
    #[error("requests from web pages are refused; use a program on this host")]
    Forbidden,
    /// No such path.
    #[error("no route {0}; GET /openapi.json lists all")]
    NoRoute(String),
    /// The path with another method.
    #[error("{0} does not take this method; GET /openapi.json lists all")]
    NoMethod(String),
    /// No such instance.
    #[error("no instance '{0}'; GET /v1/instances lists all")]
    NoInstance(String),
    /// No such image.
    #[error(
        "no image '{0}'; import one with POST /v1/images?name=NAME, or lay NAME.raw into the image folder"
    )]
    NoImage(String),
    /// No such file in an image.
    #[error("{0}")]
    NoFile(String),
    /// A disk of the store that is not what its digest says.
    #[error("image '{name}' is damaged: its disk {digest} {what}; delete the image and import it again")]
    DamagedImage {
        name: String,
        digest: String,
        what: &'static str,
    },
    /// Another instance has the name.
    #[error("the name '{name}' belongs to instance {owner}; choose another, or delete that instance")]
    NameTaken { name: String, owner: String },
    /// The operation does not fit the state.
    #[error("instance {id} is {state}; it can be {action} only while it is {needed}")]
    WrongState {
        id: String,
        state: State,
        action: &'static str,
        needed: &'static str,
    },
    /// The program hears nothing.
    #[error("instance {id} takes no input: {why}")]
    NoInput { id: String, why: &'static str },
    /// An instance runs from the image.
    #[error("image '{image}' is in use by instance {instance}; stop that first")]
    ImageInUse { image: String, instance: String },
    /// No such volume.
    #[error("no volume '{0}'; GET /v1/volumes lists all")]
    NoVolume(String),
    /// There is one of that name.
    #[error("there is a volume '{0}' already; choose another name, or delete it")]
    VolumeExists(String),
    /// An instance has the volume.
    #[error(
        "volume '{volume}' is in use by instance {instance}; stop that first, or let all who use it only read"
    )]
    VolumeInUse { volume: String, instance: String },
    /// A body over its limit.
    #[error("the body is longer than {0} bytes; send a shorter one")]
    BodyTooLarge(u64),
    /// A body that comes too slowly.
    #[error("the body stopped coming for {0} seconds; send it again")]
    Timeout(u64),
    /// No KVM.
    #[error("/dev/kvm cannot be used ({0}); load the kvm module or give the daemon access to the device")]
    NoKvm(io::Error),
    /// The host lacks room.
    #[error("the host has no room for this ({0}); delete images or instances")]
    Exhausted(String),
    /// The daemon is going down.
    #[error("the daemon is shutting down; ask again when it is back")]
    ShuttingDown,
    /// The network said no.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// The VMM said no.
    #[error("{0}")]
    Vmm(#[from] vmm::Error),
    /// The monitor has no such thing.
    #[error("{feature} is not supported by {monitor}; leave it out, or use the daemon's own monitor")]
    NotSupported {
        feature: &'static str,
        monitor: &'static str,
    },
    /// A monitor whose API is not known here.
    #[error("{} is Firecracker {version}; use 1.7 or a later one", binary.display())]
    OldMonitor { binary: PathBuf, version: String },
    /// The VMM ended before it was ready.
    #[error("the VMM ended before it was ready: {0}")]
    VmmEnded(String),
    /// The host failed under us.
    #[error("cannot {action}: {source}")]
    Io { action: String, source: io::Error },
}

impl Refusal {
    /// A host failure while doing `action`; a full disk is told apart.
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::Exhausted(format!("cannot {}: {source}", action.into()))
            }
            _ => Self::Io {
                action: action.into(),
                source,
            },
        }
    }

    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_)
            | Self::NotSupported { .. }
            | Self::Vmm(vmm::Error::Rejected { status: 400, .. } | vmm::Error::NoFolders) => {
                ErrorCode::InvalidRequest
            }
            Self::InvalidImage(_) => ErrorCode::InvalidImage,
            Self::Forbidden => ErrorCode::Forbidden,
            Self::NoRoute(_) => ErrorCode::RouteNotFound,
            Self::NoMethod(_) => ErrorCode::MethodNotAllowed,
            Self::NoInstance(_) => ErrorCode::InstanceNotFound,
            Self::NoImage(_) => ErrorCode::ImageNotFound,
            Self::NoFile(_) => ErrorCode::FileNotFound,
            Self::DamagedImage { .. } => ErrorCode::ImageDamaged,
            Self::NameTaken { .. } | Self::Network(network::Error::NameTaken { .. }) => ErrorCode::NameTaken,
            Self::WrongState { .. } | Self::NoInput { .. } => ErrorCode::WrongState,
            Self::ImageInUse { .. } => ErrorCode::ImageInUse,
            Self::NoVolume(_) => ErrorCode::VolumeNotFound,
            Self::VolumeExists(_) => ErrorCode::VolumeExists,
            Self::VolumeInUse { .. } => ErrorCode::VolumeInUse,
            Self::BodyTooLarge(_) => ErrorCode::BodyTooLarge,
            Self::Timeout(_) => ErrorCode::RequestTimeout,
            Self::NoKvm(_) => ErrorCode::KvmUnavailable,
            Self::Exhausted(_) => ErrorCode::HostExhausted,
            Self::ShuttingDown => ErrorCode::ShuttingDown,
            Self::Network(network::Error::PortTaken { .. }) => ErrorCode::PortTaken,
            Self::Network(network::Error::PoolFull { .. }) => ErrorCode::AddressPoolFull,
            Self::Network(network::Error::Listen { .. } | network::Error::Name { .. }) => {
                ErrorCode::InvalidRequest
            }
            Self::Network(_)
            | Self::Vmm(_)
            | Self::OldMonitor { .. }
            | Self::VmmEnded(_)
            | Self::Io { .. } => ErrorCode::Internal,
        }
    }

    pub(crate) fn body(&self) -> ErrorBody {
        // One line, whatever a lower layer put into its message.
        ErrorBody::new(self.code(), self.to_string().replace(['\n', '\r'], " "))
    }
}
