//! Turns stems into files to download: WAV (any byte range on its own), FLAC and MP3.
//!
//! Everything here blocks, reads from a [`FrameSource`] and needs the same
//! memory whatever the length.

mod blocks;
mod encoding;
pub mod error;
pub mod flac;
pub mod format;
pub mod mp3;
pub mod wav;

pub use encoding::Encoding;
pub use error::EncodeError;
pub use format::Format;

use crate::ingest::FrameSource;
use std::io::{Seek, Write};

/// Encodes `source` from its start into `out`.
///
/// # Errors
/// What reading or writing fails with, a rate that the format has no way to say, or a cancel; what was
/// written so far is then of no use.
pub fn encode(
    source: &mut dyn FrameSource,
    encoding: Encoding<'_>,
    out: &mut (impl Write + Seek),
) -> Result<(), EncodeError> {
    let _stage = encoding.format.stage().enter();
    match encoding.format {
        Format::Flac16 | Format::Flac24 => flac::encode(source, encoding, out),
        Format::Mp3 => mp3::encode(source, encoding, out),
        _ => wav::encode(source, encoding, out),
    }
}
