//! Why an upload was refused, in words for the person who uploaded it.

use std::io;

/// A refused upload. `Display` is one sentence that says what is wrong and what to do.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The bytes are of some other kind (a picture, a text, …); holds a noun phrase.
    #[error("This file is {0}, not sound; choose an audio or video file.")]
    NotAudio(&'static str),
    /// Nothing in the file looks like a known audio format.
    #[error("This file holds no sound that can be recognised; convert it to MP3, FLAC or WAV.")]
    Unrecognised,
    /// The sound's format is known but cannot be decoded here; holds container and codec.
    #[error(
        "This {container} holds {codec}, which cannot be decoded here; convert it to stereo AAC-LC, MP3 or FLAC."
    )]
    Unsupported {
        /// The container, as people call it: "M4A", "Matroska file".
        container: &'static str,
        /// The codec, as people call it: "HE-AAC".
        codec: String,
    },
    /// A property of the sound (rate, channels, a change inside the file) is out of reach.
    #[error("This file {0}; convert it to an ordinary stereo file first.")]
    Unusual(String),
    /// A file of zero bytes.
    #[error("This file is empty; choose another one.")]
    Empty,
    /// A valid file with no samples in it.
    #[error("This file's sound is zero seconds long; choose another one.")]
    NoSamples,
    /// The header announces more sound than the file holds; both in seconds.
    #[error(
        "This file is cut off: it announces {announced} s of sound and {found} s are there; upload it again."
    )]
    Truncated {
        /// Announced length in whole seconds.
        announced: u64,
        /// Decoded length in whole seconds.
        found: u64,
    },
    /// The file ends before what describes its contents.
    #[error("This file is cut off before its sound begins or its index ends; upload it again.")]
    Headless,
    /// Too much of the sound could not be decoded.
    #[error("This file is damaged: {0}; try another copy of it.")]
    Corrupt(&'static str),
    /// NaN, infinite or absurd samples.
    #[error("This file holds samples that are not numbers; export it again from the program that made it.")]
    NotFinite,
    /// Over the length limit, in seconds.
    #[error("This recording is longer than the {limit} s allowed here; cut it into shorter pieces.")]
    TooLong {
        /// The limit in seconds.
        limit: u64,
    },
    /// Decoded, it would need more disk space than is allowed.
    #[error(
        "Decoded, this recording needs more than the {limit} MB allowed here; cut it or lower its sample rate."
    )]
    TooLarge {
        /// The limit in megabytes.
        limit: u64,
    },
    /// The caller asked to stop.
    #[error("The upload was cancelled.")]
    Cancelled,
    /// The file cannot be read: a medium that fails, a network that is gone.
    #[error("This file cannot be read ({0}); check the disk or the network that it is on.")]
    Unreadable(#[source] io::Error),
    /// The server's own trouble with writing.
    #[error("The sound could not be stored ({0}); free some space and try again.")]
    Io(#[from] io::Error),
}

impl IngestError {
    /// The HTTP status of this refusal.
    pub fn status(&self) -> u16 {
        match self {
            Self::NotAudio(_) | Self::Unrecognised | Self::Unsupported { .. } | Self::Unusual(_) => 415,
            Self::TooLong { .. } | Self::TooLarge { .. } => 413,
            Self::Io(error) if out_of_space(error) => 507,
            Self::Io(_) | Self::Unreadable(_) => 500,
            Self::Cancelled => 499,
            _ => 422,
        }
    }

    /// A short title, the same for every occurrence of a kind of error (RFC 9457).
    pub fn title(&self) -> &'static str {
        match self {
            Self::NotAudio(_) | Self::Unrecognised => "Not an audio file",
            Self::Unsupported { .. } | Self::Unusual(_) => "Unsupported audio",
            Self::Empty | Self::NoSamples => "Nothing to hear",
            Self::Truncated { .. } | Self::Headless => "Truncated file",
            Self::Corrupt(_) | Self::NotFinite => "Damaged file",
            Self::TooLong { .. } | Self::TooLarge { .. } => "Recording too long",
            Self::Cancelled => "Cancelled",
            Self::Io(error) if out_of_space(error) => "Insufficient storage",
            Self::Unreadable(_) => "File not readable",
            Self::Io(_) => "Internal error",
        }
    }
}

fn out_of_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
