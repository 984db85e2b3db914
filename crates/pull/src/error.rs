//! Why a file could not be fetched, in one line that says what to do.

use karaoke_core::ModelName;
use std::io;
use std::path::PathBuf;

/// A file could not be fetched. What has come of it is kept where the line says so.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The configuration cannot be used.
    #[error("models.{key} cannot be used: {problem}")]
    Setup {
        /// The key in the section `[models]`.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The manifest says no address, and there is no mirror.
    #[error(
        "the manifest of `{name}` has no address to fetch it from; put {file} into the models folder yourself"
    )]
    NoAddress {
        /// The model.
        name: ModelName,
        /// Its file.
        file: String,
    },
    /// The mirror's folder does not have it.
    #[error("the mirror does not have {path}: {source} (see `models.mirror` in config.toml)")]
    NotInMirror {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The server says no, and would say so again.
    #[error("{url} answers {status}; the file is not to be had there")]
    Refused {
        /// The address, after redirects.
        url: String,
        /// Its answer.
        status: String,
    },
    /// A redirect that is not followed.
    #[error("{url}: redirect not followed: {why}")]
    Redirect {
        /// The address.
        url: String,
        /// Why not.
        why: String,
    },
    /// It kept failing.
    #[error("gave up on {url} after {tries} tries in a row: {last}; pull again to go on where it was")]
    GaveUp {
        /// The address.
        url: String,
        /// Tries that brought nothing new.
        tries: u32,
        /// What went wrong last.
        last: String,
    },
    /// The file there has another size than the manifest says.
    #[error("{url} is another file: it has {got} bytes where {want} belong; nothing was kept")]
    Size {
        /// The address.
        url: String,
        /// Bytes that it has.
        got: u64,
        /// Bytes that it should have, or may have at most.
        want: u64,
    },
    /// It is whole, and another file than the manifest means.
    #[error("{url} is another file: it has {digest} {got}, the manifest says {want}; nothing was kept")]
    Wrong {
        /// The address.
        url: String,
        /// `sha256`, or what stands for it.
        digest: &'static str,
        /// What the file hashes to.
        got: String,
        /// What it should.
        want: String,
    },
    /// What was fetched is right, but the model's file cannot be made of it.
    #[error("the model's file cannot be made of {file}: {problem}")]
    Conversion {
        /// What was fetched.
        file: String,
        /// Why not.
        problem: String,
    },
    /// No room.
    #[error("the disk is full: no room for {path}; make room and pull again, it goes on where it was")]
    Full {
        /// The file that was being written.
        path: PathBuf,
    },
    /// The disk makes trouble.
    #[error("cannot write {path}: {source}")]
    Disk {
        /// The file that was being written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else is at it.
    #[error("{path} is being fetched by another process; wait until that has ended")]
    Busy {
        /// The file that is growing.
        path: PathBuf,
    },
}

impl PullError {
    /// Trouble with the file at `path`.
    pub(crate) fn disk(path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Disk { path, source },
        }
    }
}
