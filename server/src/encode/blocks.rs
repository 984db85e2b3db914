//! Reads a source in blocks, so that an encoder needs the same memory whatever the length.

use super::error::EncodeError;
use crate::ingest::FrameSource;

/// Frames that are read and encoded at a time.
pub(super) const BLOCK: usize = 4096;

/// Reads `source` block by block, in order, and hands each block (interleaved) to `take`.
pub(super) fn each_block(
    source: &mut dyn FrameSource,
    frames: u64,
    cancelled: &dyn Fn() -> bool,
    mut take: impl FnMut(&[f32]) -> Result<(), EncodeError>,
) -> Result<(), EncodeError> {
    let mut block = vec![0.0; BLOCK * 2];
    let mut start = 0;
    while start < frames {
        if cancelled() {
            return Err(EncodeError::Cancelled);
        }
        let count = (frames - start).min(BLOCK as u64) as usize;
        source.read(start as i64, &mut block[..count * 2])?;
        take(&block[..count * 2])?;
        start += count as u64;
    }
    Ok(())
}
