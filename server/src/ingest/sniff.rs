//! Recognises by their first bytes the files that people upload by mistake, or that cannot be decoded.

use super::IngestError;

/// Magic numbers of what is certainly no sound.
const NOT_AUDIO: &[(&[u8], &str)] = &[
    (b"\xFF\xD8\xFF", "a JPEG picture"),
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1F\x8B", "a gzip archive"),
    (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x7FELF", "a program"),
    (b"MZ", "a program"),
    (b"MThd", "a MIDI file, which holds notes"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"{\\rtf", "a text document"),
    (b"SQLite format 3", "a database"),
];

/// Magic numbers of sound that cannot be decoded here: container and codec.
const UNSUPPORTED: &[(&[u8], &str, &str)] = &[
    (b"\x30\x26\xB2\x75\x8E\x66\xCF\x11", "WMA or WMV file", "Windows Media"),
    (b"wvpk", "WavPack file", "WavPack"),
    (b"MAC ", "APE file", "Monkey's Audio"),
    (b"MPCK", "MPC file", "Musepack"),
    (b"MP+", "MPC file", "Musepack"),
    (b"TTA1", "TTA file", "True Audio"),
    (b"FLV\x01", "FLV file", "Flash video"),
    (b"#!AMR", "AMR file", "AMR speech"),
    (b"DSD ", "DSF file", "DSD"),
    (b"FRM8", "DFF file", "DSD"),
    (b"ADIF", "AAC file", "AAC without packet headers (ADIF)"),
    (b".snd", "AU file", "Sun audio"),
];

/// Refuses a file by its first bytes (a few hundred are enough).
///
/// # Errors
/// `Empty`, `NotAudio` or `Unsupported`; what is not recognised passes.
pub fn refuse(head: &[u8]) -> Result<(), IngestError> {
    if head.is_empty() {
        return Err(IngestError::Empty);
    }
    if let Some((_, what)) = NOT_AUDIO.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(IngestError::NotAudio(what));
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Err(IngestError::NotAudio("a WebP picture"));
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"AVI ") {
        return Err(IngestError::Unsupported { container: "AVI file", codec: "old video".into() });
    }
    if let Some((_, container, codec)) = UNSUPPORTED.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Err(IngestError::Unsupported { container, codec: (*codec).into() });
    }
    if is_text(head) {
        return Err(IngestError::NotAudio("a text"));
    }
    Ok(())
}

fn is_text(head: &[u8]) -> bool {
    // A multi-byte character may be cut at the end of what was read.
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !["fLaC", "OggS", "ID3", "RIFF", "FORM", "caff"].iter().any(|magic| valid.starts_with(magic))
        && !valid.is_empty()
        && valid.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t'))
}

/// The media type of a picture that browsers can show, by its bytes; `None` for anything else.
pub fn picture(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_it_refuses() {
        assert!(matches!(refuse(b""), Err(IngestError::Empty)));
        assert!(matches!(refuse(b"\xFF\xD8\xFF\xE0abc"), Err(IngestError::NotAudio("a JPEG picture"))));
        assert!(matches!(refuse("Zeile\nzwei ü".as_bytes()), Err(IngestError::NotAudio("a text"))));
        assert!(matches!(refuse(b"wvpk1234"), Err(IngestError::Unsupported { .. })));
        assert!(refuse(b"\xFF\xFB\x90\x00").is_ok());
        assert!(refuse(b"RIFF\x24\0\0\0WAVEfmt ").is_ok());
    }
}
