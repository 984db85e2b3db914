//! Rows of API keys.

use super::{Store, StoreError};
use crate::client::ApiKey;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

impl Store {
    /// Adds a key, of which only the SHA-256 (hexadecimal) is kept.
    pub async fn insert_key(&self, key: &ApiKey, sha256: &str) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO api_keys (id, name, sha256, quotas, created_ms) VALUES (?, ?, ?, ?, ?)")
            .bind(&key.id)
            .bind(&key.name)
            .bind(sha256)
            .bind(serde_json::to_string(&key.quotas).map_err(|_| StoreError::Corrupt("quotas"))?)
            .bind(key.created_ms)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// All keys, also revoked ones, oldest first.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM api_keys ORDER BY created_ms, id").fetch_all(&self.pool).await?;
        rows.iter().map(key).collect()
    }

    /// The key with that SHA-256 (hexadecimal), unless it was revoked.
    pub async fn key(&self, sha256: &str) -> Result<Option<ApiKey>, StoreError> {
        let query =
            sqlx::query("SELECT * FROM api_keys WHERE sha256 = ? AND revoked_ms IS NULL").bind(sha256);
        query.fetch_optional(&self.pool).await?.map(|row| key(&row)).transpose()
    }

    /// Takes a key no longer; false when there is none of that id, or it was revoked before.
    pub async fn revoke_key(&self, id: &str, now_ms: i64) -> Result<bool, StoreError> {
        let query = sqlx::query("UPDATE api_keys SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL");
        let done = query.bind(now_ms).bind(id).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }
}

fn key(row: &SqliteRow) -> Result<ApiKey, StoreError> {
    let quotas: String = row.try_get("quotas")?;
    Ok(ApiKey {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        quotas: serde_json::from_str(&quotas).map_err(|_| StoreError::Corrupt("quotas"))?,
        created_ms: row.try_get("created_ms")?,
        revoked_ms: row.try_get("revoked_ms")?,
    })
}
