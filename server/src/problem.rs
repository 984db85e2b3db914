//! Problem documents (RFC 9457): what a user is told when something cannot be done.

use crate::store::{Failure, StoreError};
use serde::Serialize;

/// One clear sentence for a person, and a status for a program.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    /// Always `about:blank`: the status says what kind it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The kind of trouble, the same for every problem of its kind.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// What is wrong this time, and what to do.
    pub detail: String,
}

impl Problem {
    /// A problem of that status.
    pub fn new(status: u16, title: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind: "about:blank", title: title.into(), status, detail: detail.into() }
    }

    /// 404 for a track: also what a deleted one answers.
    pub fn no_such_track() -> Self {
        Self::new(404, "No such track", "There is no track of that name, or it has been deleted.")
    }

    /// 507: nothing can be written.
    pub fn disk(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::disk_full(),
            _ => Self::internal(error),
        }
    }

    fn disk_full() -> Self {
        Self::new(507, "Disk full", "The disk is full; delete tracks or free some space, and try again.")
    }

    /// 500, and the cause goes to the log: it means nothing to a user and may tell too much.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(error = %cause, "internal error");
        Self::new(500, "Internal error", "The server failed; its log says why. Try again later.")
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_disk_full() { Self::disk_full() } else { Self::internal(&error) }
    }
}

impl From<Failure> for Problem {
    fn from(f: Failure) -> Self {
        Self::new(f.status, f.title, f.detail)
    }
}

impl From<Problem> for Failure {
    fn from(p: Problem) -> Self {
        Self { status: p.status, title: p.title, detail: p.detail }
    }
}
