//! The file formats that a stem can be downloaded in.

use karaoke_stages::Stage;

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

    /// Bits of the integers that are stored; `None` where none are.
    pub fn integer_bits(self) -> Option<u32> {
        match self {
            Self::Wav16 | Self::Flac16 => Some(16),
            Self::Wav24 | Self::Flac24 => Some(24),
            Self::WavFloat | Self::Mp3 => None,
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
