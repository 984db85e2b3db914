//! The store: tracks and their chunks in SQLite. SQL stands here and nowhere else.

mod chunks;
mod classic;
mod counts;
mod deliveries;
mod disk;
mod ended_copy;
mod inspection;
mod keys;
mod lyrics;
mod notifications;
mod receipts;
mod secrets;
mod track_record;
mod tracks;
mod uploads;
mod usage;
mod workers;

pub use chunks::ChunkRecord;
pub use classic::ClassicSong;
pub use deliveries::{Delivery, DeliveryAttempt};
pub use ended_copy::EndedCopy;
pub use inspection::{Inspection, inspect};
pub use lyrics::{LyricsMark, LyricsSource};
pub use receipts::{AttemptOutcome, FailedAttempt, Steps};
pub use track_record::{Audio, Failure, TrackRecord};
pub use tracks::{NewTrack, TrackPage};
pub use uploads::{UploadBounds, UploadRecord};

use serde::{Deserialize, Serialize};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::path::{Path, PathBuf};

/// How tables become what this version needs.
static MIGRATOR: Migrator = sqlx::migrate!();

/// `[store]`: where songs and stems are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// Folder of the database and of all audio.
    pub dir: PathBuf,
    /// Hours after which ended tracks are removed; 0 keeps them.
    pub keep_hours: u32,
    /// Bytes that all tracks may take; where more are needed, the oldest finished ones are removed. 0: no limit.
    pub max_bytes: u64,
    /// Bytes of the disk that are left free: songs for which they would be needed are refused.
    pub free_bytes: u64,
    /// Whether owners may have songs kept from removal by age or for room; the admin always may.
    pub owners_keep: bool,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            dir: PathBuf::from("data"),
            keep_hours: 0,
            max_bytes: 0,
            free_bytes: 200_000_000,
            owners_keep: true,
        }
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
        source: MigrateError,
    },
    /// Its tables are of a newer version of the program.
    #[error(
        "the database {path} was written by a newer version of karaoke (its schema is {found}, this version's is \
         {known}): start the newer version, or restore the backup that was made before the upgrade"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The migration that this version does not know.
        found: i64,
        /// The last one that it knows.
        known: i64,
    },
    /// Its file does not hold together.
    #[error(
        "the database {path} is damaged ({damage}): restore a backup of the store (`karaoke backup` makes them)"
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite found first.
        damage: String,
    },
    /// There are songs' folders, and no database that knows them.
    #[error(
        "{dir} holds the folders of {tracks} tracks and no database: put karaoke.sqlite back, or restore a backup of the \
         store (`karaoke backup` makes them); to begin anew, empty the folder"
    )]
    Lost {
        /// The store's folder.
        dir: PathBuf,
        /// Folders of tracks.
        tracks: usize,
    },
    /// A row holds something that this version does not understand.
    #[error("the database holds an impossible {0}")]
    Corrupt(&'static str),
}

impl StoreError {
    /// Whether it was only that the disk is full (SQLITE_FULL).
    pub fn is_disk_full(&self) -> bool {
        self.code() == Some(13)
    }

    /// Whether its file cannot be written or read: SQLITE_READONLY, IOERR, CORRUPT, CANTOPEN, NOTADB.
    pub fn is_unusable(&self) -> bool {
        matches!(self.code(), Some(8 | 10 | 11 | 14 | 26))
    }

    /// SQLite's primary result code.
    fn code(&self) -> Option<i32> {
        match self {
            Self::Sql(error) => code(error),
            _ => None,
        }
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
        let path = database(dir);
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .foreign_keys(true)
            // A commit survives the death of the process; a chunk lost to a power cut is only asked for again,
            // because samples reach the disk before their row is written.
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await;
        let pool = pool.map_err(|error| damaged(&path, &error).unwrap_or(StoreError::Sql(error)))?;
        let found = sqlx::query_scalar("PRAGMA quick_check(1)").fetch_one(&pool).await;
        let found: String =
            found.map_err(|error| damaged(&path, &error).unwrap_or(StoreError::Sql(error)))?;
        if found != "ok" {
            return Err(StoreError::Damaged { path, damage: found.replace('\n', " ") });
        }
        MIGRATOR.run(&pool).await.map_err(|source| not_migrated(path, source))?;
        Ok(Self { pool })
    }

    /// Whether the store in `dir` has a database; an empty file is none.
    pub fn exists(dir: &Path) -> bool {
        std::fs::metadata(database(dir)).is_ok_and(|file| file.len() > 0)
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

/// The database of the store in `dir`.
fn database(dir: &Path) -> PathBuf {
    dir.join("karaoke.sqlite")
}

/// The last migration that this version knows.
fn known_schema() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// SQLite's primary result code.
fn code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i32>().ok().map(|extended| extended & 0xff)
}

/// SQLITE_CORRUPT and SQLITE_NOTADB.
fn damaged(path: &Path, error: &sqlx::Error) -> Option<StoreError> {
    let damage = match code(error)? {
        11 => "its pages do not hold together",
        26 => "it is no database",
        _ => return None,
    };
    Some(StoreError::Damaged { path: path.to_owned(), damage: damage.to_owned() })
}

fn not_migrated(path: PathBuf, source: MigrateError) -> StoreError {
    let known = known_schema();
    match source {
        MigrateError::VersionMissing(found) if found > known => StoreError::Newer { path, found, known },
        source => StoreError::Migrate { path, source },
    }
}

#[cfg(test)]
mod tests;
