//! What clients have handed in, and have on the disk.

use super::{Store, StoreError};
use karaoke_core::TrackId;
use karaoke_core::quota::{Usage, WINDOW_S};
use sqlx::{Row, SqliteConnection};

impl Store {
    /// What a client has used.
    pub async fn usage(&self, client: &str, now_ms: i64) -> Result<Usage, StoreError> {
        let mut connection = self.pool.acquire().await?;
        usage(&mut connection, client, now_ms).await
    }

    /// Counts a track's audio, in seconds, to who handed it in.
    pub async fn count_audio(&self, track: &TrackId, seconds: f64) -> Result<(), StoreError> {
        let query =
            sqlx::query("UPDATE usage SET audio_s = ? WHERE track = ?").bind(seconds).bind(track.as_str());
        query.execute(&self.pool).await?;
        Ok(())
    }

    /// A track was not taken: it does not count.
    pub async fn forget_usage(&self, track: &TrackId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM usage WHERE track = ?").bind(track.as_str()).execute(&self.pool).await?;
        Ok(())
    }

    /// Forgets what no longer counts.
    pub async fn expire_usage(&self, now_ms: i64) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM usage WHERE at_ms < ?").bind(begins_ms(now_ms)).execute(&self.pool).await?;
        Ok(())
    }
}

/// Counts a track to a client.
pub(super) async fn count(
    connection: &mut SqliteConnection,
    client: &str,
    track: &TrackId,
    now_ms: i64,
) -> Result<(), StoreError> {
    sqlx::query("INSERT OR REPLACE INTO usage (track, client, at_ms) VALUES (?, ?, ?)")
        .bind(track.as_str())
        .bind(client)
        .bind(now_ms)
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn usage(
    connection: &mut SqliteConnection,
    client: &str,
    now_ms: i64,
) -> Result<Usage, StoreError> {
    let lately = sqlx::query(
        "SELECT COUNT(*) AS tracks, COALESCE(SUM(audio_s), 0.0) AS audio_s, MIN(at_ms) AS oldest_ms
         FROM usage WHERE client = ? AND at_ms >= ?",
    )
    .bind(client)
    .bind(begins_ms(now_ms))
    .fetch_one(&mut *connection)
    .await?;
    let here = sqlx::query(
        "SELECT COUNT(CASE WHEN state NOT IN ('done', 'failed', 'cancelled') THEN 1 END) AS active,
         COALESCE(SUM(disk_bytes), 0) AS kept_bytes FROM tracks WHERE client = ?",
    )
    .bind(client)
    .fetch_one(&mut *connection)
    .await?;
    let oldest_ms: Option<i64> = lately.try_get("oldest_ms")?;
    let leaves_ms = oldest_ms.map_or(0, |ms| ms - begins_ms(now_ms));
    Ok(Usage {
        tracks: lately.try_get("tracks")?,
        audio_s: lately.try_get("audio_s")?,
        active: here.try_get("active")?,
        kept_bytes: here.try_get::<i64, _>("kept_bytes")?.max(0) as u64,
        oldest_leaves_s: (leaves_ms.max(0) as u64).div_ceil(1000),
    })
}

/// What is older does not count any more.
fn begins_ms(now_ms: i64) -> i64 {
    now_ms - WINDOW_S as i64 * 1000
}
