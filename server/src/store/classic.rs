//! Songs that came by the classic API.

use super::{Store, StoreError};
use karaoke_core::TrackId;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A song that came by the classic API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicSong {
    /// What the classic API calls it, from 1.
    pub number: u32,
    /// The track that it is.
    pub track: TrackId,
    /// The parts that its final mix holds, by place among the model's parts from 1, ascending; none before somebody has
    /// chosen.
    pub kept: Option<Vec<usize>>,
}

impl Store {
    /// Numbers a track for the classic API. It stays numbered for as long as it is there.
    pub async fn add_classic_song(&self, id: &TrackId) -> Result<(), StoreError> {
        let query = sqlx::query("INSERT INTO classic_songs (track) VALUES (?)").bind(id.as_str());
        query.execute(&self.pool).await?;
        Ok(())
    }

    /// All songs of the classic API, in the order they came.
    pub async fn classic_songs(&self) -> Result<Vec<ClassicSong>, StoreError> {
        let query = sqlx::query("SELECT number, track, kept FROM classic_songs ORDER BY number");
        query.fetch_all(&self.pool).await?.iter().map(song).collect()
    }

    /// The song of that number.
    pub async fn classic_song(&self, number: u32) -> Result<Option<ClassicSong>, StoreError> {
        let query = sqlx::query("SELECT number, track, kept FROM classic_songs WHERE number = ?");
        let row = query.bind(number).fetch_optional(&self.pool).await?;
        row.map(|row| song(&row)).transpose()
    }

    /// The number of a track in the classic API.
    pub async fn classic_number(&self, id: &TrackId) -> Result<Option<u32>, StoreError> {
        let query = sqlx::query_scalar("SELECT number FROM classic_songs WHERE track = ?");
        Ok(query.bind(id.as_str()).fetch_optional(&self.pool).await?)
    }

    /// Chooses what the final mix of a song holds; what was chosen before is forgotten.
    pub async fn keep_of_classic_song(&self, number: u32, kept: &[usize]) -> Result<(), StoreError> {
        let kept = serde_json::to_string(kept).map_err(|_| StoreError::Corrupt("choice of parts"))?;
        sqlx::query("UPDATE classic_songs SET kept = ? WHERE number = ?")
            .bind(kept)
            .bind(number)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

fn song(row: &SqliteRow) -> Result<ClassicSong, StoreError> {
    let (track, kept): (String, Option<String>) = (row.try_get("track")?, row.try_get("kept")?);
    let kept = kept.map(|text| serde_json::from_str(&text)).transpose();
    Ok(ClassicSong {
        number: row.try_get("number")?,
        track: TrackId::parse(&track).map_err(|_| StoreError::Corrupt("track id"))?,
        kept: kept.map_err(|_| StoreError::Corrupt("choice of parts"))?,
    })
}
