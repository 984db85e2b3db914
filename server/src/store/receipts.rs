//! What a receipt needs of a track, beside the track itself: when its steps began, what was sent, which attempts
//! failed.

use super::{Store, StoreError};
use karaoke_core::{ChunkIndex, TrackId, WorkerId};
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// When the steps of a track began, Unix milliseconds; none for those it has not come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// A decoder took it.
    pub decoding_ms: Option<i64>,
    /// It was planned.
    pub separating_ms: Option<i64>,
    /// A worker began with a chunk.
    pub first_chunk_ms: Option<i64>,
    /// The last chunk was done.
    pub finishing_ms: Option<i64>,
}

/// Why an attempt at a chunk brought nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AttemptOutcome {
    /// The worker died, or was cut off.
    Lost,
    /// The worker handed it back.
    Returned,
    /// Its reply was corrupt.
    Refused,
    /// Another copy was done first.
    Spare,
}

/// An attempt at a chunk that brought nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct FailedAttempt {
    /// The chunk.
    pub chunk: ChunkIndex,
    /// Which attempt it was, counted from 1.
    pub attempt: u32,
    /// Whose.
    pub worker: WorkerId,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// The same in words.
    pub why: String,
    /// How long the worker computed, where it said so.
    pub seconds: Option<f64>,
    /// When that was known, Unix milliseconds.
    pub at_ms: i64,
}

impl AttemptOutcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Lost, Self::Returned, Self::Refused, Self::Spare];

    /// Its name, as it is stored and told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Returned => "returned",
            Self::Refused => "refused",
            Self::Spare => "spare",
        }
    }
}

impl Store {
    /// When the steps of a track began, and the bytes that were sent of it. `None` when there is no such track.
    pub async fn steps(&self, id: &TrackId) -> Result<Option<(Steps, u64)>, StoreError> {
        let row = sqlx::query(
            "SELECT decoding_ms, separating_ms, first_chunk_ms, finishing_ms, bytes_down FROM tracks WHERE id = ?",
        )
        .bind(id.as_str())
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let steps = Steps {
            decoding_ms: row.try_get("decoding_ms")?,
            separating_ms: row.try_get("separating_ms")?,
            first_chunk_ms: row.try_get("first_chunk_ms")?,
            finishing_ms: row.try_get("finishing_ms")?,
        };
        Ok(Some((steps, row.try_get::<i64, _>("bytes_down")? as u64)))
    }

    /// A worker has begun with a chunk of a track; only the first time counts.
    pub async fn first_chunk(&self, id: &TrackId, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query("UPDATE tracks SET first_chunk_ms = ? WHERE id = ? AND first_chunk_ms IS NULL")
            .bind(now_ms)
            .bind(id.as_str())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Adds to what was sent of tracks; of those that are gone nothing is kept.
    pub async fn add_bytes_down(&self, sent: &[(TrackId, u64)]) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        for (id, bytes) in sent {
            sqlx::query("UPDATE tracks SET bytes_down = bytes_down + ? WHERE id = ?")
                .bind(*bytes as i64)
                .bind(id.as_str())
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Keeps that an attempt brought nothing. A spare copy that is told of twice counts once.
    pub async fn attempt_failed(&self, id: &TrackId, a: &FailedAttempt) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT OR IGNORE INTO failed_attempts (track, chunk, attempt, worker, outcome, why, seconds, at_ms)
             SELECT id, ?, ?, ?, ?, ?, ?, ? FROM tracks WHERE id = ?",
        )
        .bind(a.chunk.get() as i64)
        .bind(a.attempt)
        .bind(a.worker.as_str())
        .bind(a.outcome.name())
        .bind(&a.why)
        .bind(a.seconds)
        .bind(a.at_ms)
        .bind(id.as_str())
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The attempts at a track's chunks that brought nothing, chunk by chunk.
    pub async fn failed_attempts(&self, id: &TrackId) -> Result<Vec<FailedAttempt>, StoreError> {
        let rows = sqlx::query("SELECT * FROM failed_attempts WHERE track = ? ORDER BY chunk, rowid")
            .bind(id.as_str())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(attempt).collect()
    }
}

fn attempt(row: &SqliteRow) -> Result<FailedAttempt, StoreError> {
    let outcome: String = row.try_get("outcome")?;
    let outcome = AttemptOutcome::ALL.into_iter().find(|o| o.name() == outcome);
    Ok(FailedAttempt {
        chunk: ChunkIndex::new(row.try_get::<i64, _>("chunk")? as u64),
        attempt: row.try_get("attempt")?,
        worker: WorkerId::from(row.try_get::<String, _>("worker")?),
        outcome: outcome.ok_or(StoreError::Corrupt("outcome of an attempt"))?,
        why: row.try_get("why")?,
        seconds: row.try_get("seconds")?,
        at_ms: row.try_get("at_ms")?,
    })
}
