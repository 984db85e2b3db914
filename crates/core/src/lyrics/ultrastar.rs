//! UltraStar's song files (`.txt`): every syllable with its beat, as word-timed lyrics.
//!
//! Format: `https://usdx.eu/format/`. Beats are quarters of the stated ones: one lasts 60 / (BPM · 4) s.

use super::lrc::Parsed;
use super::stamp::LATEST_MS;
use super::text::clean;
use super::{Line, Lyrics, MAX_LINE_CHARS, MAX_LINES, Word};

/// Whether a text is such a file: it states its beats, and has notes.
pub fn is_it(text: &str) -> bool {
    let mut lines = text.lines().map(|line| line.trim_start_matches('\u{FEFF}'));
    let states_beats = text.lines().any(|line| header(line).is_some_and(|(name, _)| name == "BPM"));
    states_beats && lines.any(|line| note(line).is_some())
}

/// The file name of the song that such a file is for.
pub fn audio(text: &str) -> Option<&str> {
    let named = |wanted: &str| text.lines().filter_map(header).find(|(name, _)| name == wanted);
    named("AUDIO").or_else(|| named("MP3")).map(|(_, value)| value.trim())
}

/// Reads a song file. The singers of a duet sing in one text, each line at its time.
pub fn parse(text: &str) -> Parsed {
    let mut reader = Reader::default();
    for (at, line) in text.lines().enumerate() {
        reader.take(at + 1, line.trim_end_matches('\r').trim_start_matches('\u{FEFF}'));
    }
    reader.end_line();
    Parsed { lyrics: Lyrics::timed(reader.lines), unread: reader.unread }
}

#[derive(Default)]
struct Reader {
    /// Milliseconds of a beat, and where beat 0 is.
    beat_ms: f64,
    gap_ms: f64,
    /// Beats count from the line before, as old files have it.
    is_relative: bool,
    base: f64,
    words: Vec<Word>,
    end_ms: u64,
    lines: Vec<Line>,
    unread: Vec<usize>,
}

impl Reader {
    fn take(&mut self, number: usize, line: &str) {
        if let Some((name, value)) = header(line) {
            let value = value.trim().replace(',', ".");
            match name.as_str() {
                "BPM" => self.beat_ms = value.parse().ok().map_or(0.0, |bpm: f64| 60_000.0 / (bpm * 4.0)),
                "GAP" => self.gap_ms = value.parse().unwrap_or(0.0),
                "RELATIVE" => self.is_relative = value.eq_ignore_ascii_case("yes"),
                _ => {}
            }
        } else if let Some((start, length, syllable)) = note(line) {
            self.add(start, length, syllable);
        } else if let Some(rest) = line.strip_prefix('-') {
            self.end_line();
            let moved = rest.split_whitespace().next_back().and_then(|beat| beat.parse::<f64>().ok());
            self.base += moved.filter(|_| self.is_relative).unwrap_or(0.0);
        } else if is_singer(line) {
            self.end_line();
            self.base = 0.0;
        } else if !line.trim().is_empty() && line.trim() != "E" {
            self.unread.push(number);
        }
    }

    fn add(&mut self, start: f64, length: f64, syllable: &str) {
        let at = |beat: f64| {
            let ms = self.gap_ms + (self.base + beat) * self.beat_ms;
            ms.clamp(0.0, LATEST_MS as f64).round() as u64
        };
        let (start_ms, end_ms) = (at(start), at(start + length));
        self.end_ms = self.end_ms.max(end_ms);
        let begins_word = syllable.starts_with(' ');
        let text = clean(&syllable.replace('~', ""));
        if let Some(before) = self.words.last_mut() {
            // The space belongs to the piece in front of it.
            if begins_word && !before.text.ends_with(' ') {
                before.text.push(' ');
            }
        }
        // `~` alone holds the syllable before it.
        if !text.is_empty() {
            let ends_word = syllable.ends_with(' ');
            self.words.push(Word { start_ms, text: if ends_word { format!("{text} ") } else { text } });
        }
    }

    fn end_line(&mut self) {
        let mut words = std::mem::take(&mut self.words);
        let end_ms = std::mem::take(&mut self.end_ms);
        if let Some(last) = words.last_mut() {
            last.text.truncate(last.text.trim_end().len());
        }
        let text: String = words.iter().map(|word| word.text.as_str()).collect();
        let fits = text.chars().count() <= MAX_LINE_CHARS && self.lines.len() < MAX_LINES;
        if let Some(first) = words.first().filter(|_| fits && !text.is_empty()) {
            self.lines.push(Line { start_ms: Some(first.start_ms), end_ms: Some(end_ms), text, words });
        }
    }
}

/// `#NAME:value`.
fn header(line: &str) -> Option<(String, &str)> {
    let (name, value) = line.trim_start_matches('\u{FEFF}').strip_prefix('#')?.split_once(':')?;
    Some((name.trim().to_ascii_uppercase(), value))
}

/// A note's first beat, its length in beats, and its syllable with the spaces around it.
fn note(line: &str) -> Option<(f64, f64, &str)> {
    // Normal, golden, freestyle, rap, golden rap.
    let rest = line.strip_prefix([':', '*', 'F', 'R', 'G'])?.strip_prefix(' ')?;
    let mut parts = rest.trim_start().splitn(4, ' ');
    let (start, length, _pitch) = (parts.next()?, parts.next()?, parts.next()?.parse::<f64>().ok()?);
    let (start, length): (f64, f64) = (start.parse().ok()?, length.parse().ok()?);
    (start.is_finite() && length.is_finite()).then_some((start, length, parts.next().unwrap_or_default()))
}

/// `P1`, `P2`, `P 1`: who sings from here on.
fn is_singer(line: &str) -> bool {
    let number = line.trim().strip_prefix('P').map(str::trim);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}
