//! Turns stems into files to download: WAV (any byte range on its own), FLAC and MP3.
//!
//! Everything here blocks, reads from a [`FrameSource`] and needs the same
//! memory whatever the length.

pub mod error;
pub mod flac;
pub mod mp3;
pub mod wav;

pub use error::EncodeError;

use crate::ingest::{FrameSource, Tags};
use karaoke_stages::Stage;
use std::io::{Seek, Write};

/// What a stem can be downloaded as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// 16-bit integer WAV.
    Wav16,
    /// 24-bit integer WAV.
    Wav24,
    /// 32-bit float WAV: the samples as they are.
    WavFloat,
    /// 16-bit FLAC.
    Flac16,
    /// 24-bit FLAC.
    Flac24,
    /// MP3, 320 kbit/s (160 kbit/s below 32 kHz, the most that MPEG-2 has).
    Mp3,
}

impl Format {
    /// The media type to serve it with.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Wav16 | Self::Wav24 | Self::WavFloat => "audio/wav",
            Self::Flac16 | Self::Flac24 => "audio/flac",
            Self::Mp3 => "audio/mpeg",
        }
    }

    /// The file name's extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Wav16 | Self::Wav24 | Self::WavFloat => "wav",
            Self::Flac16 | Self::Flac24 => "flac",
            Self::Mp3 => "mp3",
        }
    }

    /// What encoding it counts to.
    pub(crate) fn stage(self) -> Stage {
        match self {
            Self::Wav16 | Self::Wav24 | Self::WavFloat => Stage::Wav,
            Self::Flac16 | Self::Flac24 => Stage::Flac,
            Self::Mp3 => Stage::Mp3,
        }
    }

    /// Bits of one stored sample; `None` for MP3, which stores none.
    pub fn bits(self) -> Option<u32> {
        match self {
            Self::Wav16 | Self::Flac16 => Some(16),
            Self::Wav24 | Self::Flac24 => Some(24),
            Self::WavFloat => Some(32),
            Self::Mp3 => None,
        }
    }
}

/// Frames that are read and encoded at a time.
const BLOCK: usize = 4096;

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

/// Reads `source` block by block, in order, and hands each block (interleaved) to `take`.
fn each_block(
    source: &mut dyn FrameSource,
    frames: u64,
    cancelled: &dyn Fn() -> bool,
    mut take: impl FnMut(&[f32]) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let mut block = vec![0.0; BLOCK * 2];
    let mut start = 0;
    while start < frames {
        if cancelled() {
            return Err(EncodeError::Cancelled);
        }
        let count = (frames - start).min(BLOCK as u64) as usize;
        source.read(start as i64, &mut block[..count * 2])?;
        take(&block[..count * 2])?;
        start += count as u64;
    }
    Ok(())
}
