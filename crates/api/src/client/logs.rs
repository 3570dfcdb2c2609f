//! A console's bytes as a stream.

use bytes::Bytes;
use http_body_util::BodyExt;

use super::{Result, transport::Reply};

/// Console bytes as they come. Dropping it ends the connection.
#[derive(Debug)]
pub struct LogStream {
    reply: Reply,
}

impl LogStream {
    pub(super) const fn new(reply: Reply) -> Self {
        Self { reply }
    }

    /// The next piece; `None` when the log, or the instance that was followed, has ended.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`](super::Error::Broken) when the connection ends before the log does.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(frame) = self.reply.body_mut().frame().await {
            if let Ok(data) = frame?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}
