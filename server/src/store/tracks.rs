//! Rows of tracks.

use super::deliveries::track_ended;
use super::track_record::{Failure, TrackRecord, record};
use super::{Store, StoreError, notifications, usage};
use crate::client::Client;
use crate::notification::Notification;
use karaoke_core::quota::Allowance;
use karaoke_core::{Manifest, TrackId, TrackState};

/// What a new track is made of.
#[derive(Clone, Debug)]
pub struct NewTrack {
    /// Its name.
    pub id: TrackId,
    /// SHA-256 of its passcode, hexadecimal.
    pub passcode_sha256: String,
    /// Now, Unix milliseconds.
    pub created_ms: i64,
    /// By when it should be done.
    pub deadline_ms: Option<i64>,
    /// The uploaded file's name.
    pub file_name: String,
    /// The uploaded file's size.
    pub size_bytes: u64,
    /// SHA-256 of the uploaded file.
    pub upload_sha256: String,
    /// The model that shall separate it.
    pub manifest: Manifest,
    /// Who is told what becomes of it.
    pub notifications: Vec<Notification>,
    /// Who hands it in.
    pub client: Client,
}

/// Which tracks a list shows.
#[derive(Clone, Debug)]
pub struct TrackPage {
    /// Those that came before this one (when, Unix milliseconds, and its name); none: from the newest on.
    pub after: Option<(i64, TrackId)>,
    /// Only those in that state.
    pub state: Option<TrackState>,
    /// Only those of that model.
    pub model: Option<String>,
    /// Only those that this client handed in.
    pub client: Option<String>,
    /// So many at most.
    pub limit: u32,
}

impl Store {
    /// Adds a track in state `queued`, unless a quota of its client is used up: then that is returned.
    pub async fn insert_track(&self, t: &NewTrack) -> Result<Option<Allowance>, StoreError> {
        // From the beginning nobody else writes: of two songs that come at once for one place only one is taken.
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        if let Some(client) = &t.client.name {
            let used = usage::usage(&mut tx, client, t.created_ms).await?;
            if let Some(used_up) = t.client.quotas.left(&used).into_iter().find(|a| a.is_used_up) {
                return Ok(Some(used_up));
            }
            usage::count(&mut tx, client, &t.id, t.created_ms).await?;
        }
        sqlx::query(
            "INSERT INTO tracks (id, passcode_sha256, state, created_ms, deadline_ms, file_name, size_bytes,
             upload_sha256, model, manifest, client, disk_bytes) VALUES (?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(t.id.as_str())
        .bind(&t.passcode_sha256)
        .bind(t.created_ms)
        .bind(t.deadline_ms)
        .bind(&t.file_name)
        .bind(t.size_bytes as i64)
        .bind(&t.upload_sha256)
        .bind(t.manifest.name.as_str())
        .bind(serde_json::to_string(&t.manifest).map_err(|_| StoreError::Corrupt("manifest"))?)
        .bind(&t.client.name)
        .bind(t.size_bytes as i64)
        .execute(&mut *tx)
        .await?;
        for notification in &t.notifications {
            notifications::insert(&mut tx, Some(&t.id), notification).await?;
        }
        tx.commit().await?;
        Ok(None)
    }

    /// The track of that name.
    pub async fn track(&self, id: &TrackId) -> Result<Option<TrackRecord>, StoreError> {
        let row = sqlx::query("SELECT * FROM tracks WHERE id = ?")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| record(&row)).transpose()
    }

