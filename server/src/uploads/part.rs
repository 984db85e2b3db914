//! The bytes of an upload on disk: what counts as received is what has reached the disk, and nothing after it is kept.

use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The file of an upload, open for its next bytes.
pub(super) struct Part(File);

impl Part {
    /// Opens (or makes) it to go on at `at`; what lies behind that never counted and is cut off.
    pub(super) fn open(path: &Path, at: u64) -> io::Result<Self> {
        let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
        if file.metadata()?.len() < at {
            return Err(io::Error::other("an unfinished upload has lost some of its bytes"));
        }
        file.set_len(at)?;
        file.seek(SeekFrom::Start(at))?;
        Ok(Self(file))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// From here on what was written survives a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    /// Gives back what was written after `at`.
    pub(super) fn cut(&self, at: u64) -> io::Result<()> {
        self.0.set_len(at)
    }
}

/// SHA-256 of a file, hexadecimal.
pub(super) fn sha256(path: &Path) -> io::Result<String> {
    let (mut file, mut hash, mut block) = (File::open(path)?, Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex::encode(hash.finalize())),
            n => hash.update(&block[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_count_is_cut_off_and_what_is_missing_is_not_made_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        Part::open(&path, 0).unwrap().write(b"abcdef").unwrap();
        let mut part = Part::open(&path, 3).unwrap();
        part.write(b"X").unwrap();
        part.sync().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"abcX");
        part.cut(2).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"ab");
        assert!(Part::open(&path, 3).is_err());
        assert_eq!(sha256(&path).unwrap(), hex::encode(Sha256::digest(b"ab")));
    }
}
