//! FLAC: its STREAMINFO and its frames, without other metadata, which may be damaged; and the last frame, where
//! something follows it.

use crate::ingest::decode::bytes::Bytes;
use crate::ingest::decode::view::Piece;

/// Metadata blocks that are looked at.
const MAX_BLOCKS: usize = 1000;
/// How much of a file is searched for a frame.
const SEARCH: u64 = 64 << 20;
/// The last frame lies within so many bytes before the end.
const TAIL: u64 = 4 << 20;

/// STREAMINFO, and everything from the first frame on.
pub(super) fn pieces(bytes: &mut Bytes<'_>, start: u64) -> Option<Vec<Piece>> {
    let mut info = bytes.at(start + 8, 34)?;
    // STREAMINFO is the first block, always.
    if bytes.at(start + 4, 1)?[0] & 0x7F != 0 {
        return None;
    }
    let smallest = u16::from_be_bytes([info[0], info[1]]);
    let largest = u16::from_be_bytes([info[2], info[3]]);
    if smallest < 16 || smallest > largest {
        // Encoders that do not know leave it open; a fixed size is the most that the rest allows to say.
        let size = if largest >= 16 { largest } else { u16::MAX };
        let fixed = first_frame(bytes, start + 42)?.1 & 1 == 0;
        let smallest = if fixed { size } else { 16 };
        info[..2].copy_from_slice(&smallest.to_be_bytes());
        info[2..4].copy_from_slice(&size.to_be_bytes());
    }
    let first = frames_after_blocks(bytes, start).or_else(|| Some(first_frame(bytes, start + 42)?.0))?;
    let mut head = b"fLaC\x80\x00\x00\x22".to_vec();
    head.extend(info);
    Some(vec![Piece::Bytes(head), Piece::File(first..bytes.len())])
}

/// Where the metadata blocks lead to, if that is a frame.
fn frames_after_blocks(bytes: &mut Bytes<'_>, start: u64) -> Option<u64> {
    let mut at = start + 4;
    for _ in 0..MAX_BLOCKS {
        let head = bytes.at(at, 4)?;
        at += 4 + u64::from(u32::from_be_bytes([0, head[1], head[2], head[3]]));
        if head[0] & 0x80 != 0 {
            break;
        }
    }
    let head = bytes.up_to(at, 16);
    header(&head).filter(|found| found.number == 0).map(|_| at)
}

/// The first frame from `start` on that is number 0, and the byte that says whether its size is fixed.
fn first_frame(bytes: &mut Bytes<'_>, start: u64) -> Option<(u64, u8)> {
    let mut at = start;
    while at < bytes.len().min(start + SEARCH) {
        let block = bytes.up_to(at, (1 << 16) + 16);
        let places = block.len().saturating_sub(16).max(1);
        let found = (0..places).find(|place| header(&block[*place..]).is_some_and(|found| found.number == 0));
        if let Some(place) = found {
            return Some((at + place as u64, block[place + 1]));
        }
        if block.len() <= 16 {
            return None;
        }
        at += places as u64;
    }
    None
}

/// The bytes from the frame on that begins with `frames` frames decoded, or `samples` samples: the last one, which
/// a demuxer does not give out where something else than a frame follows it.
pub(crate) fn last_frame(file: &mut std::fs::File, frames: u64, samples: u64) -> Option<Vec<u8>> {
    let mut bytes = Bytes::new(file).ok()?;
    let from = bytes.len().saturating_sub(TAIL);
    let tail = bytes.up_to(from, TAIL);
    let is_it = |place: &usize| {
        let found = header(&tail[*place..]);
        found.is_some_and(|h| h.number == if h.is_fixed { frames } else { samples } && h.number > 0)
    };
    let place = (0..tail.len()).find(is_it)?;
    Some(tail[place..].to_vec())
}

/// What a frame's header says.
struct Header {
    is_fixed: bool,
    /// Of the frame where sizes are fixed, else of its first sample.
    number: u64,
}

/// Reads a frame's header (RFC 9639, section 9.1); none where there is none, by its checksum.
fn header(bytes: &[u8]) -> Option<Header> {
    let (&[first, second, sizes, form], rest) = bytes.split_first_chunk::<4>()?;
    if first != 0xFF || second & 0xFE != 0xF8 || form & 1 != 0 || sizes >> 4 == 0 || sizes & 0xF == 0xF {
        return None;
    }
    // The number is coded as UTF-8 is, up to 36 bits of it.
    let lead = *rest.first()?;
    let more = match lead.leading_ones() {
        0 => 0,
        ones @ 2..=7 => ones as usize - 1,
        _ => return None,
    };
    let low = if more == 0 { lead } else { lead & (0x7F >> (more + 1)) };
    let mut number = u64::from(low);
    for byte in rest.get(1..=more)? {
        if byte >> 6 != 0b10 {
            return None;
        }
        number = (number << 6) | u64::from(byte & 0x3F);
    }
    let size = match sizes >> 4 {
        6 => 1,
        7 => 2,
        _ => 0,
    };
    let rate = match sizes & 0xF {
        12 => 1,
        13 | 14 => 2,
        _ => 0,
    };
    let length = 4 + 1 + more + size + rate;
    let checksum = *bytes.get(length)?;
    (crc8(bytes.get(..length)?) == checksum).then_some(Header { is_fixed: second & 1 == 0, number })
}

/// CRC-8 with polynomial x⁸ + x² + x + 1.
fn crc8(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ byte, |crc: u8, _| if crc & 0x80 != 0 { (crc << 1) ^ 7 } else { crc << 1 })
    })
}
