//! The body of an ID3v2 SYLT frame: lyrics or syllables, each with its time (ID3v2.4 frames, section 4.9).

use super::text::{Coding, clean, decode};
use super::{Line, Lyrics, MAX_LINE_CHARS, MAX_LINES, Word};

/// Most pieces that are read of one frame.
const MAX_PIECES: usize = 20_000;

/// Reads the body of a SYLT frame; `None` when it holds no lyrics in time.
///
/// `mpeg_frame_ms` is the length of an MPEG frame in milliseconds: some frames count in those.
pub fn read(body: &[u8], mpeg_frame_ms: Option<f64>) -> Option<Lyrics> {
    // Coding, language (3), unit of time, kind of content, then a description and the pieces.
    let [coding, _, _, _, unit, kind, rest @ ..] = body else { return None };
    let unit_ms = match unit {
        1 => mpeg_frame_ms?,
        2 => 1.0,
        _ => return None,
    };
    // Other, lyrics, transcription; not chords, events, addresses.
    if *kind > 2 {
        return None;
    }
    let mut strings = Strings { left: rest, coding: *coding, big_endian: *coding == 2 };
    strings.next()?;
    let mut pieces = Vec::new();
    while pieces.len() < MAX_PIECES
        && let Some(text) = strings.next()
        && let Some((time, left)) = strings.left.split_first_chunk::<4>()
    {
        pieces.push(((f64::from(u32::from_be_bytes(*time)) * unit_ms) as u64, text));
        strings.left = left;
    }
    let lyrics = Lyrics::timed(lines(&pieces));
    (!lyrics.is_empty()).then_some(lyrics)
}

/// A line break in a piece begins a line there. Where there is none in all of them, each is a line of its own.
fn lines(pieces: &[(u64, String)]) -> Vec<Line> {
    let broken = pieces.iter().any(|(_, text)| text.contains(['\n', '\r']));
    let mut lines: Vec<Vec<Word>> = Vec::new();
    let mut begins = true;
    for (ms, text) in pieces {
        for (at, part) in text.replace("\r\n", "\n").split(['\n', '\r']).enumerate() {
            if begins || at > 0 || !broken {
                lines.push(Vec::new());
            }
            begins = false;
            if let Some(line) = lines.last_mut() {
                line.push(Word { start_ms: *ms, text: part.to_owned() });
            }
        }
    }
    lines.truncate(MAX_LINES);
    lines.into_iter().filter_map(line).collect()
}

fn line(pieces: Vec<Word>) -> Option<Line> {
    let mut words: Vec<Word> = Vec::new();
    for piece in pieces {
        let text: String = clean(&piece.text).chars().take(MAX_LINE_CHARS).collect();
        let spaced = piece.text.starts_with(char::is_whitespace);
        if let Some(before) = words.last_mut().filter(|before| spaced && !before.text.ends_with(' ')) {
            before.text.push(' ');
        }
        if !text.is_empty() {
            let space = if piece.text.ends_with(char::is_whitespace) { " " } else { "" };
            words.push(Word { start_ms: piece.start_ms, text: text + space });
        }
    }
    let last = words.last_mut()?;
    last.text.truncate(last.text.trim_end().len());
    let text = words.iter().map(|w| w.text.as_str()).collect();
    Some(Line { start_ms: words.first().map(|w| w.start_ms), end_ms: None, text, words })
}

/// Strings that end with a zero.
struct Strings<'a> {
    left: &'a [u8],
    coding: u8,
    /// As the last byte order mark said; only the first string of a frame must have one.
    big_endian: bool,
}

impl Strings<'_> {
    fn next(&mut self) -> Option<String> {
        let wide = matches!(self.coding, 1 | 2);
        let step = if wide { 2 } else { 1 };
        let zero = self.left.chunks_exact(step).position(|unit| unit.iter().all(|b| *b == 0))? * step;
        let (mut text, left) = (&self.left[..zero], &self.left[zero + step..]);
        self.left = left;
        if wide
            && let [a @ (0xFF | 0xFE), b @ (0xFF | 0xFE), rest @ ..] = text
            && a != b
        {
            (self.big_endian, text) = (*a == 0xFE, rest);
        }
        let coding = match self.coding {
            0 => Coding::Latin,
            3 => Coding::Utf8,
            _ if self.big_endian => Coding::Utf16Be,
            _ => Coding::Utf16Le,
        };
        Some(decode(text, coding))
    }
}
