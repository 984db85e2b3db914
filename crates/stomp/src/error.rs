//! What can go wrong, and whether it is worth trying again.

use std::io;
use std::sync::Arc;
use std::time::Duration;

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
    /// What was received is not STOMP, or is over a limit.
    #[error("bad frame: {0}")]
    Frame(String),
    /// Whoever answers the login speaks no STOMP 1.2.
    #[error("no STOMP 1.2 at that address: {0}")]
    NotStomp(String),
    /// A frame was not sent, since it is over the limit. The connection stays.
    #[error("a frame of {bytes} bytes to send, and {limit} are allowed")]
    TooLarge {
        /// Of the frame, head and body.
        bytes: usize,
        /// Of the options.
        limit: usize,
    },
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
            Self::Broker { message, detail } => !is_permanent(message, detail),
            // It may be one message that is to blame; the broker gives it to somebody else, or up.
            Self::Frame(_) => true,
            Self::Authentication(_) | Self::NotStomp(_) | Self::TooLarge { .. } => false,
            Self::BadUrl(_) | Self::Tls(_) | Self::Closed => false,
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

/// Errors of RabbitMQ that come again as long as the request is the same: other arguments than the queue has,
/// a message over the limit, no permission.
fn is_permanent(message: &str, detail: &str) -> bool {
    match message {
        // Also said of acks that came twice or too late: those are forgotten with the connection.
        "precondition_failed" => !detail.contains("delivery"),
        other => ["access_refused", "not_allowed", "not_implemented"].contains(&other),
    }
}
