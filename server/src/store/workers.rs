//! Rows of workers.

use super::{Store, StoreError};
use crate::view::{Health, WorkerTotals};
use crate::worker_registry::WorkerHistory;
use karaoke_core::WorkerId;
use karaoke_core::presence::OrderKind;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

impl Store {
    /// Every worker that is remembered.
    pub async fn workers(&self) -> Result<Vec<(WorkerId, WorkerHistory)>, StoreError> {
        let rows = sqlx::query("SELECT * FROM workers ORDER BY id").fetch_all(&self.pool).await?;
        rows.iter().map(worker).collect()
    }

    /// Keeps what is known of workers now.
    pub async fn keep_workers(&self, workers: &[(WorkerId, WorkerHistory)]) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        for (id, w) in workers {
            sqlx::query(
                "INSERT OR REPLACE INTO workers (id, host, provider, first_seen_ms, last_seen_ms, health, note, runs,
                 crashes, failures, served, refused, lost, away) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(id.as_str())
            .bind(&w.host)
            .bind(&w.provider)
            .bind(w.first_seen_ms)
            .bind(w.last_seen_ms)
            .bind(w.health.name())
            .bind(&w.note)
            .bind(w.totals.runs as i64)
            .bind(w.totals.crashes as i64)
            .bind(w.totals.failures as i64)
            .bind(w.totals.served as i64)
            .bind(w.totals.refused as i64)
            .bind(w.totals.lost as i64)
            .bind(w.away.map(OrderKind::name))
            .execute(&mut *tx)
            .await?;
        }
        Ok(tx.commit().await?)
    }

    /// Forgets workers that were last heard of before then (Unix milliseconds).
    pub async fn forget_workers(&self, before_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM workers WHERE last_seen_ms < ?").bind(before_ms).execute(&self.pool).await?;
        Ok(())
    }
}

fn worker(row: &SqliteRow) -> Result<(WorkerId, WorkerHistory), StoreError> {
    let count = |name| row.try_get::<i64, _>(name).map(|n| n.max(0) as u64);
    let (health, away): (String, Option<String>) = (row.try_get("health")?, row.try_get("away")?);
    let history = WorkerHistory {
        host: row.try_get("host")?,
        provider: row.try_get("provider")?,
        first_seen_ms: row.try_get("first_seen_ms")?,
        last_seen_ms: row.try_get("last_seen_ms")?,
        health: Health::from_name(&health).ok_or(StoreError::Corrupt("health of a worker"))?,
        note: row.try_get("note")?,
        totals: WorkerTotals {
            runs: count("runs")?,
            crashes: count("crashes")?,
            failures: count("failures")?,
            served: count("served")?,
            refused: count("refused")?,
            lost: count("lost")?,
        },
        away: away.as_deref().and_then(OrderKind::from_name),
    };
    Ok((WorkerId::from(row.try_get::<String, _>("id")?), history))
}
