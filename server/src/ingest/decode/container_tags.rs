//! Titles, artists and albums where symphonia does not look for them: in the chunks of WAV, AIFF and CAF, in the boxes of
//! QuickTime, and in the title of a Matroska segment.

use super::bytes::Bytes;
use karaoke_core::lyrics::text::of_file;
use std::fs::File;
use std::ops::Range;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Title,
    Artist,
    Album,
}

/// Chunks, boxes and elements looked at, so that a maze of empty ones ends.
const MOST: u32 = 10_000;
/// Longest text that is read, in bytes.
const LONGEST: u64 = 1 << 16;

/// Whether a file is AIFF or AIFC.
pub(super) fn is_aiff(file: &mut File) -> bool {
    Bytes::new(file).is_ok_and(|mut bytes| bytes.up_to(0, 4) == b"FORM")
}

/// The texts that a file's container holds, in their order.
pub(super) fn read(file: &mut File) -> Vec<(Name, String)> {
    let mut found = Vec::new();
    if let Ok(mut bytes) = Bytes::new(file) {
        let head = bytes.up_to(0, 12);
        let end = bytes.len();
        let mut budget = MOST;
        let _ = match head.get(..4) {
            Some(b"RIFF" | b"RF64" | b"BW64") => riff(&mut bytes, end, &mut budget, &mut found),
            Some(b"FORM") => texts(&mut bytes, 12..end, true, &mut budget, &mut found),
            Some(b"caff") => caf(&mut bytes, end, &mut budget, &mut found),
            Some(b"\x1A\x45\xDF\xA3") => matroska(&mut bytes, 0, end, 0, &mut budget, &mut found),
            _ if head.get(4..8) == Some(b"ftyp") => quicktime(&mut bytes, 0, end, 0, &mut budget, &mut found),
            _ => None,
        };
    }
    found
}

type Found = Vec<(Name, String)>;

/// A text in whatever encoding its program wrote, up to the zero that may end it.
fn add(found: &mut Found, name: Name, raw: &[u8]) {
    let raw = raw.split(|byte| *byte == 0).next().unwrap_or_default();
    found.extend(of_file(raw).map(|text| (name, text)));
}

/// WAV's texts are in a chunk of their own.
fn riff(bytes: &mut Bytes<'_>, end: u64, budget: &mut u32, found: &mut Found) -> Option<()> {
    let mut at = 12;
    while at < end {
        *budget = budget.checked_sub(1)?;
        let chunk = bytes.chunk(at, false)?;
        if &chunk.id == b"LIST" && bytes.at(chunk.body, 4)? == b"INFO" {
            let end = (chunk.body + chunk.size).min(end);
            let _ = texts(bytes, chunk.body + 4..end, false, budget, found);
        }
        at = chunk.next()?;
    }
    Some(())
}

/// Texts that are chunks, of WAV's INFO or of AIFF.
fn texts(
    bytes: &mut Bytes<'_>,
    places: Range<u64>,
    is_big_endian: bool,
    budget: &mut u32,
    found: &mut Found,
) -> Option<()> {
    let mut at = places.start;
    while at < places.end {
        *budget = budget.checked_sub(1)?;
        let chunk = bytes.chunk(at, is_big_endian)?;
        let name = match &chunk.id {
            b"INAM" | b"NAME" => Some(Name::Title),
            b"IART" | b"AUTH" => Some(Name::Artist),
            b"IPRD" => Some(Name::Album),
            _ => None,
        };
        if let Some(name) = name {
            add(found, name, &bytes.up_to(chunk.body, chunk.size.min(LONGEST)));
        }
        at = chunk.next()?;
    }
    Some(())
}

/// CAF's `info`: pairs of texts, each ended by a zero.
fn caf(bytes: &mut Bytes<'_>, end: u64, budget: &mut u32, found: &mut Found) -> Option<()> {
    let mut at = 8;
    while at + 12 <= end {
        *budget = budget.checked_sub(1)?;
        let head = bytes.at(at, 12)?;
        let size = u64::try_from(i64::from_be_bytes(head[4..].try_into().ok()?)).ok()?;
        if &head[..4] == b"info" {
            let raw = bytes.up_to(at + 16, size.min(LONGEST));
            let texts: Vec<&[u8]> = raw.split(|byte| *byte == 0).collect();
            for pair in texts.chunks_exact(2) {
                let name = match pair[0] {
                    b"title" => Name::Title,
                    b"artist" => Name::Artist,
                    b"album" => Name::Album,
                    _ => continue,
                };
                add(found, name, pair[1]);
            }
        }
        at = at.checked_add(12)?.checked_add(size)?;
    }
    Some(())
}

/// QuickTime's own: boxes called `©nam` directly in `udta`, with a length and a language before the text.
fn quicktime(
    bytes: &mut Bytes<'_>,
    start: u64,
    end: u64,
    depth: u32,
    budget: &mut u32,
    found: &mut Found,
) -> Option<()> {
    let mut at = start;
    while at + 8 <= end {
        *budget = budget.checked_sub(1)?;
        let head = bytes.at(at, 8)?;
        let size = match u32::from_be_bytes(head[..4].try_into().ok()?) {
            0 => end - at,
            1 => u64::from_be_bytes(bytes.at(at + 8, 8)?.try_into().ok()?),
            size => u64::from(size),
        };
        let next = at.checked_add(size).filter(|next| size >= 8 && *next <= end)?;
        let name = match &head[4..] {
            b"moov" | b"udta" if depth < 2 => {
                quicktime(bytes, at + 8, next, depth + 1, budget, found);
                None
            }
            b"\xA9nam" => Some(Name::Title),
            b"\xA9ART" | b"\xA9art" => Some(Name::Artist),
            b"\xA9alb" => Some(Name::Album),
            _ => None,
        };
        if let Some(name) = name {
            let raw = bytes.up_to(at + 8, (size - 8).min(LONGEST));
            let length = raw.first_chunk::<2>().map_or(0, |raw| usize::from(u16::from_be_bytes(*raw)));
            if let Some(text) = raw.get(4..4 + length) {
                add(found, name, text);
            }
        }
        at = next;
    }
    Some(())
}

/// The title of a segment: Segment, Info, Title.
fn matroska(
    bytes: &mut Bytes<'_>,
    start: u64,
    end: u64,
    depth: u32,
    budget: &mut u32,
    found: &mut Found,
) -> Option<()> {
    let mut at = start;
    while at < end {
        *budget = budget.checked_sub(1)?;
        let element = bytes.element(at, end)?;
        match (depth, element.id) {
            (0, 0x1853_8067) => return matroska(bytes, element.body, element.end, 1, budget, found),
            (1, 0x1549_A966) => return matroska(bytes, element.body, element.end, 2, budget, found),
            (2, 0x7BA9) => {
                let length = (element.end - element.body).min(LONGEST);
                add(found, Name::Title, &bytes.up_to(element.body, length));
            }
            _ if element.is_open => return Some(()),
            _ => {}
        }
        at = element.end;
    }
    Some(())
}