    /// SHA-256 of a track's upload, hexadecimal.
    pub async fn upload_sha256(&self, id: &TrackId) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar("SELECT upload_sha256 FROM tracks WHERE id = ?");
        Ok(query.bind(id.as_str()).fetch_optional(&self.pool).await?)
    }

    /// Tracks in the order they came, newest first: those of `page`.
    pub async fn newest_tracks(&self, page: &TrackPage) -> Result<Vec<TrackRecord>, StoreError> {
        let (before_ms, before_id) = match &page.after {
            Some((ms, id)) => (*ms, id.as_str()),
            None => (i64::MAX, ""),
        };
        let rows = sqlx::query(
            "SELECT * FROM tracks WHERE (created_ms < ?1 OR (created_ms = ?1 AND id < ?2))
             AND (?3 IS NULL OR state = ?3) AND (?4 IS NULL OR model = ?4)
             AND (?6 IS NULL OR client = ?6)
             ORDER BY created_ms DESC, id DESC LIMIT ?5",
        )
        .bind(before_ms)
        .bind(before_id)
        .bind(page.state.map(TrackState::name))
        .bind(page.model.as_deref())
        .bind(page.limit)
        .bind(page.client.as_deref())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(record).collect()
    }

    /// Tracks that are not at their end, oldest first.
    pub async fn active_tracks(&self) -> Result<Vec<TrackRecord>, StoreError> {
        let rows = sqlx::query(
            "SELECT * FROM tracks WHERE state NOT IN ('done', 'failed', 'cancelled') ORDER BY created_ms",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(record).collect()
    }

    /// Tracks that ended before `before_ms` (Unix milliseconds), except those to be kept.
    pub async fn ended_before(&self, before_ms: i64) -> Result<Vec<TrackId>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM tracks WHERE finished_ms < ? AND kept = 0")
            .bind(before_ms)
            .fetch_all(&self.pool)
            .await?;
        ids.iter().map(|id| TrackId::parse(id).map_err(|_| StoreError::Corrupt("track id"))).collect()
    }

    /// Moves a track on. False when it was not in one of the states that `to` may follow: somebody else (a
    /// cancel, say) was faster.
    pub async fn set_state(&self, id: &TrackId, to: TrackState, now_ms: i64) -> Result<bool, StoreError> {
        let finished = to.is_terminal().then_some(now_ms);
        let mut tx = self.pool.begin().await?;
        let mut moved = 0;
        for from in TrackState::ALL.into_iter().filter(|from| from.may_become(to)) {
            moved += sqlx::query(
                "UPDATE tracks SET state = ?1, finished_ms = COALESCE(?2, finished_ms),
                 disk_bytes = CASE ?1 WHEN 'cancelled' THEN 0 ELSE disk_bytes END,
                 decoding_ms = COALESCE(decoding_ms, CASE ?1 WHEN 'decoding' THEN ?3 END),
                 finishing_ms = COALESCE(finishing_ms, CASE ?1 WHEN 'finishing' THEN ?3 END)
                 WHERE id = ?4 AND state = ?5",
            )
            .bind(to.name())
            .bind(finished)
            .bind(now_ms)
            .bind(id.as_str())
            .bind(from.name())
            .execute(&mut *tx)
            .await?
            .rows_affected();
            if moved > 0 {
                track_ended(&mut tx, id, to, now_ms, now_ms).await?;
                break;
            }
        }
        tx.commit().await?;
        Ok(moved > 0)
    }

    /// Ends a living track with a reason, which others are told from `due_ms` on; false when it had already ended.
    pub async fn fail(
        &self,
        id: &TrackId,
        why: &Failure,
        now_ms: i64,
        due_ms: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let done = sqlx::query(
            "UPDATE tracks SET state = 'failed', disk_bytes = 0, finished_ms = ?, error_status = ?, error_title = ?,
             error_detail = ? WHERE id = ? AND state NOT IN ('done', 'failed', 'cancelled')",
        )
        .bind(now_ms)
        .bind(why.status)
        .bind(&why.title)
        .bind(&why.detail)
        .bind(id.as_str())
        .execute(&mut *tx)
        .await?;
        let has_failed = done.rows_affected() > 0;
        if has_failed {
            track_ended(&mut tx, id, TrackState::Failed, now_ms, due_ms).await?;
        }
        tx.commit().await?;
        Ok(has_failed)
    }

    /// Keeps what the tags say.
    pub async fn set_tags(
        &self,
        id: &TrackId,
        [title, artist, album]: [Option<&str>; 3],
        cover_mime: Option<&str>,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE tracks SET title = ?, artist = ?, album = ?, cover_mime = ? WHERE id = ?")
            .bind(title)
            .bind(artist)
            .bind(album)
            .bind(cover_mime)
            .bind(id.as_str())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Keeps the execution providers that a track was given to, in order; their names have no comma.
    pub async fn set_providers(&self, id: &TrackId, providers: &[String]) -> Result<(), StoreError> {
        sqlx::query("UPDATE tracks SET providers = ? WHERE id = ?")
            .bind(providers.join(","))
            .bind(id.as_str())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Removes a track and its chunks; false when there was none.
    pub async fn delete_track(&self, id: &TrackId) -> Result<bool, StoreError> {
        let done =
            sqlx::query("DELETE FROM tracks WHERE id = ?").bind(id.as_str()).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }
}
