//! What can go wrong, and whether it is worth trying again.

use crate::Frame;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of an ERROR frame's body that are kept.
const DETAIL: usize = 1024;

/// Why a connection could not be made, ended, or did not do what was asked.
///
/// Errors can be cloned: the one that ended a connection is told to everyone who still waits on it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody answers at that address.
    #[error("cannot connect to {address}: {error}")]
    Refused {
        /// Host and port.
        address: String,
        /// What the system said.
        error: Arc<io::Error>,
    },
    /// The connection broke.
    #[error("the connection to the broker broke: {0}")]
    Io(#[source] Arc<io::Error>),
    /// Something did not happen in its time.
    #[error("no progress within {after:?}: {what}")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// How long.
        after: Duration,
    },
    /// The broker does not know the login, or does not let it in.
    #[error("the broker refused the login: {0}")]
    Authentication(String),
    /// The broker sent an ERROR frame, which ends a connection.
    #[error("the broker reported an error: {message}: {detail}")]
    Broker {
        /// Its `message` header.
        message: String,
        /// The beginning of its body.
        detail: String,
    },
    /// The broker did not confirm a frame; it may have taken it or not.
    #[error("no receipt from the broker within {0:?}")]
    NoReceipt(Duration),
    /// Nothing was heard of the broker, not even a heart-beat.
    #[error("the broker has been silent for {0:?}")]
    HeartBeat(Duration),
    /// What was received is not STOMP, or a frame is over a limit.
    #[error("bad frame: {0}")]
    Frame(String),
    /// The broker's URL cannot be used. Never quotes it: there is a passcode in it.
    #[error("bad broker URL: {0}")]
    BadUrl(String),
    /// The broker's certificate is not accepted, or TLS could not be set up.
    #[error("TLS: {0}")]
    Tls(String),
    /// More acks wait than the bound allows, so that the connection was given up.
    #[error("{0} acks wait to be written")]
    Congested(usize),
    /// This side has closed the connection.
    #[error("the connection is closed")]
    Closed,
}

impl Error {
    /// Whether the same may succeed on a new connection, with nothing changed but time.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Io(_) | Self::Timeout { .. } => true,
            Self::NoReceipt(_) | Self::HeartBeat(_) | Self::Congested(_) => true,
            Self::Broker { message, .. } => !is_permanent(message),
            Self::Authentication(_) | Self::Frame(_) | Self::BadUrl(_) | Self::Tls(_) | Self::Closed => false,
        }
    }

    pub(crate) fn frame(what: impl Into<String>) -> Self {
        Self::Frame(what.into())
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}

/// ERROR messages of RabbitMQ that say that the request itself is wrong.
fn is_permanent(message: &str) -> bool {
    ["precondition_failed", "access_refused", "not_allowed", "not_implemented"].contains(&message)
}

/// What an ERROR frame says.
pub(crate) fn report(frame: &Frame) -> Error {
    let message = frame.headers.get("message").unwrap_or("no message").to_owned();
    let body = &frame.body[..frame.body.len().min(DETAIL)];
    Error::Broker { message, detail: String::from_utf8_lossy(body).trim().to_owned() }
}

/// What an ERROR frame says in answer to a login.
pub(crate) fn refusal(frame: &Frame) -> Error {
    let error = report(frame);
    let Error::Broker { message, detail } = &error else { return error };
    let said = format!("{message}: {detail}");
    let lower = said.to_lowercase();
    if ["bad connect", "access refused", "access_refused", "access denied"].iter().any(|s| lower.contains(s)) {
        return Error::Authentication(said);
    }
    error
}
