//! WAV and its large relatives (RF64, BW64, Sony's Wave64) as a plain WAV: the format and the sound.

use super::sizes::{MAX_CHUNKS, MAX_HEADER, sound_size};
use crate::ingest::decode::bytes::{Bytes, Chunk};
use crate::ingest::decode::view::Piece;

/// How Wave64's identifiers of `riff` and of all others go on.
const W64_RIFF: &[u8] = b"riff\x2E\x91\xCF\x11\xA5\xD6\x28\xDB\x04\xC1\x00\x00";
const W64_REST: &[u8] = b"\xF3\xAC\xD3\x11\x8C\xD1\x00\xC0\x4F\x8E\xDB\x8A";

/// A WAV header of our own, and the sound.
pub(super) fn pieces(bytes: &mut Bytes<'_>, start: u64) -> Option<Vec<Piece>> {
    let is_w64 = bytes.at(start, 16)?.starts_with(W64_RIFF);
    let (mut at, mut large) = (start + if is_w64 { 40 } else { 12 }, None);
    if !is_w64 && &bytes.at(start + 8, 4)?[..] != b"WAVE" {
        return None;
    }
    let mut kept = Vec::new();
    for _ in 0..MAX_CHUNKS {
        let chunk = if is_w64 { w64_chunk(bytes, at)? } else { bytes.chunk(at, false)? };
        match &chunk.id {
            // RF64: the sizes that do not fit into 32 bits; that of the sound is the second.
            b"ds64" if !is_w64 => {
                large = bytes.at(chunk.body + 8, 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
            }
            b"fmt " | b"fact" if kept.len() < 1 << 17 => {
                let body = bytes.up_to(chunk.body, chunk.size.min(MAX_HEADER));
                // A `fact` that is too short to count anything is left out.
                if &chunk.id == b"fmt " || body.len() >= 4 {
                    write_chunk(&mut kept, chunk.id, &body);
                }
            }
            b"data" => {
                let stated = match large.filter(|_| chunk.size == u64::from(u32::MAX)) {
                    Some(large) => large,
                    None => chunk.size,
                };
                let size = sound_size(stated, chunk.body, bytes.len());
                return Some(vec![
                    Piece::Bytes(header(kept, size)?),
                    Piece::File(chunk.body..chunk.body.saturating_add(size).min(bytes.len())),
                ]);
            }
            _ => {}
        }
        at = if is_w64 {
            chunk.body.checked_add(chunk.size.checked_next_multiple_of(8)?)?
        } else {
            chunk.next()?
        };
    }
    None
}

/// Wave64: 16 bytes of identifier, 8 of size, which counts both.
fn w64_chunk(bytes: &mut Bytes<'_>, at: u64) -> Option<Chunk> {
    let head = bytes.at(at, 24)?;
    let id = head[..4].try_into().ok()?;
    let size = u64::from_le_bytes(head[16..].try_into().ok()?);
    let is_known = &head[4..16] == W64_REST;
    Some(Chunk { id: if is_known { id } else { *b"????" }, body: at + 24, size: size.saturating_sub(24) })
}

fn write_chunk(out: &mut Vec<u8>, id: [u8; 4], body: &[u8]) {
    out.extend(id);
    out.extend((body.len() as u32).to_le_bytes());
    out.extend(body);
    out.resize(out.len() + body.len() % 2, 0);
}

/// Sizes beyond 32 bits are left open, as a stream's are.
fn header(kept: Vec<u8>, size: u64) -> Option<Vec<u8>> {
    if !kept.windows(4).any(|window| window == b"fmt ") {
        return None;
    }
    let whole = size.checked_add(kept.len() as u64 + 12)?;
    let open = |size: u64| u32::try_from(size).unwrap_or(u32::MAX);
    let mut out = b"RIFF".to_vec();
    out.extend(open(whole).to_le_bytes());
    out.extend(b"WAVE");
    out.extend(kept);
    out.extend(b"data");
    out.extend(if open(whole) == u32::MAX { u32::MAX } else { size as u32 }.to_le_bytes());
    Some(out)
}
