//! Which of the decoded frames are the sound: encoder delay, padding and edit lists, as each container tells them.

use super::params::{audio, in_frames};
use crate::ingest::sink::Span;
use crate::ingest::{mp4, opus};
use std::path::Path;
use symphonia::core::formats::{FormatReader, Track, well_known as format};

/// Where the sound lies in the packets, by what each container knows, and the rate that it is counted at.
pub(super) fn span(source: &Path, reader: &dyn FormatReader, track: &Track) -> (Span, u32) {
    let container = reader.format_info().format;
    let params = audio(track);
    let rate = params.and_then(|p| p.sample_rate).filter(|r| *r > 0).unwrap_or(48_000);
    let head = params.and_then(|p| p.extra_data.as_deref()).and_then(opus::Head::parse);
    let pre_skip = head.map_or(0, |h| h.pre_skip);
    let delay = track.delay.map_or(0, u64::from);
    let announced = track.duration.map(|d| in_frames(track, d.get(), rate)).filter(|f| *f > 0);
    let span = match container {
        format::FORMAT_ID_ISOMP4 => match mp4::edit(source, track.id) {
            Some(edit) => return mp4_span(edit, track),
            None => Span {
                skip: pre_skip,
                length: None,
                announced: announced.map(|a| a.saturating_sub(pre_skip)),
            },
        },
        format::FORMAT_ID_MP3 | format::FORMAT_ID_MP2 | format::FORMAT_ID_MP1 => {
            // Without a tag, the demuxer's length is an estimate; with one, what it counts need not be what is there.
            Span { skip: delay, length: None, announced: None }
        }
        format::FORMAT_ID_OGG => {
            // The last granule position counts the delay of Opus, and not that of Vorbis.
            let length = track.num_frames.map(|end| end.saturating_sub(pre_skip));
            Span { skip: delay.max(pre_skip), length, announced: None }
        }
        format::FORMAT_ID_MKV => Span { skip: pre_skip.max(delay), length: None, announced },
        format::FORMAT_ID_ADTS => Span::default(),
        _ => Span { skip: 0, length: None, announced: track.num_frames.filter(|f| *f > 0) },
    };
    (span, rate)
}

/// An edit counts in the track's own clock.
fn mp4_span(edit: mp4::Edit, track: &Track) -> (Span, u32) {
    let announced = track.duration.map(|d| d.get().saturating_sub(edit.start)).filter(|d| *d > 0);
    (Span { skip: edit.start, length: edit.length, announced }, edit.timescale)
}
