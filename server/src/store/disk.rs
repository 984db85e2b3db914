//! What tracks take on the disk, and which may be removed for others.

use super::{Store, StoreError};
use karaoke_core::TrackId;
use sqlx::Row;

/// What tracks and uploads take on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskUse {
    /// Bytes in all; unfinished uploads count as if all of them were there, until they are tracks.
    pub bytes: u64,
    /// Bytes of finished tracks that may be removed for others.
    pub removable: u64,
}

impl Store {
    /// Keeps how many bytes a track's files take.
    pub async fn set_disk_bytes(&self, track: &TrackId, bytes: u64) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE tracks SET disk_bytes = ? WHERE id = ?");
        query.bind(i64::try_from(bytes).unwrap_or(i64::MAX)).bind(track.as_str()).execute(&self.pool).await?;
        Ok(())
    }

    /// What everything takes.
    pub async fn disk_use(&self) -> Result<DiskUse, StoreError> {
        let row = sqlx::query(
            "SELECT COALESCE(SUM(disk_bytes), 0) + (
                SELECT COALESCE(SUM(length), 0) FROM uploads
                WHERE error_status IS NULL AND id NOT IN (SELECT id FROM tracks)) AS bytes,
             COALESCE(SUM(CASE WHEN state = 'done' AND kept = 0 THEN disk_bytes END), 0) AS removable FROM tracks",
        )
        .fetch_one(&self.pool)
        .await?;
        let bytes = |name| row.try_get::<i64, _>(name).map(|bytes| bytes.max(0) as u64);
        Ok(DiskUse { bytes: bytes("bytes")?, removable: bytes("removable")? })
    }

    /// The finished track that ended longest ago, unless it is to be kept.
    pub async fn oldest_removable(&self) -> Result<Option<TrackId>, StoreError> {
        let query = "SELECT id FROM tracks WHERE state = 'done' AND kept = 0 ORDER BY finished_ms LIMIT 1";
        let id: Option<String> = sqlx::query_scalar(query).fetch_optional(&self.pool).await?;
        id.map(|id| TrackId::parse(&id).map_err(|_| StoreError::Corrupt("track id"))).transpose()
    }

    /// Whether a track is kept from removal by age or for room; false when there is no such track.
    pub async fn set_kept(&self, track: &TrackId, kept: bool) -> Result<bool, StoreError> {
        let query = sqlx::query("UPDATE tracks SET kept = ? WHERE id = ?").bind(kept).bind(track.as_str());
        Ok(query.execute(&self.pool).await?.rows_affected() > 0)
    }
}
