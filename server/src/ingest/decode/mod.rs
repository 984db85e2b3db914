//! Decodes an upload to interleaved stereo f32, and reads its tags: the only module that uses `symphonia`.

mod codec;
mod container;
mod guard;
mod metadata;
mod names;
mod packets;
mod span;
mod speakers;
mod track;

pub use metadata::tags;
pub use packets::Decoded;

use super::{IngestError, Limits};
use codec::Decoder;
use container::open;
use karaoke_stages::Stage;
use packets::TrackDecoder;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use track::choose_track;

/// Decodes `source` to interleaved stereo f32 little-endian frames at the source's rate in `mix`.
///
/// `name` is the uploaded file's name: a hint, never trusted. `cancelled` is asked between packets.
///
/// # Errors
/// Every reason to refuse the upload; `mix` does not exist then.
pub fn decode(
    source: &Path,
    name: &str,
    mix: &Path,
    limits: &Limits,
    cancelled: &dyn Fn() -> bool,
) -> Result<Decoded, IngestError> {
    let _stage = Stage::Decode.enter();
    let result = catch_unwind(AssertUnwindSafe(|| decode_unguarded(source, name, mix, limits, cancelled)))
        .unwrap_or(Err(IngestError::Corrupt("its decoder gave up on it")));
    if result.is_err() {
        // It may not exist yet; if it cannot be removed, the first error is still the one to tell.
        let _ = std::fs::remove_file(mix);
    }
    result
}

fn decode_unguarded(
    source: &Path,
    name: &str,
    mix: &Path,
    limits: &Limits,
    cancelled: &dyn Fn() -> bool,
) -> Result<Decoded, IngestError> {
    let mut reader = open(source, name)?;
    let track = choose_track(reader.as_ref())?;
    let mut decoder = Decoder::new(reader.format_info().format, &track)?;
    let mut sound = TrackDecoder::new(source, reader.as_ref(), &track, mix, *limits);
    while let Some(packet) = sound.next_packet(reader.as_mut(), &mut decoder, cancelled)? {
        sound.play(&packet, &mut decoder)?;
    }
    sound.finish()
}
