//! Keeps and removes the lyrics of tracks, and tells those who follow them.

use super::Pipeline;
use crate::problem::Problem;
use crate::store::LyricsSource;
use karaoke_core::TrackId;
use karaoke_core::lyrics::Lyrics;

impl Pipeline {
    /// Keeps lyrics; those of tags do not replace a user's.
    pub async fn store_lyrics(
        &self,
        id: &TrackId,
        source: LyricsSource,
        lyrics: &Lyrics,
        now_ms: i64,
    ) -> Result<(), Problem> {
        let mark = self.store.set_lyrics(id, source, lyrics, now_ms).await?;
        if let (Some(mark), Some(track)) = (mark, self.active(id)) {
            track.update(|record| record.lyrics = Some(mark));
        }
        Ok(())
    }

    /// Removes a track's lyrics; false when it has none.
    pub async fn delete_lyrics(&self, id: &TrackId) -> Result<bool, Problem> {
        let gone = self.store.delete_lyrics(id).await?;
        if let Some(track) = self.active(id) {
            track.update(|record| record.lyrics = None);
        }
        Ok(gone)
    }
}
