//! Title, artist, album, lyrics and cover of an upload, made safe to show.

use super::sniff;
use karaoke_core::lyrics::Lyrics;

/// Longest line of text kept, in characters.
const MAX_CHARS: usize = 300;
/// Longest lyrics kept, in characters: with a stamp on every word they are long.
const MAX_LYRICS: usize = 200_000;
/// Largest cover kept, in bytes.
const MAX_COVER: usize = 10 << 20;

/// What a file says about itself; every field may be missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tags {
    /// The song's title.
    pub title: Option<String>,
    /// Who performs it.
    pub artist: Option<String>,
    /// Who the album is by; a stand-in where no artist is given.
    pub album_artist: Option<String>,
    /// The album's title.
    pub album: Option<String>,
    /// Lyrics, in time where some tag has them so.
    pub lyrics: Option<Lyrics>,
    /// The front cover, or else the first picture.
    pub cover: Option<Cover>,
}

/// A picture that browsers can show.
#[derive(Clone, PartialEq)]
pub struct Cover {
    /// Its media type, found from its bytes: JPEG, PNG, WebP or GIF.
    pub mime: &'static str,
    /// The picture file, at most 10 MB.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Cover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cover({}, {} bytes)", self.mime, self.bytes.len())
    }
}

/// One line: control characters become spaces, runs of space one, at most 300 characters.
pub(super) fn clean(raw: &str) -> Option<String> {
    let spaced: String =
        raw.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !invisible(*c)).collect();
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let line: String = words.join(" ").chars().take(MAX_CHARS).collect();
    (!line.is_empty()).then(|| line.trim_end().to_owned())
}

/// Several lines: only line breaks are kept of the control characters.
pub(super) fn text(raw: &str) -> Option<String> {
    let lines = raw.replace("\r\n", "\n").replace('\r', "\n");
    let kept = lines.chars().filter(|c| *c == '\n' || !(c.is_control() || invisible(*c)));
    let text: String = kept.take(MAX_LYRICS).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Marks that turn the direction of text around and could disguise what it says.
fn invisible(c: char) -> bool {
    matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// A cover from the bytes of an embedded picture; `None` if it is too large or of another kind.
pub(super) fn cover(bytes: &[u8]) -> Option<Cover> {
    let mime = sniff::picture(bytes)?;
    (bytes.len() <= MAX_COVER).then(|| Cover { mime, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_made_safe() {
        assert_eq!(clean("  A\u{0}\tb\u{202E}c \n"), Some("A bc".into()));
        assert_eq!(clean("\u{1} \n"), None);
        assert_eq!(clean(&"é".repeat(400)).unwrap().chars().count(), 300);
        assert_eq!(text("one\r\ntwo\u{7}\n"), Some("one\ntwo".into()));
    }

    #[test]
    fn covers_are_known_by_their_bytes() {
        assert_eq!(cover(b"\xFF\xD8\xFF\xE0").unwrap().mime, "image/jpeg");
        assert_eq!(cover(b"<svg onload='x'>"), None);
        assert_eq!(cover(&[&b"\x89PNG\r\n\x1a\n"[..], &vec![0; MAX_COVER]].concat()), None);
    }
}
