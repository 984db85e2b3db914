//! LRC, the common file format of lyrics in time, as players read it: leniently.
//!
//! There is no standard; this follows what players agree on (`https://en.wikipedia.org/wiki/LRC_(file_format)`): several
//! stamps for one line, `[offset:]` (positive: earlier), word stamps in `<…>` (enhanced LRC) or, inside a line, in
//! `[…]`; a stamp alone says that the line before it is over.

use super::stamp::{self, Dialect};
use super::text::clean;
use super::{Line, Lyrics, MAX_LINE_CHARS, MAX_LINES, Word};

/// Longest stamp with its brackets, and some spaces, in bytes.
const LONGEST_STAMP: usize = 24;

/// What a text says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Its lyrics: in time if any line has a stamp.
    pub lyrics: Lyrics,
    /// Numbers of the lines, from 1, whose time could not be read, or that have none and no line in front.
    pub unread: Vec<usize>,
}

/// Tags that are about the song or the file, not to be sung. `[Chorus: all]` is none.
const TAGS: [&str; 17] = [
    "ti", "ar", "al", "au", "by", "re", "ve", "length", "offset", "la", "lang", "id", "tool", "lr", "total",
    "hash", "sign",
];

/// Reads a text, LRC or plain. Never fails: what is no stamp is text.
pub fn parse(text: &str) -> Parsed {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut reader = Reader { dialect: Dialect::of(&text), ..Reader::default() };
    for (at, line) in text.split('\n').enumerate() {
        if reader.lines.len() >= MAX_LINES {
            break;
        }
        reader.take(at + 1, &clean(line));
    }
    reader.finish()
}

/// Writes lyrics so that [`parse`] reads the same again.
pub fn write(lyrics: &Lyrics) -> String {
    let mut out = String::new();
    for (at, line) in lyrics.lines.iter().enumerate() {
        let Some(start) = line.start_ms else {
            out.extend([line.text.as_str(), "\n"]);
            continue;
        };
        out.push_str(&format!("[{}]", stamp::write(start)));
        match line.words.as_slice() {
            [] => out.push_str(&line.text),
            words => words.iter().for_each(|w| {
                out.push_str(&format!("<{}>{}", stamp::write(w.start_ms), w.text));
            }),
        }
        out.push('\n');
        let ends = lyrics.lines.get(at + 1).is_none_or(|next| next.start_ms != line.start_ms);
        if let Some(end) = line.end_ms.filter(|_| ends) {
            out.push_str(&format!("[{}]\n", stamp::write(end)));
        }
    }
    out
}

#[derive(Debug)]
struct Reader {
    dialect: Dialect,
    offset_ms: i64,
    /// Lines in time; those without text are ends.
    lines: Vec<Line>,
    /// Lines without a time, as long as none has one.
    plain: Vec<(usize, String)>,
    /// The stamps of the last line that had any.
    last: Vec<u64>,
    unread: Vec<usize>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            dialect: Dialect::Hours,
            offset_ms: 0,
            lines: Vec::new(),
            plain: Vec::new(),
            last: Vec::new(),
            unread: Vec::new(),
        }
    }
}

/// What stands in brackets at the beginning of a line.
enum Bracket<'a> {
    Stamp(u64),
    Tag(&'a str, &'a str),
    Damaged,
}

impl Reader {
    fn take(&mut self, number: usize, line: &str) {
        let (mut rest, mut stamps, mut tagged) = (line, Vec::new(), false);
        while let Some((bracket, behind)) = self.bracket(rest) {
            match bracket {
                Bracket::Stamp(ms) => stamps.push(ms),
                Bracket::Tag(name, value) => {
                    tagged = true;
                    if name == "offset" {
                        self.offset_ms = value.parse().unwrap_or(self.offset_ms);
                    }
                }
                Bracket::Damaged => self.unread.push(number),
            }
            rest = behind.trim_start();
        }
        if is_heading(rest) {
            // It says what follows, and is not sung; what is sung before it is over.
            (rest, tagged) = ("", tagged || !self.lines.is_empty() || !stamps.is_empty());
        }
        let background = rest.strip_prefix("[bg:").and_then(|inside| inside.trim_end().strip_suffix(']'));
        let sung = background.unwrap_or_else(|| without_voice(rest)).trim();
        let (mut text, mut words, end) = self.settled(sung, stamps.first().copied());
        if background.is_some() && !text.is_empty() {
            in_parentheses(&mut text, &mut words);
        }
        if stamps.is_empty() {
            stamps.extend(words.first().map(|w| w.start_ms).or(end));
        }
        if stamps.is_empty() {
            let nothing = text.is_empty() && (tagged || !self.last.is_empty());
            if !nothing {
                self.untimed(number, text);
            }
            return;
        }
        self.last.clone_from(&stamps);
        for start in &stamps {
            self.add(*start, &stamps, &text, &words, end);
        }
    }

