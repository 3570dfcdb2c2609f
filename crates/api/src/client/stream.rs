//! An answer's bytes as a stream: a console's, an image's.

use bytes::Bytes;
use http_body_util::BodyExt;

use super::{Result, transport::Reply};

/// Bytes as they come. Dropping it ends the connection.
#[derive(Debug)]
pub struct ByteStream {
    reply: Reply,
}

impl ByteStream {
    pub(super) const fn new(reply: Reply) -> Self {
        Self { reply }
    }

    /// The next piece; `None` at their end.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`](super::Error::Broken) when the connection ends before they do.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(frame) = self.reply.body_mut().frame().await {
            if let Ok(data) = frame?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}
