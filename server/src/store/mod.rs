//! The store: tracks and their chunks in SQLite. SQL stands here and nowhere else.

mod chunks;
mod classic;
mod counts;
mod lyrics;
mod receipts;
mod secrets;
mod tracks;
mod uploads;

pub use chunks::ChunkRecord;
pub use classic::ClassicSong;
pub use lyrics::{LyricsMark, LyricsSource};
pub use receipts::{AttemptOutcome, FailedAttempt, Steps};
pub use tracks::{Audio, Failure, NewTrack, TrackPage, TrackRecord};
pub use uploads::{UploadBounds, UploadRecord};

use serde::{Deserialize, Serialize};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::path::{Path, PathBuf};

/// `[store]`: where songs and stems are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Folder of the database and of all audio.
    pub dir: PathBuf,
    /// Hours after which ended tracks are removed; 0 keeps them.
    pub keep_hours: u32,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { dir: PathBuf::from("data"), keep_hours: 0 }
    }
}

/// The database could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite said no.
    #[error("the database failed: {0}")]
    Sql(#[from] sqlx::Error),
    /// Its tables could not be brought up to date.
    #[error("the database at {path} cannot be brought up to date: {source}")]
    Migrate {
        /// The database.
        path: PathBuf,
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
    /// A row holds something that this version does not understand.
    #[error("the database holds an impossible {0}")]
    Corrupt(&'static str),
}

impl StoreError {
    /// Whether it was only that the disk is full (SQLITE_FULL).
    pub fn is_disk_full(&self) -> bool {
        let code = match self {
            Self::Sql(error) => error.as_database_error().and_then(|e| e.code()),
            _ => None,
        };
        code.as_deref() == Some("13")
    }
}

/// The database; clones share it.
#[derive(Clone)]
pub struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens (or makes) the database in `dir` and brings its tables up to date.
    pub async fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("karaoke.sqlite");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .foreign_keys(true)
            // A commit survives the death of the process; a chunk lost to a power cut is only asked for again,
            // because samples reach the disk before their row is written.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        sqlx::migrate!().run(&pool).await.map_err(|source| StoreError::Migrate { path, source })?;
        Ok(Self { pool })
    }

    /// Whether the database answers.
    pub async fn is_ready(&self) -> bool {
        sqlx::query("SELECT 1").execute(&self.pool).await.is_ok()
    }

    /// Waits for running statements and closes the database.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

#[cfg(test)]
mod tests;
