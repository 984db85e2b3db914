//! Rows of uploads that are not whole yet, or were refused.

use super::track_record::failure;
use super::{Failure, Store, StoreError};
use karaoke_core::TrackId;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// Refused uploads that are remembered, so that whoever missed the answer can ask again.
const REFUSED_KEPT: u32 = 1000;

/// An upload that can go on after its connection was lost.
#[derive(Clone, Debug, PartialEq)]
pub struct UploadRecord {
    /// The id of the track that it becomes.
    pub id: TrackId,
    /// Bytes in all.
    pub length: u64,
    /// Bytes that are safe on disk.
    pub received: u64,
    /// The header `Upload-Metadata` as the client gave it.
    pub metadata: String,
    /// By when the song should be done, Unix milliseconds.
    pub deadline_ms: Option<i64>,
    /// Who hands it in, where that is counted.
    pub client: Option<String>,
    /// When it is forgotten unless more of it comes, Unix milliseconds.
    pub expires_ms: i64,
    /// Why it was refused, when all or some of it had arrived.
    pub failure: Option<Failure>,
}

/// How many uploads may be unfinished at once, and how large all of them together.
#[derive(Clone, Copy, Debug)]
pub struct UploadBounds {
    /// Uploads.
    pub count: u32,
    /// Their lengths, added up.
    pub bytes: u64,
}

impl Store {
    /// Adds an upload; false when that would be more than the bounds allow.
    pub async fn insert_upload(&self, u: &UploadRecord, bounds: UploadBounds) -> Result<bool, StoreError> {
        let done = sqlx::query(
            "INSERT INTO uploads (id, length, received, metadata, deadline_ms, expires_ms, client)
             SELECT ?1, ?2, 0, ?3, ?4, ?5, ?8
             WHERE (SELECT COUNT(*) FROM uploads WHERE error_status IS NULL) < ?6
             AND (SELECT COALESCE(SUM(length), 0) FROM uploads WHERE error_status IS NULL) + ?2 <= ?7",
        )
        .bind(u.id.as_str())
        .bind(signed(u.length))
        .bind(&u.metadata)
        .bind(u.deadline_ms)
        .bind(u.expires_ms)
        .bind(bounds.count)
        .bind(signed(bounds.bytes))
        .bind(&u.client)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The upload of that name.
    pub async fn upload(&self, id: &TrackId) -> Result<Option<UploadRecord>, StoreError> {
        let query = sqlx::query("SELECT * FROM uploads WHERE id = ?").bind(id.as_str());
        query.fetch_optional(&self.pool).await?.map(|row| record(&row)).transpose()
    }

    /// All of them.
    pub async fn uploads(&self) -> Result<Vec<UploadRecord>, StoreError> {
        let rows = sqlx::query("SELECT * FROM uploads").fetch_all(&self.pool).await?;
        rows.iter().map(record).collect()
    }

    /// So many bytes of it are safe now. False when it is gone.
    pub async fn upload_received(
        &self,
        id: &TrackId,
        received: u64,
        expires_ms: i64,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE uploads SET received = ?, expires_ms = ? WHERE id = ?")
            .bind(signed(received))
            .bind(expires_ms)
            .bind(id.as_str())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Keeps of it only why it was refused.
    pub async fn refuse_upload(&self, id: &TrackId, why: &Failure) -> Result<(), StoreError> {
        sqlx::query("UPDATE uploads SET error_status = ?, error_title = ?, error_detail = ? WHERE id = ?")
            .bind(why.status)
            .bind(&why.title)
            .bind(&why.detail)
            .bind(id.as_str())
            .execute(&self.pool)
            .await?;
        sqlx::query(
            "DELETE FROM uploads WHERE error_status IS NOT NULL AND id NOT IN
             (SELECT id FROM uploads WHERE error_status IS NOT NULL ORDER BY expires_ms DESC LIMIT ?)",
        )
        .bind(REFUSED_KEPT)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets an upload; false when there was none.
    pub async fn delete_upload(&self, id: &TrackId) -> Result<bool, StoreError> {
        let query = sqlx::query("DELETE FROM uploads WHERE id = ?").bind(id.as_str());
        Ok(query.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Uploads whose time was over at `now_ms` (Unix milliseconds).
    pub async fn expired_uploads(&self, now_ms: i64) -> Result<Vec<TrackId>, StoreError> {
        let query = sqlx::query_scalar("SELECT id FROM uploads WHERE expires_ms <= ?").bind(now_ms);
        let ids: Vec<String> = query.fetch_all(&self.pool).await?;
        ids.iter().map(|id| parse(id)).collect()
    }
}

/// SQLite counts to 2^63 - 1 only.
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn parse(id: &str) -> Result<TrackId, StoreError> {
    TrackId::parse(id).map_err(|_| StoreError::Corrupt("upload id"))
}

fn record(row: &SqliteRow) -> Result<UploadRecord, StoreError> {
    let (length, received): (i64, i64) = (row.try_get("length")?, row.try_get("received")?);
    Ok(UploadRecord {
        id: parse(row.try_get("id")?)?,
        length: length as u64,
        received: received as u64,
        metadata: row.try_get("metadata")?,
        deadline_ms: row.try_get("deadline_ms")?,
        expires_ms: row.try_get("expires_ms")?,
        failure: failure(row)?,
        client: row.try_get("client")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: UploadBounds = UploadBounds { count: 2, bytes: 100 };

    fn upload(n: u128, length: u64) -> UploadRecord {
        UploadRecord {
            id: TrackId::from_random(n),
            length,
            received: 0,
            metadata: "filename YQ==".into(),
            deadline_ms: Some(5),
            expires_ms: 1000 + n as i64,
            failure: None,
            client: None,
        }
    }

    #[tokio::test]
    async fn number_and_bytes_of_unfinished_uploads_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        assert!(store.insert_upload(&upload(1, 60), BOUNDS).await.unwrap());
        assert!(!store.insert_upload(&upload(2, 41), BOUNDS).await.unwrap(), "too many bytes");
        assert!(!store.insert_upload(&upload(2, u64::MAX), BOUNDS).await.unwrap(), "far too many");
        assert!(store.insert_upload(&upload(2, 40), BOUNDS).await.unwrap());
        assert!(!store.insert_upload(&upload(3, 0), BOUNDS).await.unwrap(), "too many");
        let why = Failure { status: 415, title: "No".into(), detail: "Not at all.".into() };
        store.refuse_upload(&upload(1, 0).id, &why).await.unwrap();
        assert!(store.insert_upload(&upload(3, 60), BOUNDS).await.unwrap(), "a refused one takes no room");
        assert_eq!(store.upload(&upload(1, 0).id).await.unwrap().unwrap().failure, Some(why));
    }

    #[tokio::test]
    async fn what_is_written_is_read_and_expires() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).await.unwrap();
        let one = upload(1, 60);
        assert!(store.insert_upload(&one, BOUNDS).await.unwrap());
        assert_eq!(store.upload(&one.id).await.unwrap(), Some(one.clone()));
        assert!(store.upload_received(&one.id, 7, 2000).await.unwrap());
        assert_eq!(store.uploads().await.unwrap()[0].received, 7);
        assert_eq!(store.expired_uploads(1999).await.unwrap(), vec![]);
        assert_eq!(store.expired_uploads(2000).await.unwrap(), vec![one.id.clone()]);
        assert!(store.delete_upload(&one.id).await.unwrap());
        assert!(!store.upload_received(&one.id, 8, 3000).await.unwrap());
    }
}
