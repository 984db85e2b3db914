//! Where an AAC stream changes its form: each run of frames of one form is decoded for itself.

use super::bytes::Bytes;
use std::fs::File;
use std::ops::Range;

/// How far the next frame is looked for, where one is damaged.
const SEARCH: u64 = 1 << 16;

/// A frame's length in bytes, and what has to be the same for one decoder.
fn frame(bytes: &[u8]) -> Option<(u64, [u8; 3])> {
    let &[first, second, third, fourth, fifth, sixth, _] = bytes.first_chunk::<7>()?;
    if first != 0xFF || second & 0xF6 != 0xF0 || (third >> 2) & 0xF > 12 {
        return None;
    }
    let size = u64::from(fourth & 3) << 11 | u64::from(fifth) << 3 | u64::from(sixth >> 5);
    // Object type, sample rate and channels.
    (size > 7).then_some((size, [third >> 6, (third >> 2) & 0xF, (third & 1) << 2 | fourth >> 6]))
}

/// The runs of frames of one form, in order; one for the whole file where the form never changes.
pub(super) fn runs(file: &mut File) -> Vec<Range<u64>> {
    let Ok(mut bytes) = Bytes::new(file) else { return Vec::new() };
    let (mut runs, mut form, mut at) = (Vec::new(), None, 0);
    let mut begin = 0;
    while let Some(found) = next_frame(&mut bytes, at) {
        let (place, size, own) = found;
        match form {
            Some(form) if form != own => {
                runs.push(begin..place);
                begin = place;
            }
            Some(_) => {}
            None => begin = place,
        }
        form = Some(own);
        at = place + size;
    }
    runs.push(begin..bytes.len());
    runs
}

/// The frame at `at`, or the next one behind it that another follows.
fn next_frame(bytes: &mut Bytes<'_>, at: u64) -> Option<(u64, u64, [u8; 3])> {
    if let Some((size, form)) = frame(&bytes.up_to(at, 7)) {
        return Some((at, size, form));
    }
    let block = bytes.up_to(at, SEARCH);
    (0..block.len()).find_map(|place| {
        let (size, form) = frame(&block[place..])?;
        let here = at + place as u64;
        frame(&bytes.up_to(here + size, 7)).map(|_| (here, size, form))
    })
}
