//! MP4 whose metadata boxes are damaged: they are made free space, and boxes that reach beyond their parent end there.

use super::sizes::MAX_CHUNKS;
use crate::ingest::decode::bytes::Bytes;
use crate::ingest::decode::view::Piece;

/// The file with the metadata's boxes renamed; none where there is nothing to change.
pub(super) fn pieces(bytes: &mut Bytes<'_>, start: u64) -> Option<Vec<Piece>> {
    let mut patches = Vec::new();
    let end = bytes.len();
    let mut budget = MAX_CHUNKS;
    walk(bytes, start, end, 0, &mut patches, &mut budget);
    if patches.is_empty() && start == 0 {
        return None;
    }
    let mut pieces = Vec::new();
    let mut at = start;
    for (place, patch) in patches {
        let after = place + patch.len() as u64;
        pieces.extend([Piece::File(at..place), Piece::Bytes(patch)]);
        at = after;
    }
    pieces.push(Piece::File(at..end));
    Some(pieces)
}

/// Visits the boxes from `start` to `end`, in order.
fn walk(
    bytes: &mut Bytes<'_>,
    start: u64,
    end: u64,
    depth: u32,
    patches: &mut Vec<(u64, Vec<u8>)>,
    budget: &mut usize,
) {
    let mut at = start;
    while at + 8 <= end && *budget > 0 {
        *budget -= 1;
        let Some(head) = bytes.at(at, 8) else { return };
        let (Ok(size), kind) = (head[..4].try_into().map(u32::from_be_bytes), &head[4..]) else { return };
        let is_metadata = depth > 0 && matches!(kind, b"udta" | b"meta");
        // 1: the size follows, in 64 bits; 0: to the end of the file. Neither is of use to what lies in another box.
        let (body, stated) = match size {
            1 => match bytes.at(at + 8, 8).and_then(|b| b.try_into().ok()).map(u64::from_be_bytes) {
                Some(size) => (at + 16, size),
                None => return,
            },
            0 => (at + 8, end - at),
            size => (at + 8, u64::from(size)),
        };
        let fits = stated >= body - at && at.checked_add(stated).is_some_and(|next| next <= end);
        let next = if fits { at + stated } else { end };
        let open = size == 0 && depth > 0;
        if is_metadata {
            patches.push((at, boxed(next - at, *b"free")));
        } else if (open || !fits) && size != 1 {
            let Ok(kind) = kind.try_into() else { return };
            patches.push((at, boxed(next - at, kind)));
        }
        if !is_metadata && matches!(kind, b"moov" | b"trak") && depth < 4 {
            walk(bytes, body, next, depth + 1, patches, budget);
        }
        at = next;
    }
}

/// A box's head; a size beyond 32 bits is left open.
fn boxed(size: u64, kind: [u8; 4]) -> Vec<u8> {
    [u32::try_from(size).unwrap_or(0).to_be_bytes(), kind].concat()
}
