//! The best lyrics that a file's tags hold: in time before plain, whoever wrote them into whatever tag.

use super::tags::text;
use karaoke_core::lyrics::{Lyrics, any, sylt};

/// Tags (in lower case, without their namespace) that programs write lyrics into, beside the standard ones. ffmpeg
/// writes those of an MP3 into a text frame called like the frame that it should have written.
const NAMES: [&str; 7] = [
    "lyrics",
    "syncedlyrics",
    "synchronizedlyrics",
    "unsyncedlyrics",
    "unsynced lyrics",
    "synced lyrics",
    "uslt",
];

/// Whether a tag of that name holds lyrics: `SYNCEDLYRICS`, `TXXX:SYNCEDLYRICS`, `----:com.apple.iTunes:LYRICS`.
pub(super) fn is_name(name: &str) -> bool {
    let name = name.rsplit(':').next().unwrap_or(name).to_lowercase();
    // ffmpeg makes `lyrics-eng` of a USLT frame, and writes it like that.
    let plain =
        name.split_once('-').filter(|(_, language)| language.len() == 3).map_or(&*name, |(name, _)| name);
    NAMES.contains(&plain)
}

/// Lyrics in a text tag, LRC or plain.
pub(super) fn of_text(raw: &str) -> Option<Lyrics> {
    let lyrics = any::parse(&text(raw)?).lyrics;
    (!lyrics.is_empty()).then_some(lyrics)
}

/// Lyrics in the body of a SYLT frame. Some frames count in MPEG frames, whose length the sample rate in Hz tells.
pub(super) fn of_frame(body: &[u8], sample_rate: Option<u32>) -> Option<Lyrics> {
    let samples = |rate: u32| if rate < 32_000 { 576.0 } else { 1152.0 };
    sylt::read(body, sample_rate.map(|rate| samples(rate) * 1000.0 / f64::from(rate)))
}

/// Keeps `found` if it is better than what is there: lyrics in time beat plain ones, those with words lines.
pub(super) fn keep(slot: &mut Option<Lyrics>, found: Option<Lyrics>) {
    let worth = |l: &Lyrics| (l.synced, l.lines.iter().any(|line| !line.words.is_empty()));
    if let Some(found) = found
        && slot.as_ref().is_none_or(|there| worth(there) < worth(&found))
    {
        *slot = Some(found);
    }
}
