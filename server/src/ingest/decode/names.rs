//! What containers and codecs are called in messages to people.

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::{AudioCodecParameters, well_known as codec};
use symphonia::core::formats::{FormatId, well_known as format};

pub(super) fn container_name(id: FormatId) -> &'static str {
    match id {
        format::FORMAT_ID_ISOMP4 => "M4A or MP4 file",
        format::FORMAT_ID_MKV => "Matroska or WebM file",
        format::FORMAT_ID_OGG => "Ogg file",
        format::FORMAT_ID_WAVE => "WAV file",
        format::FORMAT_ID_AIFF => "AIFF file",
        format::FORMAT_ID_CAF => "CAF file",
        format::FORMAT_ID_ADTS => "AAC file",
        _ => "file",
    }
}

pub(super) fn codec_name(params: &AudioCodecParameters) -> String {
    let name = match params.codec {
        codec::CODEC_ID_AAC => return aac_name(params),
        codec::CODEC_ID_AC3 => "AC-3",
        codec::CODEC_ID_EAC3 => "E-AC-3",
        codec::CODEC_ID_AC4 => "AC-4",
        codec::CODEC_ID_DCA => "DTS",
        codec::CODEC_ID_TRUEHD => "TrueHD",
        codec::CODEC_ID_WMA => "Windows Media audio",
        codec::CODEC_ID_SPEEX => "Speex",
        codec::CODEC_ID_WAVPACK => "WavPack",
        codec::CODEC_ID_OPUS => return opus_name(params),
        other => return format!("codec {other}"),
    };
    name.into()
}

/// Opus says in its header what its channels are.
fn opus_name(params: &AudioCodecParameters) -> String {
    opus_kind(params.extra_data.as_deref().unwrap_or_default())
}

/// The same from the header itself.
pub(super) fn opus_kind(head: &[u8]) -> String {
    let channels = head.get(9).copied().unwrap_or(0);
    match head.get(18) {
        Some(2 | 3) => format!("Opus with {channels} channels of ambisonics"),
        Some(255) => format!("Opus with {channels} channels whose places are not told"),
        _ => "Opus with an unusual channel layout".into(),
    }
}

/// AAC comes in kinds; the first five bits of its configuration tell which.
fn aac_name(params: &AudioCodecParameters) -> String {
    let kind = params.extra_data.as_deref().and_then(|b| b.first()).map(|b| b >> 3);
    match kind {
        Some(5) => "HE-AAC".into(),
        Some(29) => "HE-AAC v2".into(),
        Some(1) => "AAC Main".into(),
        Some(23 | 39) => "low-delay AAC".into(),
        Some(42) => "xHE-AAC".into(),
        _ => match params.channels.as_ref().map_or(0, Channels::count) {
            channels @ 3.. => format!("AAC with {channels} channels"),
            _ => "an unusual kind of AAC".into(),
        },
    }
}
