//! Subtitles: SubRip (`.srt`) and WebVTT (`.vtt`), as far as they are lyrics.
//!
//! Cues have a start and an end; what is in tags (`<i>`, `{\an8}`) is how they are shown, and is left out.

use super::lrc::Parsed;
use super::text::clean;
use super::{Line, Lyrics, MAX_LINE_CHARS, MAX_LINES};

const ARROW: &str = "-->";

/// Whether a text is subtitles: any line is a cue's times.
pub fn is_it(text: &str) -> bool {
    text.lines().any(|line| times(line).is_some())
}

/// Reads subtitles. The lines of a cue begin and end together.
pub fn parse(text: &str) -> Parsed {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let (mut lines, mut cue, mut unread) = (Vec::new(), None, Vec::new());
    for (at, line) in text.split('\n').enumerate() {
        if line.contains(ARROW) {
            cue = times(line);
            if cue.is_none() {
                unread.push(at + 1);
            }
        } else if line.trim().is_empty() {
            cue = None;
        } else if let Some((start, end)) = cue
            && lines.len() < MAX_LINES
        {
            let text: String = clean(&without_tags(line)).chars().take(MAX_LINE_CHARS).collect();
            if !text.is_empty() {
                lines.push(Line { start_ms: Some(start), end_ms: Some(end), text, words: Vec::new() });
            }
        }
    }
    Parsed { lyrics: Lyrics::timed(lines), unread }
}

/// `00:00:01,000 --> 00:00:02,500`, in milliseconds; WebVTT writes a point, and may leave the hours out.
fn times(line: &str) -> Option<(u64, u64)> {
    let (start, end) = line.split_once(ARROW)?;
    // Behind the end WebVTT says where the cue is shown.
    Some((time(start.trim())?, time(end.split_whitespace().next()?)?))
}

fn time(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once([',', '.'])?;
    let milliseconds: u64 = fraction.parse().ok().filter(|_| fraction.len() == 3)?;
    let parts: Vec<u64> = whole.split(':').map(str::parse).collect::<Result<_, _>>().ok()?;
    let seconds = match parts[..] {
        [hours, minutes, seconds] if hours < 1000 => hours * 3600 + minutes * 60 + seconds,
        [minutes, seconds] if minutes < 100_000 => minutes * 60 + seconds,
        _ => return None,
    };
    seconds.checked_mul(1000)?.checked_add(milliseconds)
}

fn without_tags(line: &str) -> String {
    let (mut out, mut open) = (String::new(), None);
    for c in line.chars() {
        match (open, c) {
            (None, '<') => open = Some('>'),
            (None, '{') => open = Some('}'),
            (None, c) => out.push(c),
            (Some(close), c) if c == close => open = None,
            (Some(_), _) => {}
        }
    }
    out
}
