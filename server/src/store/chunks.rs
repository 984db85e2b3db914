//! Rows of chunks.

use super::{Audio, Store, StoreError};
use karaoke_core::{ChunkIndex, TrackId, WorkerId};
use karaoke_stages::Stage;
use sqlx::Row;
use tracing::Instrument;

/// A chunk as the database knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChunkRecord {
    /// Its samples are safe.
    pub done: bool,
    /// How often it was handed out.
    pub attempts: u32,
    /// Who did it.
    pub worker: Option<WorkerId>,
    /// How long that took.
    pub seconds: Option<f64>,
}

impl Store {
    /// Decoding is over: keeps what it found, writes the plan's chunks, and moves the track to `separating`,
    /// all or nothing. False when the track is no longer decoding.
    pub async fn start_separating(
        &self,
        id: &TrackId,
        a: &Audio,
        chunks: u64,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let moved = sqlx::query(
            "UPDATE tracks SET state = 'separating', separating_ms = COALESCE(separating_ms, ?), source_rate = ?, source_channels = ?, frames = ?,
             model_frames = ?, gain = ?, overlap = ?, windows_per_chunk = ? WHERE id = ? AND state = 'decoding'",
        )
        .bind(now_ms)
        .bind(a.source_rate.get())
        .bind(a.source_channels)
        .bind(a.frames.get() as i64)
        .bind(a.model_frames.get() as i64)
        .bind(f64::from(a.gain))
        .bind(a.overlap)
        .bind(a.windows_per_chunk)
        .bind(id.as_str())
        .execute(&mut *tx)
        .await?
        .rows_affected();
        if moved == 0 {
            return Ok(false);
        }
        sqlx::query(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
             INSERT INTO chunks (track, chunk) SELECT ?1, i FROM n WHERE ?2 > 0",
        )
        .bind(id.as_str())
        .bind(chunks as i64)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The chunks of a track, in order.
    pub async fn chunks(&self, id: &TrackId) -> Result<Vec<ChunkRecord>, StoreError> {
        let rows =
            sqlx::query("SELECT done, attempts, worker, seconds FROM chunks WHERE track = ? ORDER BY chunk")
                .bind(id.as_str())
                .fetch_all(&self.pool)
                .await?;
        let record = |row: &sqlx::sqlite::SqliteRow| {
            Ok(ChunkRecord {
                done: row.try_get("done")?,
                attempts: row.try_get("attempts")?,
                worker: row.try_get::<Option<String>, _>("worker")?.map(WorkerId::from),
                seconds: row.try_get("seconds")?,
            })
        };
        rows.iter().map(record).collect()
    }

    /// A chunk's samples are safe. False when that was known already, or the track is gone.
    pub async fn chunk_done(
        &self,
        id: &TrackId,
        chunk: ChunkIndex,
        attempts: u32,
        worker: &WorkerId,
        seconds: f64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "UPDATE chunks SET done = 1, attempts = MAX(attempts, ?), worker = ?, seconds = ?
             WHERE track = ? AND chunk = ? AND done = 0",
        )
        .bind(attempts)
        .bind(worker.as_str())
        .bind(seconds)
        .bind(id.as_str())
        .bind(chunk.get() as i64)
        .execute(&self.pool)
        .instrument(Stage::Store.span())
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// A chunk has been handed out for the `attempts`-th time.
    pub async fn chunk_started(
        &self,
        id: &TrackId,
        chunk: ChunkIndex,
        attempts: u32,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE chunks SET attempts = MAX(attempts, ?) WHERE track = ? AND chunk = ?")
            .bind(attempts)
            .bind(id.as_str())
            .bind(chunk.get() as i64)
            .execute(&self.pool)
            .instrument(Stage::Store.span())
            .await?;
        Ok(())
    }
}
