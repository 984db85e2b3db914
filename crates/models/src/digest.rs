//! The digests by which a model's file is known: SHA-256, or UVR's MD5 of the end of the file.

use karaoke_core::Manifest;
use md5::Md5;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes at the end of a file that UVR's id is taken of; of a shorter file, all.
const UVR_TAIL: u64 = 10_240_000;

/// A file is another than the one meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// `sha256`, or what stands for it.
    pub digest: &'static str,
    /// What the file has.
    pub got: String,
    /// What it should have.
    pub want: String,
}

/// Whether the file at `path` is the one that `manifest` means; reads all of it, or its end where only UVR's id
/// is known.
pub fn compare(path: &Path, manifest: &Manifest) -> io::Result<Result<(), Mismatch>> {
    let (digest, got, want) = match manifest.sha256.is_empty() {
        false => ("sha256", sha256(path)?, &manifest.sha256),
        true => ("uvr_md5", uvr_md5(path)?, &manifest.uvr_md5),
    };
    let want = want.to_ascii_lowercase();
    Ok(if got == want { Ok(()) } else { Err(Mismatch { digest, got, want }) })
}

/// Files that were found to be the ones their manifests mean, for as long as they stay as they are: the workers of a
/// process open a model each.
#[derive(Debug, Default)]
pub struct Checked(Mutex<HashSet<(PathBuf, String, Stamp)>>);

/// What changes when a file does: its number, length, and seconds and nanoseconds of its last change.
type Stamp = (u64, u64, i64, i64);

impl Checked {
    /// [`compare`], unless that was done and the file is as it was.
    pub fn compare(&self, path: &Path, manifest: &Manifest) -> io::Result<Result<(), Mismatch>> {
        let found = std::fs::metadata(path)?;
        let stamp = (found.ino(), found.len(), found.ctime(), found.ctime_nsec());
        let key = (path.to_owned(), manifest.identity().to_owned(), stamp);
        // Held while a file is read: who comes second waits for what the first finds.
        let mut checked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if checked.contains(&key) {
            return Ok(Ok(()));
        }
        let compared = compare(path, manifest)?;
        if compared.is_ok() {
            checked.insert(key);
        }
        Ok(compared)
    }
}

/// SHA-256 of a file, in lower-case hexadecimal.
pub fn sha256(path: &Path) -> io::Result<String> {
    hash::<Sha256>(File::open(path)?)
}

/// MD5 of the last 10,240,000 bytes of a file, by which UVR knows its models, in lower-case hexadecimal.
pub fn uvr_md5(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(UVR_TAIL)))?;
    hash::<Md5>(file)
}

fn hash<D: Digest>(mut file: File) -> io::Result<String> {
    let mut hash = D::new();
    let mut block = vec![0; 1 << 16];
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
    fn uvr_looks_at_the_end_of_a_file_alone() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"abc").unwrap();
        assert_eq!(uvr_md5(file.path()).unwrap(), "900150983cd24fb0d6963f7d28e17f72");
        let mut long = vec![1; UVR_TAIL as usize];
        std::fs::write(file.path(), &long).unwrap();
        let tail = uvr_md5(file.path()).unwrap();
        long.splice(0..0, [7, 8, 9]);
        std::fs::write(file.path(), &long).unwrap();
        assert_eq!(uvr_md5(file.path()).unwrap(), tail);
        long[3] = 2;
        std::fs::write(file.path(), &long).unwrap();
        assert_ne!(uvr_md5(file.path()).unwrap(), tail);
    }
}
