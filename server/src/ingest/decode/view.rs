//! A file as a demuxer is to see it: parts of it, with bytes of ours between them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use symphonia::core::io::MediaSource;

/// A part of what the demuxer sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Bytes that the file should have.
    Bytes(Vec<u8>),
    /// Bytes that it has.
    File(Range<u64>),
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(range) => range.end.saturating_sub(range.start),
        }
    }
}

/// Pieces, one after another, with an end to how much is ever read of them: demuxers must not run in circles.
pub(super) struct View {
    file: File,
    /// Where each piece begins.
    pieces: Vec<(u64, Piece)>,
    len: u64,
    at: u64,
    budget: u64,
}

impl View {
    /// The whole file.
    pub(super) fn whole(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self::of(file, vec![Piece::File(0..len)]))
    }

    /// Pieces of it.
    pub(super) fn of(file: File, pieces: Vec<Piece>) -> Self {
        let mut len = 0;
        let placed = pieces.into_iter().map(|piece| {
            let at = len;
            len += piece.len();
            (at, piece)
        });
        let pieces = placed.collect();
        Self { file, pieces, len, at: 0, budget: len.saturating_mul(8).saturating_add(64 << 20) }
    }

    fn spend(&mut self, cost: u64) -> io::Result<()> {
        let left = self.budget.checked_sub(cost);
        self.budget = left.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
        Ok(())
    }
}

impl Read for View {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let index = self.pieces.partition_point(|(start, _)| *start <= self.at).saturating_sub(1);
        // Empty pieces are passed over.
        let found = self.pieces[index..].iter().find(|(start, piece)| self.at < start + piece.len());
        let Some((start, piece)) = found else { return Ok(0) };
        let (from, left) = (self.at - start, piece.len() - (self.at - start));
        let count = out.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = match piece {
            Piece::Bytes(bytes) => {
                out[..count].copy_from_slice(&bytes[from as usize..][..count]);
                count
            }
            Piece::File(range) => {
                self.file.seek(SeekFrom::Start(range.start + from))?;
                self.file.read(&mut out[..count])?
            }
        };
        self.at += read as u64;
        self.spend(read as u64)?;
        Ok(read)
    }
}

impl Seek for View {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        // Each seek costs something too, so that seeking alone also ends.
        self.spend(64)?;
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = to.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

impl MediaSource for View {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_read_as_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, b"0123456789").unwrap();
        let pieces = vec![
            Piece::Bytes(b"ab".to_vec()),
            Piece::File(3..5),
            Piece::Bytes(Vec::new()),
            Piece::File(8..10),
            Piece::Bytes(b"z".to_vec()),
        ];
        let mut view = View::of(File::open(&path).unwrap(), pieces);
        let mut all = Vec::new();
        view.read_to_end(&mut all).unwrap();
        assert_eq!((&all[..], view.byte_len()), (&b"ab3489z"[..], Some(7)));
        for start in 0..8 {
            view.seek(SeekFrom::Start(start)).unwrap();
            let mut rest = Vec::new();
            view.read_to_end(&mut rest).unwrap();
            assert_eq!(rest, all[start as usize..]);
        }
    }

    #[test]
    fn reading_in_circles_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, vec![0; 1 << 20]).unwrap();
        let mut view = View::whole(File::open(&path).unwrap()).unwrap();
        let mut block = vec![0; 1 << 20];
        let rounds = (0..1000)
            .take_while(|_| view.seek(SeekFrom::Start(0)).is_ok() && view.read_exact(&mut block).is_ok());
        assert!(rounds.count() < 100);
    }
}
