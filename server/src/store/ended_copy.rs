//! A copy of a database in which only ended tracks are, made while a server works on it.

use super::{Inspection, StoreError, database, inspect};
use crate::concurrency::blocking;
use karaoke_core::TrackId;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The copy while it is being made, and the database that it is made of.
pub struct EndedCopy {
    original: SqliteConnection,
    copy: SqliteConnection,
    path: PathBuf,
    /// Tracks that had not ended.
    pub left_out: u64,
}

impl EndedCopy {
    /// Copies the database of the store in `dir`, as it is at one moment, into the folder `to`. Unfinished uploads and
    /// tracks that have not ended are left out of the copy: their files change while they are copied.
    ///
    /// `None` when there is no database.
    ///
    /// # Errors
    /// The database is damaged or of a newer version, or `to` has one already.
    pub async fn begin(dir: &Path, to: &Path) -> Result<Option<Self>, StoreError> {
        let (from, copied) = (database(dir), database(to));
        let Some(Inspection { schema, known, damage }) = inspect(dir).await? else { return Ok(None) };
        if let Some(damage) = damage {
            return Err(StoreError::Damaged { path: from, damage });
        }
        if schema > known {
            return Err(StoreError::Newer { path: from, found: schema, known });
        }
        let mut original = SqliteConnectOptions::new().filename(from).connect().await?;
        sqlx::query("VACUUM INTO ?").bind(copied.display().to_string()).execute(&mut original).await?;
        let mut copy = SqliteConnectOptions::new().filename(&copied).foreign_keys(true).connect().await?;
        let running = "DELETE FROM tracks WHERE state NOT IN ('done', 'failed', 'cancelled')";
        let left_out = sqlx::query(running).execute(&mut copy).await?.rows_affected();
        // An older version may not have had the table.
        let tables = "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'uploads'";
        if sqlx::query_scalar::<_, i64>(tables).fetch_one(&mut copy).await? > 0 {
            sqlx::query("DELETE FROM uploads WHERE error_status IS NULL").execute(&mut copy).await?;
        }
        Ok(Some(Self { original, copy, path: copied, left_out }))
    }

    /// The copy's tracks that are done: those that have files.
    pub async fn done(&mut self) -> Result<Vec<TrackId>, StoreError> {
        let query = sqlx::query_scalar("SELECT id FROM tracks WHERE state = 'done'");
        let ids: Vec<String> = query.fetch_all(&mut self.copy).await?;
        ids.iter().map(|id| TrackId::parse(id).map_err(|_| StoreError::Corrupt("track id"))).collect()
    }

    /// Whether the original has that track now. Its row goes before its files: while it is there, so are they.
    pub async fn is_there(&mut self, id: &TrackId) -> Result<bool, StoreError> {
        let query = sqlx::query_scalar("SELECT COUNT(*) FROM tracks WHERE id = ?").bind(id.as_str());
        Ok(query.fetch_one(&mut self.original).await.map(|count: i64| count > 0)?)
    }

    /// Takes a track out of the copy.
    pub async fn forget(&mut self, id: &TrackId) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM tracks WHERE id = ?").bind(id.as_str());
        query.execute(&mut self.copy).await?;
        Ok(())
    }

    /// Closes both databases; the copy is on the disk then.
    pub async fn close(self) -> Result<(), StoreError> {
        self.original.close().await?;
        self.copy.close().await?;
        let path = self.path;
        // SQLite does not wait for the disk when it copies.
        Ok(blocking(move || File::open(path)?.sync_all()).await.map_err(sqlx::Error::from)?)
    }
}
