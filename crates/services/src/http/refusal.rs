//! Answers that say no: a status and one line of text, as the first system's services gave them.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header::CONTENT_TYPE};

/// A handler's way to say no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// One line for whoever asked.
    pub message: String,
}

impl Refusal {
    /// With any status.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 503: it may go well a moment later.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = (CONTENT_TYPE, "text/plain; charset=utf-8");
        (self.status, [text], self.message).into_response()
    }
}
