//! What every encoder is told.

use super::format::Format;
use crate::ingest::Tags;

/// What is to be written.
#[derive(Clone, Copy)]
pub struct Encoding<'a> {
    /// Length of the source in frames.
    pub frames: u64,
    /// Sample rate of the source, Hz.
    pub rate: u32,
    /// The file format.
    pub format: Format,
    /// Title, artist, album and cover, where the format can say them.
    pub tags: &'a Tags,
    /// Asked before each block; true ends the encoding with [`super::error::EncodeError::Cancelled`].
    pub cancelled: &'a dyn Fn() -> bool,
}
