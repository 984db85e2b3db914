//! Sizes as they are stated, and how far to trust them.

/// Chunks looked at in a file: more than any has, so that a maze of empty ones ends.
pub(super) const MAX_CHUNKS: usize = 10_000;
/// Sizes from here on are no sizes: writers that cannot seek back leave them there.
pub(super) const UNFILLED: u64 = 0x7FFF_0000;
/// A chunk that describes the sound is not larger.
pub(super) const MAX_HEADER: u64 = 1 << 16;

/// The length of the sound from `body` to the end of the file, where `stated` bytes are stated: what a file that is
/// cut off lacks is still announced; what a writer left open ends with the file.
pub(super) fn sound_size(stated: u64, body: u64, len: u64) -> u64 {
    let there = len.saturating_sub(body);
    match stated {
        0 => there,
        stated if stated >= UNFILLED && stated > there => there,
        stated => stated,
    }
}
