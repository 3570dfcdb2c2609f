//! Bodies that are read to their end, also where a handler had enough.
//!
//! A client that is still sending when it is refused would find its connection reset, and never see why. So what a handler leaves of a
//! body is taken and thrown away, within bounds.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt as _, Limited};

/// What is thrown away at most, and for how long.
const BYTES: usize = 32 << 20;
const TIME: Duration = Duration::from_secs(5);

/// A request's body.
#[derive(Debug)]
pub(super) struct Lingering(Body);

impl Lingering {
    /// That body, read to its end.
    pub(super) fn body(body: Body) -> Body {
        // Most requests have none.
        if body.is_end_stream() {
            return body;
        }
        Body::new(Self(body))
    }
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if self.0.is_end_stream() {
            return;
        }
        let mut rest = Limited::new(std::mem::take(&mut self.0), BYTES);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(TIME, async move {
                while let Some(Ok(_)) = rest.frame().await {}
            }));
        }
    }
}
