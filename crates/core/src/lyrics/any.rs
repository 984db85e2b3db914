//! Lyrics in whatever format a text is: LRC, UltraStar, SubRip, WebVTT, or none.

use super::lrc::{self, Parsed};
use super::{subtitles, ultrastar};

/// Reads a text. Never fails: what is of no format is plain lyrics.
///
/// ```
/// use karaoke_core::lyrics::any;
///
/// let lyrics = any::parse("[00:12.00]First line\n[00:15.30]Second line").lyrics;
/// assert!(lyrics.synced);
/// assert_eq!((lyrics.lines[1].start_ms, lyrics.lines[1].text.as_str()), (Some(15_300), "Second line"));
/// ```
pub fn parse(text: &str) -> Parsed {
    if ultrastar::is_it(text) {
        ultrastar::parse(text)
    } else if subtitles::is_it(text) {
        subtitles::parse(text)
    } else {
        lrc::parse(text)
    }
}
