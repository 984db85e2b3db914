//! Which track of a container is decoded, and how its clock counts.

use super::names::container_name;
use crate::ingest::IngestError;
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::formats::{FormatReader, Track, TrackType};

/// The default sound track, or the first one whose codec is known.
pub(super) fn choose_track(reader: &dyn FormatReader) -> Result<Track, IngestError> {
    if let Some(track) = reader.default_track(TrackType::Audio) {
        return Ok(track.clone());
    }
    let container = container_name(reader.format_info().format);
    match reader.tracks().iter().any(|t| t.track_type() != Some(TrackType::Video)) {
        true => Err(IngestError::Unsupported { container, codec: "an unknown codec".into() }),
        false => Err(IngestError::NotAudio("a video without sound")),
    }
}

pub(super) fn audio(track: &Track) -> Option<&AudioCodecParameters> {
    match &track.codec_params {
        Some(CodecParameters::Audio(params)) => Some(params),
        _ => None,
    }
}

/// Ticks of a track's clock as frames at `rate` Hz.
pub(super) fn in_frames(track: &Track, ticks: u64, rate: u32) -> u64 {
    let Some(base) = track.time_base else { return ticks };
    let (numer, denom) = (u128::from(base.numer.get()), u128::from(base.denom.get()));
    u64::try_from((u128::from(ticks) * numer * u128::from(rate) + denom / 2) / denom).unwrap_or(u64::MAX)
}
