//! What symphonia leaves out of MP4: the edit list and iTunes' gapless numbers, which say where the sound
//! starts and ends inside its packets.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

/// One box may be read into memory only up to here.
const MAX_BOX: u64 = 1 << 20;
/// Boxes looked at in all, so that a maze of empty ones ends.
const MAX_BOXES: u32 = 20_000;

/// The sound's place in the packets of one track, in units of `timescale`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    /// Units per second of the track's own clock.
    pub timescale: u32,
    /// Units to drop at the start.
    pub start: u64,
    /// Units to keep after that, if the file tells.
    pub length: Option<u64>,
}

#[derive(Default)]
struct Trak {
    id: u32,
    timescale: u64,
    /// Sum of all sample durations.
    total: Option<u64>,
    /// (duration in the movie's clock, start in the track's clock) of each non-empty edit.
    edits: Vec<(u64, u64)>,
}

#[derive(Default)]
struct Movie {
    timescale: u64,
    traks: Vec<Trak>,
    smpb: Option<(u64, u64)>,
    boxes: u32,
}

/// The edit of track `id` in an MP4 file; `None` if there is none or it is too odd to follow.
pub fn edit(path: &Path, id: u32) -> Option<Edit> {
    let mut file = File::open(path).ok()?;
    let end = file.seek(SeekFrom::End(0)).ok()?;
    let mut movie = Movie::default();
    walk(&mut file, 0, end, 0, &mut movie)?;
    let trak = movie.traks.iter().find(|t| t.id == id && t.timescale > 0)?;
    let whole = Edit { timescale: u32::try_from(trak.timescale).ok()?, start: 0, length: None };
    if let Some((start, length)) = movie.smpb.filter(|(start, length)| {
        trak.total.is_none_or(|total| start.saturating_add(*length) <= total + trak.timescale / 10)
            && *length > 0
    }) {
        return Some(Edit { start, length: Some(length), ..whole });
    }
    let [(duration, start)] = trak.edits[..] else { return None };
    // The edit's duration is in the movie's coarse clock: the samples' own sum is exact where they agree.
    let coarse = scale(duration, trak.timescale, movie.timescale);
    let grain = trak.timescale / movie.timescale.max(1) + 2;
    let exact = trak.total.map(|total| total.saturating_sub(start));
    let length = match (coarse, exact) {
        (Some(coarse), Some(exact)) if duration > 0 && coarse.abs_diff(exact) > grain => {
            Some(coarse.min(exact))
        }
        (_, exact) => exact.filter(|e| *e > 0),
    };
    Some(Edit { start, length, ..whole })
}

fn scale(value: u64, to: u64, from: u64) -> Option<u64> {
    u64::try_from((u128::from(value) * u128::from(to) + u128::from(from / 2)).checked_div(u128::from(from))?)
        .ok()
}

/// Visits the boxes of `start..end`; `None` when the file makes no sense.
fn walk(file: &mut File, start: u64, end: u64, depth: u32, movie: &mut Movie) -> Option<()> {
    let mut at = start;
    while at + 8 <= end {
        movie.boxes += 1;
        if movie.boxes > MAX_BOXES || depth > 8 {
            return None;
        }
        let mut head = [0; 16];
        file.seek(SeekFrom::Start(at)).ok()?;
        file.read_exact(&mut head[..8]).ok()?;
        let (mut size, mut body) = (u64::from(be32(&head, 0)?), at + 8);
        if size == 1 {
            file.read_exact(&mut head[8..]).ok()?;
            (size, body) = (be64(&head, 8)?, at + 16);
        } else if size == 0 {
            size = end - at;
        }
        // A box of no possible size: what stands before it still holds.
        let Some(next) = at.checked_add(size).filter(|next| *next >= body) else { return Some(()) };
        let next = next.min(end);
        let kind: [u8; 4] = head[4..8].try_into().ok()?;
        visit(file, kind, body, next, depth, movie)?;
        at = next;
    }
    Some(())
}

