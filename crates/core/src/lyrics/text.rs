//! Bytes that claim to be text: what they say, and what of that may be shown.

/// How the text in a frame or a file is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Windows-1252, which holds Latin-1.
    Latin,
    /// UTF-16, the low byte first.
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
    /// UTF-8.
    Utf8,
}

/// The text of a file, whatever editor wrote it, in whatever part of the world; `None` when it is no text.
pub fn of_file(bytes: &[u8]) -> Option<String> {
    let text = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => decode(rest, Coding::Utf8),
        [0xFF, 0xFE, rest @ ..] => decode(rest, Coding::Utf16Le),
        [0xFE, 0xFF, rest @ ..] => decode(rest, Coding::Utf16Be),
        _ if bytes.contains(&0) => decode(bytes, wide(bytes)?),
        _ if is_utf8(bytes) => decode(bytes, Coding::Utf8),
        _ => guessed(bytes),
    };
    (!text.contains('\0')).then_some(text)
}

/// Without a byte order mark: the zeros are in the high bytes of what is ASCII, line breaks at least.
fn wide(bytes: &[u8]) -> Option<Coding> {
    let zeros = |parity: usize| bytes.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    match (zeros(0), zeros(1)) {
        (even, odd) if !bytes.len().is_multiple_of(2) || even == odd => None,
        (even, odd) => Some(if odd > even { Coding::Utf16Le } else { Coding::Utf16Be }),
    }
}

/// Whether it is UTF-8, of which a few bytes may be damaged: most of what is not ASCII makes sense in it.
fn is_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    bad == 0 || good >= 4 * bad
}

/// The text in the legacy encoding that it most likely has, by what browsers detect (`chardetng`).
fn guessed(bytes: &[u8]) -> String {
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    let encoding = detector.guess(None, chardetng::Utf8Detection::Deny);
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// The text in a coding; what makes no sense becomes U+FFFD.
pub fn decode(bytes: &[u8], coding: Coding) -> String {
    let encoding = match coding {
        Coding::Utf8 => encoding_rs::UTF_8,
        Coding::Utf16Le => encoding_rs::UTF_16LE,
        Coding::Utf16Be => encoding_rs::UTF_16BE,
        Coding::Latin => encoding_rs::WINDOWS_1252,
    };
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

/// One line as it may be shown: without control characters and without marks that turn the text around; spaces
/// are single, and none is at the ends.
pub fn clean(line: &str) -> String {
    let spaced: String =
        line.chars().filter(|c| !turns(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn turns(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}
