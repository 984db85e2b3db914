//! Why a stem could not be encoded.

use std::io;

/// A failed encoding.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// Reading the stem or writing the file.
    #[error("the encoded file could not be read or written: {0}")]
    Io(#[from] io::Error),
    /// The format cannot hold this sound.
    #[error("{0}; choose another format")]
    Unsupported(String),
    /// The encoder failed, which it should not.
    #[error("the encoder failed: {0}")]
    Codec(String),
    /// The caller asked to stop.
    #[error("the encoding was cancelled")]
    Cancelled,
}
