//! Bounds how much of a file a demuxer may read.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use symphonia::core::io::MediaSource;

/// The file, with an end to how much of it is ever read: demuxers must not run in circles.
pub(super) struct Guarded {
    file: File,
    len: u64,
    budget: u64,
}

impl Guarded {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len, budget: len.saturating_mul(8).saturating_add(64 << 20) })
    }
}

impl Read for Guarded {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(out)?;
        self.budget = self
            .budget
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(read)
    }
}

impl Seek for Guarded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        // Each seek costs something too, so that seeking alone also ends.
        self.budget =
            self.budget.checked_sub(64).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        self.file.seek(to)
    }
}

impl MediaSource for Guarded {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}
