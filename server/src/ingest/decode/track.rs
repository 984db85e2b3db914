//! Which track of a container is decoded.

use super::codec::Decoder;
use super::matroska::Entry;
use super::names::container_name;
use super::params::audio;
use crate::ingest::IngestError;
use symphonia::core::formats::{FormatReader, Track, TrackType};

/// The sound track that is played, with its decoder: of those that can be decoded the first, and before it one that
/// is to be played when nobody chooses. `entries` are a Matroska file's.
pub(super) fn choose_track(
    reader: &dyn FormatReader,
    entries: &[Entry],
) -> Result<(Track, Decoder), IngestError> {
    let entry = |track: &Track| entries.iter().find(|entry| entry.number == u64::from(track.id));
    let is_default = |track: &Track| entry(track).is_none_or(|entry| entry.is_default);
    let id = reader.format_info().format;
    let container = container_name(id);
    let sound = || reader.tracks().iter().filter(|track| audio(track).is_some());
    let mut refused = None;
    for track in sound().filter(|t| is_default(t)).chain(sound().filter(|t| !is_default(t))) {
        let packed = entry(track).and_then(Entry::unsupported);
        let decoder = match packed {
            Some(codec) => Err(IngestError::Unsupported { container, codec: codec.into() }),
            None => Decoder::new(id, track),
        };
        match decoder {
            Ok(decoder) => return Ok((track.clone(), decoder)),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    if let Some(error) = refused {
        return Err(error);
    }
    match reader.tracks().iter().any(|t| t.track_type() != Some(TrackType::Video)) {
        true => Err(IngestError::Unsupported { container, codec: "an unknown codec".into() }),
        false => Err(IngestError::NotAudio("a video without sound")),
    }
}
