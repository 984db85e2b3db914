//! Turns stems into files to download: WAV (any byte range on its own), FLAC and MP3.
//!
//! Everything here blocks, reads from a [`FrameSource`] and needs the same
//! memory whatever the length.

mod blocks;
pub mod error;
pub mod flac;
pub mod format;
pub mod mp3;
pub mod wav;

pub use error::EncodeError;
pub use format::Format;

use crate::ingest::{FrameSource, Tags};
use std::io::{Seek, Write};

/// Encodes `frames` frames at `rate` Hz from the start of `source` into `out`.
///
/// # Errors
/// What reading or writing fails with, a rate that the format has no way to say, or a cancel; what was
/// written so far is then of no use.
pub fn encode(
    source: &mut dyn FrameSource,
    frames: u64,
    rate: u32,
    format: Format,
    tags: &Tags,
    out: &mut (impl Write + Seek),
    cancelled: &dyn Fn() -> bool,
) -> Result<(), EncodeError> {
    let _stage = format.stage().enter();
    match format {
        Format::Flac16 | Format::Flac24 => flac::encode(source, frames, rate, format, tags, out, cancelled),
        Format::Mp3 => mp3::encode(source, frames, rate, format, tags, out, cancelled),
        _ => wav::encode(source, frames, rate, format, out, cancelled),
    }
}
