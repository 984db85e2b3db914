//! Why nothing can be sent there, and why something did not arrive.

use std::time::Duration;

/// A target that is not taken, in one sentence that says what to give instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither a web nor an e-mail address.
    #[error("a target is an address such as https://example.org/hook or mailto:me@example.org")]
    NoTarget,
    /// It holds a user and password, which would be kept and shown.
    #[error("an address with a user name or password is not taken; check the signature instead")]
    Credentials,
    /// Its address belongs to no public network.
    #[error("{host} is not on the public internet; the operator can allow it (notifications.allow_private)")]
    Private {
        /// As the target has it.
        host: String,
    },
    /// Its secret is none.
    #[error("a secret is whsec_ and 24 to 64 bytes in Base64; leave it out to be given one")]
    Secret,
    /// There is no way to send mail.
    #[error("this server sends no e-mail (email.smtp)")]
    NoMail,
}

/// A message did not arrive this time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The target said no.
    #[error("the target answered {status}")]
    Answer {
        /// HTTP status.
        status: u16,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// It could not be reached, or did not answer in time.
    #[error("{0}")]
    Unreachable(String),
    /// The mail server takes the message from nobody, or for nobody of that name.
    #[error("the mail server refused it: {0}")]
    Rejected(String),
    /// It must not be sent there.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl SendError {
    /// Whether trying again may help.
    pub fn retryable(&self) -> bool {
        match self {
            Self::Answer { status, .. } => *status != 410,
            Self::Unreachable(_) => true,
            // A name may lead elsewhere later.
            Self::Refused(refusal) => matches!(refusal, Refusal::Private { .. }),
            Self::Rejected(_) => false,
        }
    }

    /// The target asks for no more messages at all.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Answer { status: 410, .. })
    }

    /// How long the target asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answer { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The HTTP status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answer { status, .. } => Some(*status),
            _ => None,
        }
    }
}
