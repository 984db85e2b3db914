//! A message as a subscriber gets it.

use crate::{Frame, Headers};
use bytes::Bytes;

/// A message that was received.
#[derive(Clone, Debug)]
pub struct Message {
    /// The headers that it was sent with, and those of the broker.
    pub headers: Headers,
    /// Its body.
    pub body: Bytes,
}

impl Message {
    /// What to ack or nack it with; none in a subscription that acks by itself.
    pub fn ack_id(&self) -> Option<&str> {
        self.headers.get("ack")
    }

    /// Somebody has had it before and did not ack it.
    pub fn redelivered(&self) -> bool {
        self.headers.get("redelivered") == Some("true")
    }

    /// Where it was sent to.
    pub fn destination(&self) -> &str {
        self.headers.get("destination").unwrap_or_default()
    }
}

impl From<Frame> for Message {
    fn from(frame: Frame) -> Self {
        Self { headers: frame.headers, body: frame.body }
    }
}
