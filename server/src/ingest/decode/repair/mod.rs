//! What a demuxer needs of a file, without what it stumbles over: sizes that were never filled in, metadata that is
//! damaged, tags where it expects none. The sound is left as it is.

mod aiff;
mod caf;
mod flac;
mod id3;
mod mp4;
mod riff;
mod sizes;

use super::bytes::Bytes;
use super::view::Piece;
use std::fs::File;

pub(super) use flac::last_frame;
pub(super) use id3::end as tags_end;

/// The pieces of a file that are to be read; none when it can be read as it is.
pub(super) fn repaired(file: &mut File) -> Option<Vec<Piece>> {
    let mut bytes = Bytes::new(file).ok()?;
    let start = id3::end(&mut bytes, 0);
    let head = bytes.at(start, 12)?;
    let pieces = match &head[..4] {
        b"fLaC" => flac::pieces(&mut bytes, start),
        b"RIFF" | b"RF64" | b"BW64" | b"riff" => riff::pieces(&mut bytes, start),
        b"FORM" => aiff::pieces(&mut bytes, start),
        b"caff" => caf::pieces(&mut bytes, start),
        _ if &head[4..8] == b"ftyp" => mp4::pieces(&mut bytes, start),
        _ => None,
    };
    // Streams without a container are searched for their first frame by the demuxer, also behind a tag.
    pieces.or_else(|| (start > 0).then(|| vec![Piece::File(start..bytes.len())]))
}
