//! Lyrics: their lines in time, as they are read from texts of any format ([`any`]) and from ID3v2 frames ([`sylt`]).

pub mod any;
pub mod lrc;
pub mod stamp;
pub mod subtitles;
pub mod sylt;
pub mod text;
pub mod ultrastar;

#[cfg(test)]
mod tests;

use serde::{Serialize, Serializer};

/// Most lines that lyrics may have; what comes after is left out.
pub const MAX_LINES: usize = 5_000;
/// Longest line, in characters; the rest is left out.
pub const MAX_LINE_CHARS: usize = 500;

/// The words of a song: in time, all of them, or without any times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lyrics {
    /// Whether the lines have times.
    pub synced: bool,
    /// The lines in the order in which they are sung. Lines of the same start belong together (a translation, say).
    /// Where there are no times, an empty line parts two stanzas.
    pub lines: Vec<Line>,
}

/// One line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Line {
    /// When it begins, milliseconds from the song's beginning; none: nobody knows.
    #[serde(rename = "start_s", serialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub start_ms: Option<u64>,
    /// When it is over, where that is known and is before the next line begins.
    #[serde(rename = "end_s", serialize_with = "seconds", skip_serializing_if = "Option::is_none")]
    pub end_ms: Option<u64>,
    /// Its words.
    pub text: String,
    /// The same in pieces (words or syllables, with the spaces between), where each has a time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Word>,
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Word {
    /// When it begins, milliseconds; never before its line, nor before the piece in front of it.
    #[serde(rename = "start_s", serialize_with = "word_seconds")]
    pub start_ms: u64,
    /// What is sung, and the space behind it.
    pub text: String,
}

fn seconds<S: Serializer>(ms: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
    ms.map(|ms| ms as f64 / 1000.0).serialize(to)
}

fn word_seconds<S: Serializer>(ms: &u64, to: S) -> Result<S::Ok, S::Error> {
    (*ms as f64 / 1000.0).serialize(to)
}

impl Lyrics {
    /// Lyrics without times. Empty lines at the ends go, and of several in a row one stays.
    pub fn plain(lines: impl IntoIterator<Item = String>) -> Self {
        let mut kept: Vec<Line> = Vec::new();
        for text in lines {
            let blank_before = kept.last().is_none_or(|line| line.text.is_empty());
            if !(text.is_empty() && blank_before) {
                kept.push(Line { text, ..Line::default() });
            }
        }
        kept.truncate(MAX_LINES);
        while kept.last().is_some_and(|line| line.text.is_empty()) {
            kept.pop();
        }
        Self { synced: false, lines: kept }
    }

    /// Lyrics in time, from lines in any order. One without text says when the line before it is over; one without
    /// a start is left out.
    pub fn timed(mut lines: Vec<Line>) -> Self {
        lines.retain(|line| line.start_ms.is_some());
        lines.sort_by_key(|line| line.start_ms);
        let mut kept: Vec<Line> = Vec::with_capacity(lines.len());
        for line in lines {
            if line.text.is_empty() {
                end_last(&mut kept, line.start_ms);
            } else {
                kept.push(line);
            }
        }
        kept.truncate(MAX_LINES);
        kept.iter_mut().for_each(settle_words);
        settle_ends(&mut kept);
        Self { synced: !kept.is_empty(), lines: kept }
    }

    /// Whether there is nothing to sing.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// The lines that begin together last are over at `end`, unless that is known already.
fn end_last(lines: &mut [Line], end: Option<u64>) {
    let Some(start) = lines.last().map(|line| line.start_ms) else { return };
    for line in lines.iter_mut().rev().take_while(|line| line.start_ms == start) {
        line.end_ms = line.end_ms.or(end);
    }
}

/// Times that run backwards are held; a single piece that begins with its line says nothing.
fn settle_words(line: &mut Line) {
    let mut earliest = line.start_ms.unwrap_or_default();
    for word in &mut line.words {
        word.start_ms = word.start_ms.max(earliest);
        earliest = word.start_ms;
    }
    if line.words.len() == 1 && line.words[0].start_ms == line.start_ms.unwrap_or_default() {
        line.words.clear();
    }
}

/// Lines of the same start end together, after they began and before the next begin; other ends say nothing.
fn settle_ends(lines: &mut [Line]) {
    let mut next = None;
    // ChunkByMut runs from both ends.
    for group in lines.chunk_by_mut(|a, b| a.start_ms == b.start_ms).rev() {
        let start = group[0].start_ms;
        let last = group.iter().filter_map(|line| line.end_ms).max();
        let end = last.filter(|end| Some(*end) > start && next.is_none_or(|next| Some(*end) < next));
        group.iter_mut().for_each(|line| line.end_ms = end);
        next = Some(start);
    }
}
