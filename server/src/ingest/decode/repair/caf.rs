//! CAF whose sound has no size, or a wrong one; what does not describe the sound is left out.

use super::sizes::{MAX_CHUNKS, sound_size};
use crate::ingest::decode::bytes::{Bytes, Chunk};
use crate::ingest::decode::view::Piece;

/// The chunks that a decoder needs, and the sound with its true size.
pub(super) fn pieces(bytes: &mut Bytes<'_>, start: u64) -> Option<Vec<Piece>> {
    let mut pieces = vec![Piece::File(start..start + 8)];
    let (mut at, mut has_sound) = (start + 8, false);
    for _ in 0..MAX_CHUNKS {
        let Some(chunk) = chunk(bytes, at) else { break };
        match &chunk.id {
            b"data" if !has_sound => {
                let size = sound_size(chunk.size, chunk.body, bytes.len());
                let mut head = b"data".to_vec();
                head.extend(size.to_be_bytes());
                let end = chunk.body.saturating_add(size).min(bytes.len());
                pieces.extend([Piece::Bytes(head), Piece::File(chunk.body..end)]);
                (has_sound, at) = (true, end);
                continue;
            }
            b"desc" | b"chan" | b"kuki" | b"pakt" => {
                let end = chunk.body.saturating_add(chunk.size).min(bytes.len());
                pieces.push(Piece::File(at..end));
            }
            _ => {}
        }
        at = chunk.body.checked_add(chunk.size)?;
    }
    has_sound.then_some(pieces)
}

/// A size of −1: to the end of the file.
fn chunk(bytes: &mut Bytes<'_>, at: u64) -> Option<Chunk> {
    let head = bytes.at(at, 12)?;
    let size = i64::from_be_bytes(head[4..].try_into().ok()?);
    let size = u64::try_from(size).unwrap_or(u64::MAX / 2);
    Some(Chunk { id: head[..4].try_into().ok()?, body: at + 12, size })
}
