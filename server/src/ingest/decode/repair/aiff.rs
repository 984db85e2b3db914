//! AIFF and AIFC with sizes that are wrong or were never filled in, and sound that begins at an offset.

use super::sizes::{MAX_CHUNKS, MAX_HEADER, sound_size};
use crate::ingest::decode::bytes::Bytes;
use crate::ingest::decode::view::Piece;

/// A header of our own, and the sound.
pub(super) fn pieces(bytes: &mut Bytes<'_>, start: u64) -> Option<Vec<Piece>> {
    let form = bytes.at(start + 8, 4)?;
    if ![&b"AIFF"[..], b"AIFC"].contains(&&form[..]) {
        return None;
    }
    let (mut at, mut common, mut sound) = (start + 12, None, None);
    for _ in 0..MAX_CHUNKS {
        let Some(chunk) = bytes.chunk(at, true) else { break };
        match &chunk.id {
            b"COMM" => common = Some(bytes.up_to(chunk.body, chunk.size.min(MAX_HEADER))),
            b"SSND" => {
                let head = bytes.at(chunk.body, 8)?;
                let offset = u64::from(u32::from_be_bytes(head[..4].try_into().ok()?));
                let body = Some(chunk.body + 8 + offset).filter(|body| *body < bytes.len());
                let body = body.unwrap_or(chunk.body + 8);
                let stated = match chunk.size {
                    0 => 0,
                    size => size.saturating_sub(body - chunk.body),
                };
                sound = Some((body, sound_size(stated, body, bytes.len())));
            }
            _ => {}
        }
        at = chunk.next()?;
    }
    let ((body, size), mut common) = (sound?, common.filter(|common| common.len() >= 18)?);
    fill_frames(&mut common, size);
    let mut out = b"FORM".to_vec();
    let whole = 4 + 8 + common.len() as u64 + common.len() as u64 % 2 + 8 + 8 + size;
    out.extend(u32::try_from(whole).unwrap_or(u32::MAX).to_be_bytes());
    out.extend(&form);
    out.extend(b"COMM");
    out.extend((common.len() as u32).to_be_bytes());
    out.extend(&common);
    out.resize(out.len() + common.len() % 2, 0);
    out.extend(b"SSND");
    out.extend(u32::try_from(size + 8).unwrap_or(u32::MAX).to_be_bytes());
    out.extend([0; 8]);
    Some(vec![Piece::Bytes(out), Piece::File(body..body.saturating_add(size).min(bytes.len()))])
}

/// A number of frames that was never filled in follows from the sound's size.
fn fill_frames(common: &mut [u8], size: u64) {
    let number = |at: usize| u64::from(u16::from_be_bytes([common[at], common[at + 1]]));
    let frame = number(0) * number(6).div_ceil(8);
    let stated = u32::from_be_bytes([common[2], common[3], common[4], common[5]]);
    if (stated == 0 || stated == u32::MAX) && frame > 0 {
        let frames = u32::try_from(size / frame).unwrap_or(u32::MAX);
        common[2..6].copy_from_slice(&frames.to_be_bytes());
    }
}
