//! Lyrics in whatever format a text is: LRC, UltraStar, SubRip, WebVTT, or none.

use super::lrc::{self, Parsed};
use super::{subtitles, ultrastar};

/// Reads a text. Never fails: what is of no format is plain lyrics.
pub fn parse(text: &str) -> Parsed {
    if ultrastar::is_it(text) {
        ultrastar::parse(text)
    } else if subtitles::is_it(text) {
        subtitles::parse(text)
    } else {
        lrc::parse(text)
    }
}
