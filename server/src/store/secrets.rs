//! Secrets of this store, made at random when they are first needed.

use super::{Store, StoreError};

impl Store {
    /// The secret of that name: the same as long as the store lives.
    pub async fn secret(&self, name: &str) -> Result<[u8; 32], StoreError> {
        let read = || sqlx::query_scalar("SELECT value FROM secrets WHERE name = ?").bind(name);
        let value: Option<Vec<u8>> = read().fetch_optional(&self.pool).await?;
        let value = match value {
            Some(value) => value,
            None => {
                // Of two who make it at the same time one is ignored, and reads the other's.
                sqlx::query("INSERT OR IGNORE INTO secrets (name, value) VALUES (?, ?)")
                    .bind(name)
                    .bind(rand::random::<[u8; 32]>().as_slice())
                    .execute(&self.pool)
                    .await?;
                read().fetch_one(&self.pool).await?
            }
        };
        value.try_into().map_err(|_| StoreError::Corrupt("secret"))
    }
}
