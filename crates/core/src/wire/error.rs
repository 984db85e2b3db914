//! Why a message is refused.

/// Version of these messages; another version is refused.
pub const SCHEMA: u32 = 4;

/// A message that cannot be right.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WireError {
    /// A header is missing.
    #[error("header `{0}` is missing")]
    Missing(&'static str),
    /// A header does not parse.
    #[error("header `{0}` has an impossible value")]
    Bad(&'static str),
    /// The body is not as long as the headers say.
    #[error("the body has {got} bytes where the headers promise {want}")]
    Length {
        /// Bytes there are.
        got: usize,
        /// Bytes there should be.
        want: usize,
    },
    /// The body is not the one that was sent.
    #[error("the body's checksum is {got:08x} where the headers promise {want:08x}")]
    Checksum {
        /// CRC-32 of the body.
        got: u32,
        /// CRC-32 in the headers.
        want: u32,
    },
    /// Another version of the protocol.
    #[error("message of schema {0}, this is schema {SCHEMA}")]
    Schema(u32),
}
