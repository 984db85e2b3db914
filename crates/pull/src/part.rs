//! The growing file beside its place: locked, with a record of whose bytes it holds. Blocking.

use crate::PullError;
use karaoke_core::Manifest;
use karaoke_models::digest::{self, Mismatch};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Whose bytes a part holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Where they came from.
    pub(crate) url: String,
    /// What tells this state of the file from others: a strong ETag or a date, as the server gave it.
    pub(crate) validator: Option<String>,
    /// Bytes of the whole file.
    pub(crate) total: Option<u64>,
}

/// A file on its way; only one process has it at a time.
#[derive(Debug)]
pub(crate) struct Part {
    file: File,
    path: PathBuf,
    target: PathBuf,
    length: u64,
    record: Record,
    /// Its bytes came by more than one answer, so that they need not belong together.
    pieced: bool,
}

impl Part {
    /// Takes the part of the file that is to lie at `target`, as far as it has come.
    pub(crate) fn open(target: &Path) -> Result<Self, PullError> {
        let path = beside(target, ".part");
        let (file, length) = loop {
            if let Some(locked) = lock(&path)? {
                break locked;
            }
        };
        let recorded = std::fs::read(beside(target, ".part.json")).unwrap_or_default();
        let record = serde_json::from_slice(&recorded).unwrap_or_default();
        Ok(Self { file, path, target: target.to_owned(), length, record, pieced: length > 0 })
    }

    /// Bytes that are there.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Whose they are.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    /// Whether the bytes came by more than one answer.
    pub(crate) fn is_pieced(&self) -> bool {
        self.pieced
    }

    /// Forgets what is there, and notes whose bytes will come.
    pub(crate) fn begin(&mut self, record: Record) -> Result<(), PullError> {
        let anew = |file: &mut File| file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)));
        anew(&mut self.file).map_err(|e| PullError::disk(&self.path, e))?;
        (self.length, self.pieced, self.record) = (0, false, record);
        let path = beside(&self.target, ".part.json");
        let text = serde_json::to_vec(&self.record).unwrap_or_default();
        std::fs::write(&path, text).map_err(|e| PullError::disk(path, e))
    }

    /// Notes that what comes next comes by another answer.
    pub(crate) fn go_on(&mut self) {
        self.pieced = true;
    }

    /// Writes what has come. After an error, what was written is still whole up to [`Self::length`].
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), PullError> {
        let written = self.file.write_all(bytes);
        self.length = match written {
            Ok(()) => self.length + bytes.len() as u64,
            Err(_) => self.file.metadata().map_or(self.length, |file| file.len()),
        };
        written.map_err(|e| PullError::disk(&self.path, e))
    }

    /// Puts the file in place if it is the one that `manifest` means; otherwise nothing that came is kept.
    pub(crate) fn finish(&mut self, manifest: &Manifest) -> Result<Result<(), Mismatch>, PullError> {
        let disk = |e| PullError::disk(&self.path, e);
        self.file.sync_all().map_err(disk)?;
        let proven = digest::compare(&self.path, manifest).map_err(disk)?;
        match &proven {
            Ok(()) => {
                std::fs::rename(&self.path, &self.target).map_err(disk)?;
                remove(&beside(&self.target, ".part.json"));
                // So that the name, too, outlives a power cut; without it, the pull is only done again.
                let _ = self.target.parent().map(|dir| File::open(dir).and_then(|dir| dir.sync_all()));
            }
            // Kept open and locked: it may be begun anew.
            Err(_) if self.pieced => self.begin(Record::default())?,
            Err(_) => self.discard(),
        }
        Ok(proven)
    }

    /// Removes what is there.
    pub(crate) fn discard(&mut self) {
        remove(&self.path);
        remove(&beside(&self.target, ".part.json"));
    }

    /// Whether nothing has come.
    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// Opens and locks the file at `path`; `None` when it was renamed or removed meanwhile, and is to be tried again.
fn lock(path: &Path) -> Result<Option<(File, u64)>, PullError> {
    let disk = |e| PullError::disk(path, e);
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).create(true).truncate(false).open(path).map_err(disk)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(PullError::Busy { path: path.to_owned() }),
        // Some network file systems know no locks; then two pulls at once end with a wrong digest.
        Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {}
        Err(TryLockError::Error(e)) => return Err(disk(e)),
    }
    let mine = file.metadata().map_err(disk)?;
    match std::fs::metadata(path) {
        Ok(named) if (named.dev(), named.ino()) == (mine.dev(), mine.ino()) => {}
        _ => return Ok(None),
    }
    let length = file.seek(SeekFrom::End(0)).map_err(disk)?;
    Ok(Some((file, length)))
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Removes a file that nobody needs; one that stays is overwritten by the next pull.
fn remove(path: &Path) {
    let _ = std::fs::remove_file(path);
}
