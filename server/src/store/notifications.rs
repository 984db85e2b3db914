//! Rows of who is told what happens to tracks.

use super::{Store, StoreError};
use crate::notification::{Event, Notification};
use karaoke_core::TrackId;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

impl Store {
    /// Adds one, for a track or for all of them; false when that track is told there already, or has `most` of them.
    pub async fn insert_notification(
        &self,
        track: Option<&TrackId>,
        n: &Notification,
        most: u32,
    ) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let count = sqlx::query_scalar::<_, u32>("SELECT COUNT(*) FROM notifications WHERE track IS ?");
        let count = count.bind(track.map(TrackId::as_str)).fetch_one(&mut *tx).await?;
        let is_added = count < most && insert(&mut tx, track, n).await?;
        tx.commit().await?;
        Ok(is_added)
    }

    /// Those of a track, or those of all tracks; oldest first.
    pub async fn notifications(&self, track: Option<&TrackId>) -> Result<Vec<Notification>, StoreError> {
        let rows = sqlx::query("SELECT * FROM notifications WHERE track IS ? ORDER BY created_ms, id")
            .bind(track.map(TrackId::as_str))
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(notification).collect()
    }

    /// Forgets one of a track, or of all tracks, and what it has not been told yet; false when there was none.
    pub async fn delete_notification(&self, track: Option<&TrackId>, id: &str) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let done = sqlx::query("DELETE FROM notifications WHERE id = ? AND track IS ?")
            .bind(id)
            .bind(track.map(TrackId::as_str))
            .execute(&mut *tx)
            .await?;
        let was_there = done.rows_affected() > 0;
        if was_there {
            sqlx::query("DELETE FROM deliveries WHERE notification = ?").bind(id).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(was_there)
    }

    /// Sends it nothing more, or something again: `why` not, or nothing.
    pub async fn disable_notification(&self, id: &str, why: Option<&str>) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE notifications SET disabled = ? WHERE id = ?").bind(why).bind(id);
        query.execute(&self.pool).await?;
        Ok(())
    }
}

/// Adds one; false when that track is told there already.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    track: Option<&TrackId>,
    n: &Notification,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "INSERT OR IGNORE INTO notifications (id, track, target, secret, events, created_ms) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(&n.id)
    .bind(track.map(TrackId::as_str))
    .bind(&n.target)
    .bind(&n.secret)
    .bind(n.events.iter().map(|event| event.name()).collect::<Vec<_>>().join(","))
    .bind(n.created_ms)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

pub(super) fn notification(row: &SqliteRow) -> Result<Notification, StoreError> {
    let events: String = row.try_get("events")?;
    Ok(Notification {
        id: row.try_get("id")?,
        target: row.try_get("target")?,
        secret: row.try_get("secret")?,
        // A later version may know more of them.
        events: events.split(',').filter_map(Event::from_name).collect(),
        created_ms: row.try_get("created_ms")?,
        disabled: row.try_get("disabled")?,
    })
}
