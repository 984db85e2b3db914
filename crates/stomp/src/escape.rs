//! The escapes of header names and values: `\r`, `\n`, `\c` and `\\`.

use crate::Error;
use bytes::{BufMut, BytesMut};

/// Appends the text with its line breaks, colons and backslashes escaped.
pub(crate) fn escape(text: &str, out: &mut BytesMut) {
    for part in text.as_bytes().split_inclusive(|b| escaped(*b).is_some()) {
        match part.split_last().map(|(last, rest)| (rest, escaped(*last))) {
            Some((rest, Some(letter))) => {
                out.put_slice(rest);
                out.put_slice(&[b'\\', letter]);
            }
            _ => out.put_slice(part),
        }
    }
}

fn escaped(byte: u8) -> Option<u8> {
    match byte {
        b'\r' => Some(b'r'),
        b'\n' => Some(b'n'),
        b':' => Some(b'c'),
        b'\\' => Some(b'\\'),
        _ => None,
    }
}

/// The text that was escaped. Any other escape is fatal, as the specification demands.
pub(crate) fn unescape(text: &str) -> Result<String, Error> {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split('\\');
    out.push_str(parts.next().unwrap_or_default());
    while let Some(part) = parts.next() {
        let mut letters = part.chars();
        match letters.next() {
            Some('r') => out.push('\r'),
            Some('n') => out.push('\n'),
            Some('c') => out.push(':'),
            // Two backslashes: between them is nothing, and what follows the second one stands for itself.
            None => {
                out.push('\\');
                out.push_str(parts.next().ok_or_else(|| unknown(text))?);
            }
            Some(_) => return Err(unknown(text)),
        }
        out.push_str(letters.as_str());
    }
    Ok(out)
}

fn unknown(text: &str) -> Error {
    Error::frame(format!("an unknown escape in {}", crate::quoted::quoted(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_back() {
        for (plain, wire) in [("", ""), ("a:b", "a\\cb"), ("\\c", "\\\\c"), ("\r\n:\\", "\\r\\n\\c\\\\")] {
            let mut out = BytesMut::new();
            escape(plain, &mut out);
            assert_eq!(out, wire.as_bytes());
            assert_eq!(unescape(wire).unwrap(), plain);
        }
    }

    #[test]
    fn unknown_escapes_are_fatal() {
        for wire in ["\\t", "a\\", "\\\\\\", "\\ ", "\\C", "\\é"] {
            assert!(matches!(unescape(wire), Err(Error::Frame(_))), "{wire}");
        }
    }
}