    /// A line without a stamp goes with the one before it.
    fn untimed(&mut self, number: usize, text: String) {
        for start in self.last.clone() {
            self.add(start, &[start], &text, &[], None);
        }
        if self.last.is_empty() {
            self.plain.push((number, text));
        }
    }

    /// The pieces of a line are timed for its first stamp; for the others they are as far behind.
    fn add(&mut self, start: u64, stamps: &[u64], text: &str, words: &[Word], end: Option<u64>) {
        if self.lines.len() >= MAX_LINES {
            return;
        }
        let base = stamps.first().copied().unwrap_or(start);
        let shifted = |ms: u64| (ms + start).saturating_sub(base).min(stamp::LATEST_MS);
        let words = words.iter().map(|w| Word { start_ms: shifted(w.start_ms), text: w.text.clone() });
        self.lines.push(Line {
            start_ms: Some(start),
            end_ms: end.map(shifted),
            text: text.to_owned(),
            words: words.collect(),
        });
    }

    fn bracket<'a>(&self, line: &'a str) -> Option<(Bracket<'a>, &'a str)> {
        let (inside, behind) = line.strip_prefix('[')?.split_once(']')?;
        if let Some(ms) = stamp::parse(inside, self.dialect) {
            return Some((Bracket::Stamp(ms), behind));
        }
        let (name, value) = inside.split_once(':')?;
        if let Some(name) = TAGS.iter().find(|tag| tag.eq_ignore_ascii_case(name.trim())) {
            return Some((Bracket::Tag(name, value.trim()), behind));
        }
        // `[01:2x.00]` was meant as a stamp; `[2 times: all]` was not.
        let meant =
            inside.len() <= 12 && inside.starts_with(|c: char| c.is_ascii_digit()) && !inside.contains(' ');
        meant.then_some((Bracket::Damaged, behind))
    }

    /// Cuts a line at the stamps inside it: its text, its pieces if it has any, and when it is over.
    fn pieces(&self, line: &str, start: Option<u64>) -> (String, Vec<Word>, Option<u64>) {
        let mut cuts: Vec<(Option<u64>, &str)> = Vec::new();
        let (mut since, mut from, mut at) = (None, 0, 0);
        while let Some(found) = line[at..].find(['<', '[']).map(|i| i + at) {
            match self.stamp_at(&line[found..]) {
                // Without a fraction, `[10:30]` within a line is a time that is sung of.
                Some((ms, length))
                    if line[found..].starts_with('<') || line[found..found + length].contains(['.', ',']) =>
                {
                    cuts.push((since, &line[from..found]));
                    (since, from, at) = (Some(ms), found + length, found + length);
                }
                _ => at = found + 1,
            }
        }
        if since.is_none() {
            return (line.chars().take(MAX_LINE_CHARS).collect(), Vec::new(), None);
        }
        cuts.push((since, &line[from..]));
        let end = cuts.last().filter(|(_, piece)| piece.trim().is_empty()).and_then(|(ms, _)| *ms);
        let begin = start.or_else(|| cuts.iter().find_map(|(ms, _)| *ms)).unwrap_or_default();
        let words = join(&cuts, begin);
        (words.iter().map(|w| w.text.as_str()).collect(), words, end)
    }

    /// The same, where what is left of a line reads like a stamp or a tag once more: that is taken out too.
    fn settled(&self, line: &str, start: Option<u64>) -> (String, Vec<Word>, Option<u64>) {
        let (mut text, mut words, end) = self.pieces(line, start);
        loop {
            let left = match self.bracket(&text) {
                Some((_, behind)) => behind.trim().to_owned(),
                None => self.pieces(&text, None).0,
            };
            let left = without_marks(&left).to_owned();
            if left == text {
                return (text, words, end);
            }
            words.truncate(1);
            words.retain(|_| !left.is_empty());
            words.iter_mut().for_each(|word| word.text.clone_from(&left));
            text = left;
        }
    }

    fn stamp_at(&self, text: &str) -> Option<(u64, usize)> {
        let close = if text.starts_with('<') { b'>' } else { b']' };
        // No further: a line of brackets that never close would be searched to its end for each of them.
        let length = text.bytes().take(LONGEST_STAMP).position(|byte| byte == close)?;
        Some((stamp::parse(&text[1..length], self.dialect)?, length + 1))
    }

    fn finish(mut self) -> Parsed {
        if self.lines.is_empty() {
            let lyrics = Lyrics::plain(self.plain.into_iter().map(|(_, text)| text));
            return Parsed { lyrics, unread: self.unread };
        }
        // Before the first stamp stands what a person wrote about the song.
        self.unread.extend(self.plain.iter().filter(|(_, text)| !text.is_empty()).map(|(number, _)| number));
        self.unread.sort_unstable();
        self.unread.dedup();
        let offset = self.offset_ms;
        let moved = |ms: u64| ms.saturating_add_signed(offset.saturating_neg()).min(stamp::LATEST_MS);
        for line in &mut self.lines {
            line.start_ms = line.start_ms.map(moved);
            line.end_ms = line.end_ms.map(moved);
            line.words.iter_mut().for_each(|w| w.start_ms = moved(w.start_ms));
        }
        Parsed { lyrics: Lyrics::timed(self.lines), unread: self.unread }
    }
}

