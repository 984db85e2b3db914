//! What a track says of its sound, and how its clock counts.

use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::formats::Track;

/// The parameters of a track's sound, if it is sound of a known codec.
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
