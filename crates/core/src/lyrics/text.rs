//! Bytes that claim to be text: what they say, and what of that may be shown.

/// The bytes 0x80 to 0x9F in Windows-1252; the rest of it is Latin-1.
const WINDOWS: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

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

/// The text of a file, whatever editor wrote it; `None` when it is no text.
pub fn of_file(bytes: &[u8]) -> Option<String> {
    let (coding, bytes) = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => (Coding::Utf8, rest),
        [0xFF, 0xFE, rest @ ..] => (Coding::Utf16Le, rest),
        [0xFE, 0xFF, rest @ ..] => (Coding::Utf16Be, rest),
        _ if std::str::from_utf8(bytes).is_ok() => (Coding::Utf8, bytes),
        _ => (Coding::Latin, bytes),
    };
    let text = decode(bytes, coding);
    (!text.contains('\0')).then_some(text)
}

/// The text in a coding; what makes no sense becomes U+FFFD.
pub fn decode(bytes: &[u8], coding: Coding) -> String {
    let units = |unit: fn([u8; 2]) -> u16| -> String {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match coding {
        Coding::Utf8 => String::from_utf8_lossy(bytes).into_owned(),
        Coding::Utf16Le => units(u16::from_le_bytes),
        Coding::Utf16Be => units(u16::from_be_bytes),
        Coding::Latin => bytes.iter().map(|byte| windows(*byte)).collect(),
    }
}

fn windows(byte: u8) -> char {
    let high = (0x80..0xA0).contains(&byte).then(|| WINDOWS.chars().nth(usize::from(byte) - 0x80)).flatten();
    high.unwrap_or(char::from(byte))
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