/// Whether a line is a heading, `[Chorus]` or `[Verse 2: Anna]`: a few words in brackets, and nothing else.
fn is_heading(line: &str) -> bool {
    let inside = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inside.is_some_and(|inside| {
        let is_mark = inside.starts_with("bg:") || inside.contains(['[', ']']);
        !is_mark && inside.chars().count() <= 40 && inside.starts_with(char::is_alphabetic)
    })
}

/// A line's text without what is not sung, where stamps stood before it.
fn without_marks(text: &str) -> &str {
    let inside = text.strip_prefix("[bg:").and_then(|inside| inside.strip_suffix(']'));
    match inside {
        Some(inside) => inside.trim(),
        None if is_heading(text) => "",
        None => without_voice(text).trim(),
    }
}

/// A line without the mark of who sings it (`v1:`, `v2:`), as some programs write it.
fn without_voice(line: &str) -> &str {
    let rest = line.strip_prefix('v').and_then(|rest| rest.split_once(':'));
    match rest {
        Some((number, sung)) if number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit()) => sung,
        _ => line,
    }
}

/// What is sung in the background stands in parentheses.
fn in_parentheses(text: &mut String, words: &mut [Word]) {
    *text = format!("({text})");
    if let Some(first) = words.first_mut() {
        first.text.insert(0, '(');
    }
    if let Some(last) = words.last_mut() {
        last.text.push(')');
    }
}

/// Pieces with single spaces between them, each space behind the word in front of it; empty ones go.
fn join(cuts: &[(Option<u64>, &str)], begin: u64) -> Vec<Word> {
    let (mut words, mut left): (Vec<Word>, usize) = (Vec::new(), MAX_LINE_CHARS);
    for (ms, piece) in cuts {
        if let Some(before) = words.last_mut()
            && piece.starts_with(' ')
            && !before.text.ends_with(' ')
        {
            before.text.push(' ');
        }
        let text: String = piece.trim_start().chars().take(left).collect();
        left -= text.chars().count();
        if !text.is_empty() {
            words.push(Word { start_ms: ms.unwrap_or(begin), text });
        }
    }
    if let Some(last) = words.last_mut() {
        last.text.truncate(last.text.trim_end().len());
    }
    words
}
