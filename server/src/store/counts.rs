//! How many tracks there are.

use super::{Store, StoreError};
use karaoke_core::TrackState;
use sqlx::Row;

impl Store {
    /// Tracks in each state in which there are any.
    pub async fn tracks_by_state(&self) -> Result<Vec<(TrackState, u64)>, StoreError> {
        let query = sqlx::query("SELECT state, count(*) AS count FROM tracks GROUP BY state");
        let rows = query.fetch_all(&self.pool).await?;
        let counted = rows.iter().map(|row| {
            let (state, count): (String, i64) = (row.try_get("state")?, row.try_get("count")?);
            Ok((TrackState::from_name(&state).ok_or(StoreError::Corrupt("state"))?, count as u64))
        });
        counted.collect()
    }
}
