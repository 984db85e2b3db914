//! Reads a few bytes of a file here and there, and the heads of chunks and elements.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Bytes that are read at once: many small reads close to each other cost one.
const BLOCK: u64 = 1 << 16;

/// A file's bytes at any place.
pub(super) struct Bytes<'f> {
    file: &'f mut File,
    len: u64,
    block: Vec<u8>,
    block_at: u64,
}

/// A chunk of RIFF or AIFF: four bytes of name, four of size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) id: [u8; 4],
    /// Where its contents begin.
    pub(super) body: u64,
    /// Their length in bytes, as it is stated.
    pub(super) size: u64,
}

impl Chunk {
    /// Where the next one begins: at an even number of bytes.
    pub(super) fn next(&self) -> Option<u64> {
        self.body.checked_add(self.size)?.checked_add(self.size % 2)
    }
}

/// An element of EBML, as Matroska has them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    pub(super) id: u64,
    /// Where its contents begin.
    pub(super) body: u64,
    /// Where they end, or what it lies in does.
    pub(super) end: u64,
    /// Its size is not stated.
    pub(super) is_open: bool,
}

impl<'f> Bytes<'f> {
    pub(super) fn new(file: &'f mut File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, len, block: Vec::new(), block_at: 0 })
    }

    /// Length of the file.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// `count` bytes from `at` on; none where there are fewer.
    pub(super) fn at(&mut self, at: u64, count: usize) -> Option<Vec<u8>> {
        let end = at.checked_add(count as u64).filter(|end| *end <= self.len)?;
        if at < self.block_at || end > self.block_at + self.block.len() as u64 {
            self.block.resize((self.len - at).min(BLOCK.max(count as u64)) as usize, 0);
            self.block_at = at;
            let read =
                self.file.seek(SeekFrom::Start(at)).and_then(|_| self.file.read_exact(&mut self.block));
            if read.is_err() {
                self.block.clear();
                return None;
            }
        }
        let from = (at - self.block_at) as usize;
        Some(self.block[from..from + count].to_vec())
    }

    /// At most `count` bytes from `at` on, as many as there are.
    pub(super) fn up_to(&mut self, at: u64, count: u64) -> Vec<u8> {
        let count = count.min(self.len.saturating_sub(at));
        self.at(at, count as usize).unwrap_or_default()
    }

    /// The chunk whose head is at `at`.
    pub(super) fn chunk(&mut self, at: u64, is_big_endian: bool) -> Option<Chunk> {
        let head = self.at(at, 8)?;
        let size = head[4..].try_into().ok()?;
        let size = if is_big_endian { u32::from_be_bytes(size) } else { u32::from_le_bytes(size) };
        Some(Chunk { id: head[..4].try_into().ok()?, body: at + 8, size: u64::from(size) })
    }

    /// The element at `at`, in one that ends at `end`.
    pub(super) fn element(&mut self, at: u64, end: u64) -> Option<Element> {
        let (id, id_length) = self.vint(at, false)?;
        let (size, size_length) = self.vint(at + id_length, true)?;
        let body = at + id_length + size_length;
        // All ones: to the end of what it lies in.
        let is_open = size == (1 << (7 * size_length)) - 1;
        let end = if is_open { end } else { body.checked_add(size)?.min(end) };
        Some(Element { id, body, end, is_open })
    }

    /// A variable-size integer as EBML has them, and its length; a size is without its marker, an identifier with it.
    fn vint(&mut self, at: u64, is_size: bool) -> Option<(u64, u64)> {
        let length = u64::from(self.at(at, 1)?[0].leading_zeros()) + 1;
        if length > 8 {
            return None;
        }
        let raw = self.at(at, length as usize)?;
        let value = raw.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
        Some((if is_size { value & !(1 << (7 * length)) } else { value }, length))
    }
}
