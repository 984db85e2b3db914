//! Reads a few bytes of a file here and there.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Reads a few bytes here and there.
pub(super) struct Bytes<'f> {
    file: &'f mut File,
    len: u64,
}

impl<'f> Bytes<'f> {
    pub(super) fn new(file: &'f mut File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len })
    }

    /// Length of the file.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// `count` bytes from `at` on; none where there are fewer.
    pub(super) fn at(&mut self, at: u64, count: usize) -> Option<Vec<u8>> {
        if at.checked_add(count as u64)? > self.len {
            return None;
        }
        let mut bytes = vec![0; count];
        self.file.seek(SeekFrom::Start(at)).ok()?;
        self.file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    /// At most `count` bytes from `at` on, as many as there are.
    pub(super) fn up_to(&mut self, at: u64, count: u64) -> Vec<u8> {
        let count = count.min(self.len.saturating_sub(at));
        self.at(at, count as usize).unwrap_or_default()
    }

    /// A variable-size integer as Matroska has them, and its length; a size is without its marker, an identifier
    /// with it.
    pub(super) fn vint(&mut self, at: u64, is_size: bool) -> Option<(u64, u64)> {
        let length = u64::from(self.at(at, 1)?[0].leading_zeros()) + 1;
        if length > 8 {
            return None;
        }
        let raw = self.at(at, length as usize)?;
        let value = raw.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        Some((if is_size { value & !(1 << (7 * length)) } else { value }, length))
    }
}
