//! Where an AAC stream changes its form: each run of frames of one form is decoded for itself.

use super::bytes::Bytes;
use crate::ingest::IngestError;
use std::fs::File;
use std::ops::Range;

/// How far the next frame is looked for, where one is damaged.
const SEARCH: u64 = 1 << 16;
/// Changes of form in a file; each makes a stream of its own.
const MAX_RUNS: usize = 1000;
/// Frames looked at: ten hours at the highest rate are far fewer. What lies behind is of the last form.
const MAX_LOOKS: u32 = 16 << 20;

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
///
/// # Errors
/// `Unusual` where the form changes more often than in any file that somebody joined; `Cancelled`.
pub(super) fn runs(file: &mut File, cancelled: &dyn Fn() -> bool) -> Result<Vec<Range<u64>>, IngestError> {
    let mut bytes = Bytes::new(file).map_err(IngestError::Unreadable)?;
    let (mut runs, mut form, mut begin, mut at) = (Vec::new(), None, 0, 0);
    let mut looks = MAX_LOOKS;
    while let Some((place, size, own)) = next_frame(&mut bytes, at, &mut looks) {
        match form {
            Some(form) if form != own => {
                runs.push(begin..place);
                begin = place;
            }
            Some(_) => {}
            None => begin = place,
        }
        if runs.len() > MAX_RUNS {
            return Err(IngestError::Unusual("changes its sample rate or channels again and again".into()));
        }
        if looks.is_multiple_of(4096) && cancelled() {
            return Err(IngestError::Cancelled);
        }
        (form, at) = (Some(own), place + size);
    }
    runs.push(begin..bytes.len());
    Ok(runs)
}

/// The frame at `at`, or the next one behind it that another follows. Every place that is looked at costs a look.
fn next_frame(bytes: &mut Bytes<'_>, at: u64, looks: &mut u32) -> Option<(u64, u64, [u8; 3])> {
    *looks = looks.checked_sub(1)?;
    if let Some((size, form)) = frame(&bytes.up_to(at, 7)) {
        return Some((at, size, form));
    }
    let block = bytes.up_to(at, SEARCH);
    for place in 0..block.len() {
        let Some((size, form)) = frame(&block[place..]) else { continue };
        *looks = looks.checked_sub(1)?;
        let here = at + place as u64;
        if frame(&bytes.up_to(here + size, 7)).is_some() {
            return Some((here, size, form));
        }
    }
    None
}
