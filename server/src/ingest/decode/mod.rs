//! Decodes an upload to interleaved stereo f32, and reads its tags: the only module that uses `symphonia`.

mod adts;
mod bytes;
mod codec;
mod container;
mod container_tags;
mod matroska;
mod metadata;
mod mpeg;
mod names;
mod packets;
mod params;
mod repair;
mod span;
mod speakers;
mod track;
mod view;

pub use metadata::tags;
pub use packets::Decoded;

use super::{IngestError, Limits};
use bytes::Bytes;
use codec::Decoder;
use container::{open, open_part};
use karaoke_stages::Stage;
use packets::TrackDecoder;
use params::audio;
use repair::{last_frame, tags_end};
use std::collections::BTreeMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use symphonia::core::formats::{Track, well_known as format};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};
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
    let mut file = File::open(source).map_err(IngestError::Unreadable)?;
    let container = reader.format_info().format;
    let entries = if container == format::FORMAT_ID_MKV { matroska::entries(&mut file) } else { Vec::new() };
    // A stream that changes its form is as many streams, one after another.
    let runs = match container {
        format::FORMAT_ID_ADTS => adts::runs(&mut file, cancelled)?,
        _ => Vec::new(),
    };
    let mut runs = if runs.len() > 1 { runs } else { Vec::new() }.into_iter();
    if let Some(first) = runs.next() {
        reader = open_part(source, name, first)?;
    }
    let (track, mut decoder) = choose_track(reader.as_ref(), &entries)?;
    let is_mpeg = audio(&track).is_some_and(|params| mpeg::is_mpeg(params.codec));
    let main_rate = if is_mpeg { main_rate(source, name, track.id, cancelled)? } else { None };
    let packing = entries.into_iter().find(|e| e.number == u64::from(track.id) && !e.is_plain());
    let mut sound = TrackDecoder::new(source, reader.as_ref(), &track, mix, *limits, main_rate, packing);
    loop {
        while let Some(packet) = sound.next_packet(reader.as_mut(), &mut decoder, cancelled)? {
            sound.play(&packet, &mut decoder)?;
        }
        let Some(run) = runs.next() else { break };
        reader = open_part(source, name, run)?;
        let (track, next) = choose_track(reader.as_ref(), &[])?;
        sound.follow(track);
        decoder = next;
    }
    if container == format::FORMAT_ID_FLAC {
        finish_flac(&mut file, &track, &mut sound, &mut decoder)?;
    }
    let start = Bytes::new(&mut file).map(|mut bytes| tags_end(&mut bytes, 0)).unwrap_or(0);
    sound.finish(mpeg::announced_bytes(&mut file, start).filter(|_| is_mpeg))
}

/// The sample rate that most of an MPEG stream has: joined files change theirs.
fn main_rate(
    source: &Path,
    name: &str,
    id: u32,
    cancelled: &dyn Fn() -> bool,
) -> Result<Option<u32>, IngestError> {
    let mut reader = open(source, name)?;
    let mut frames = BTreeMap::<u32, u64>::new();
    while let Ok(Some(packet)) = reader.next_packet() {
        if cancelled() {
            return Err(IngestError::Cancelled);
        }
        if let Some(header) = mpeg::header(&packet.data).filter(|_| packet.track_id == id) {
            *frames.entry(header.rate).or_default() += header.samples * 48_000 / u64::from(header.rate);
        }
    }
    Ok(frames.into_iter().max_by_key(|(_, frames)| *frames).map(|(rate, _)| rate))
}

/// Plays the last frame of a FLAC file that something else follows: the demuxer takes that for a part of it, and
/// drops both.
fn finish_flac(
    file: &mut File,
    track: &Track,
    sound: &mut TrackDecoder<'_>,
    decoder: &mut Decoder,
) -> Result<(), IngestError> {
    let played = sound.played();
    if track.num_frames.is_some_and(|frames| played >= frames) {
        return Ok(());
    }
    if let Some(data) = last_frame(file, played / sound.first_block().max(1), played) {
        let rest = track.num_frames.map_or(0, |frames| frames - played);
        sound.play(
            &Packet::new(track.id, Timestamp::from(played as i64), Duration::from(rest), data),
            decoder,
        )?;
    }
    Ok(())
}
