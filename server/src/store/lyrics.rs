//! Lyrics of tracks.

use super::{Store, StoreError};
use karaoke_core::TrackId;
use karaoke_core::lyrics::{Lyrics, lrc};
use sqlx::Row;

/// Where lyrics came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LyricsSource {
    /// The file's tags.
    Tags,
    /// Somebody who has the passcode.
    User,
}

impl LyricsSource {
    /// Its name, as it is stored and told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::User => "user",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Tags, Self::User].into_iter().find(|source| source.name() == name)
    }
}

/// That a track has lyrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LyricsMark {
    /// Whether they are in time.
    pub synced: bool,
    /// Since when they are these, Unix milliseconds.
    pub since_ms: i64,
}

impl LyricsMark {
    pub(super) fn read(kind: Option<&str>, since_ms: Option<i64>) -> Option<Self> {
        kind.map(|kind| Self { synced: kind == "synced", since_ms: since_ms.unwrap_or_default() })
    }

    fn kind(self) -> &'static str {
        if self.synced { "synced" } else { "plain" }
    }
}

impl Store {
    /// The lyrics of a track, as LRC, and where they came from.
    pub async fn lyrics(&self, id: &TrackId) -> Result<Option<(LyricsSource, String)>, StoreError> {
        let row = sqlx::query("SELECT source, lrc FROM lyrics WHERE track = ?")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let source: String = row.try_get("source")?;
        let source = LyricsSource::from_name(&source).ok_or(StoreError::Corrupt("source of lyrics"))?;
        Ok(Some((source, row.try_get("lrc")?)))
    }

    /// Keeps lyrics in place of those that are there. Those of tags never replace a user's: `None` then.
    pub async fn set_lyrics(
        &self,
        id: &TrackId,
        source: LyricsSource,
        lyrics: &Lyrics,
        now_ms: i64,
    ) -> Result<Option<LyricsMark>, StoreError> {
        let mark = LyricsMark { synced: lyrics.synced, since_ms: now_ms };
        let mut tx = self.pool.begin().await?;
        let kept = sqlx::query(
            "INSERT INTO lyrics (track, source, lrc) VALUES (?, ?, ?) ON CONFLICT (track) DO UPDATE
             SET source = excluded.source, lrc = excluded.lrc WHERE excluded.source = 'user' OR source = 'tags'",
        )
        .bind(id.as_str())
        .bind(source.name())
        .bind(lrc::write(lyrics))
        .execute(&mut *tx)
        .await?;
        if kept.rows_affected() == 0 {
            return Ok(None);
        }
        sqlx::query("UPDATE tracks SET lyrics = ?, lyrics_ms = ? WHERE id = ?")
            .bind(mark.kind())
            .bind(now_ms)
            .bind(id.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Some(mark))
    }

    /// Removes the lyrics of a track; false when there were none.
    pub async fn delete_lyrics(&self, id: &TrackId) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let gone =
            sqlx::query("DELETE FROM lyrics WHERE track = ?").bind(id.as_str()).execute(&mut *tx).await?;
        sqlx::query("UPDATE tracks SET lyrics = NULL, lyrics_ms = NULL WHERE id = ?")
            .bind(id.as_str())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(gone.rows_affected() > 0)
    }
}
