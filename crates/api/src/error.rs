//! The one error body of every route.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Body of every 4xx and 5xx answer: `{"error":{"code":"...","message":"..."}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong: a code for programs, a line for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorDetail {
    /// Stable code.
    pub code: ErrorCode,
    /// One line that names the thing and the way out.
    pub message: String,
}

/// Stable codes; each has one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// 400: a body, a query or a path that is not understood (unknown fields too).
    InvalidRequest,
    /// 400: the image's bytes were refused (foreign ELF, truncated disk, ...).
    InvalidImage,
    /// 403: a request that a browser made for another site.
    Forbidden,
    /// 404: no such route.
    RouteNotFound,
    /// 404: no such instance.
    InstanceNotFound,
    /// 404: no such image.
    ImageNotFound,
    /// 404: no such file in the image.
    FileNotFound,
    /// 404: no such volume.
    VolumeNotFound,
    /// 405: the route is there, not with this method.
    MethodNotAllowed,
    /// 408: the request's bytes came too slowly.
    RequestTimeout,
    /// 409: another instance has this name.
    NameTaken,
    /// 409: the host port is taken.
    PortTaken,
    /// 409: the instance is not in a state where this can be done.
    WrongState,
    /// 409: an instance still uses this image.
    ImageInUse,
    /// 500: an image's bytes in the store are not what they were.
    ImageDamaged,
    /// 409: there is a volume of this name already.
    VolumeExists,
    /// 409: an instance uses this volume.
    VolumeInUse,
    /// 413: the body is longer than allowed.
    BodyTooLarge,
    /// 429: every address of the subnet is in use.
    AddressPoolFull,
    /// 429: the host has not enough of something (memory, disk space, processes).
    HostExhausted,
    /// 422: the microVM ended before the program ran; its console says why.
    BootFailed,
    /// 503: no usable `/dev/kvm`.
    KvmUnavailable,
    /// 503: the daemon is going down.
    ShuttingDown,
    /// 500: a defect of ours, or a host that failed under us.
    Internal,
    /// A code of a newer daemon.
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// The HTTP status that goes with the code.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::InvalidImage => 400,
            Self::Forbidden => 403,
            Self::FileNotFound
            | Self::RouteNotFound
            | Self::InstanceNotFound
            | Self::ImageNotFound
            | Self::VolumeNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::NameTaken
            | Self::PortTaken
            | Self::WrongState
            | Self::ImageInUse
            | Self::VolumeExists
            | Self::VolumeInUse => 409,
            Self::BodyTooLarge => 413,
            Self::BootFailed => 422,
            Self::AddressPoolFull | Self::HostExhausted => 429,
            Self::KvmUnavailable | Self::ShuttingDown => 503,
            Self::ImageDamaged | Self::Internal | Self::Unknown => 500,
        }
    }
}

impl ErrorBody {
    /// The body for one code and one line.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            error: ErrorDetail { code, message },
        }
    }
}
