//! A backup of a store, made while a server works on it: the database and the files of finished tracks.

use crate::concurrency::blocking;
use crate::files::{copy_finished, ignore_missing, track_dir};
use crate::store::{EndedCopy, StoreError};
use karaoke_core::TrackId;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackedUp {
    /// Finished tracks.
    pub tracks: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Tracks that were in work, and are not in the backup.
    pub left_out: u64,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to back up.
    #[error("there is no store in {0} (store.dir)")]
    NoStore(PathBuf),
    /// Something is there.
    #[error("{0} is there already; name a new folder for the backup")]
    Exists(PathBuf),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The files of a track.
    #[error("cannot copy the files of track {id}: {source}")]
    Track {
        /// The track.
        id: TrackId,
        /// Why.
        source: io::Error,
    },
    /// The backup's folder.
    #[error("cannot write the backup {path}: {source}")]
    Io {
        /// The backup.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Makes the folder `to`, a store with every track of the store in `dir` that has ended. It is there only when it is
/// whole; until then it is called `to` with `.part` behind.
pub async fn back_up(dir: &Path, to: &Path) -> Result<BackedUp, BackupError> {
    let part = with_part(to);
    for path in [to, &part] {
        if path.exists() {
            return Err(BackupError::Exists(path.to_owned()));
        }
    }
    let failed = |source| BackupError::Io { path: to.to_owned(), source };
    let written = match write(dir, &part).await {
        Ok(done) => fs::rename(&part, to).map(|()| done).map_err(failed),
        Err(error) => Err(error),
    };
    if written.is_err() {
        // Half a backup is none.
        let _ = fs::remove_dir_all(&part);
    }
    written
}

async fn write(dir: &Path, part: &Path) -> Result<BackedUp, BackupError> {
    let failed = |source| BackupError::Io { path: part.to_owned(), source };
    fs::create_dir_all(part).map_err(failed)?;
    let begun = EndedCopy::begin(dir, part).await?;
    let mut copy = begun.ok_or_else(|| BackupError::NoStore(dir.to_owned()))?;
    let mut done = BackedUp { left_out: copy.left_out, ..BackedUp::default() };
    for id in copy.done().await? {
        let (from, of, to) = (dir.to_owned(), id.clone(), part.to_owned());
        let copied = blocking(move || copy_finished(&from, &of, &to)).await;
        // Deleted meanwhile: some of its files may be missing in the copy.
        if !copy.is_there(&id).await? {
            copy.forget(&id).await?;
            ignore_missing(fs::remove_dir_all(track_dir(part, &id))).map_err(failed)?;
            continue;
        }
        done.bytes += copied.map_err(|source| BackupError::Track { id, source })?;
        done.tracks += 1;
    }
    copy.close().await?;
    Ok(done)
}

fn with_part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}