fn visit(file: &mut File, kind: [u8; 4], body: u64, end: u64, depth: u32, movie: &mut Movie) -> Option<()> {
    match &kind {
        b"moov" | b"mdia" | b"minf" | b"stbl" | b"edts" | b"udta" | b"ilst" => {
            return walk(file, body, end, depth + 1, movie);
        }
        b"trak" => {
            movie.traks.push(Trak::default());
            return walk(file, body, end, depth + 1, movie);
        }
        // A full box in MP4, a plain one in QuickTime; only the former holds iTunes' list.
        b"meta" if end >= body + 4 => return walk(file, body + 4, end, depth + 1, movie).or(Some(())),
        b"mvhd" | b"tkhd" | b"mdhd" | b"elst" | b"stts" | b"----" if end - body <= MAX_BOX => {}
        _ => return Some(()),
    }
    let mut bytes = vec![0; (end - body) as usize];
    file.seek(SeekFrom::Start(body)).ok()?;
    file.read_exact(&mut bytes).ok()?;
    let _ = note(kind, &bytes, movie);
    Some(())
}

/// Takes in one leaf box.
fn note(kind: [u8; 4], b: &[u8], movie: &mut Movie) -> Option<()> {
    let long = *b.first()? == 1;
    if &kind == b"mvhd" {
        movie.timescale = u64::from(be32(b, if long { 20 } else { 12 })?);
        return Some(());
    }
    if &kind == b"----" {
        movie.smpb = smpb(b).or(movie.smpb);
        return Some(());
    }
    let trak = movie.traks.last_mut()?;
    match &kind {
        b"tkhd" => trak.id = be32(b, if long { 20 } else { 12 })?,
        b"mdhd" => trak.timescale = u64::from(be32(b, if long { 20 } else { 12 })?),
        b"stts" => trak.total = Some(stts(b)?),
        b"elst" => {
            let step = if long { 20 } else { 12 };
            for entry in b.get(8..)?.chunks_exact(step).take(be32(b, 4)? as usize) {
                let (duration, start) = if long {
                    (be64(entry, 0)?, be64(entry, 8)? as i64)
                } else {
                    (u64::from(be32(entry, 0)?), i64::from(be32(entry, 4)? as i32))
                };
                // A start of −1 is an empty edit: it delays the picture's sound, and is no sound.
                trak.edits.extend(u64::try_from(start).ok().map(|start| (duration, start)));
            }
        }
        _ => {}
    }
    Some(())
}

fn stts(b: &[u8]) -> Option<u64> {
    let entries = b.get(8..)?.chunks_exact(8).take(be32(b, 4)? as usize);
    let mut durations = entries.map(|e| Some(u64::from(be32(e, 0)?) * u64::from(be32(e, 4)?)));
    durations.try_fold(0u64, |sum, duration| sum.checked_add(duration?))
}

/// iTunSMPB: " 00000000 00000840 000001CA 00000000003F31F6 …" — delay, padding, length, in hexadecimal.
fn smpb(b: &[u8]) -> Option<(u64, u64)> {
    let find = |needle: &[u8]| b.windows(needle.len()).position(|w| w == needle);
    find(b"iTunSMPB")?;
    let text = std::str::from_utf8(b.get(find(b"data")? + 12..)?).ok()?;
    let mut numbers = text.split_whitespace().skip(1).map(|n| u64::from_str_radix(n, 16).ok());
    let (delay, _padding, length) = (numbers.next()??, numbers.next()??, numbers.next()??);
    Some((delay, length))
}

fn be32(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(b.get(at..at + 4)?.try_into().ok()?))
}

fn be64(b: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(b.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_itunes_gapless_numbers() {
        let text = b" 00000000 00000840 000001CA 00000000003F31F6 00000000";
        let mut b = b"....mean....com.apple.iTunes....name....iTunSMPB....data\0\0\0\x01\0\0\0\0".to_vec();
        b.extend(text);
        assert_eq!(smpb(&b), Some((0x840, 0x3F31F6)));
        assert_eq!(smpb(b"iTunSMPBdata"), None);
    }
}
