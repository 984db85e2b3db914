//! Secrets of this store, made at random when they are first needed.

use super::{Store, StoreError};

impl Store {
    /// The secret of that name: the same as long as the store lives.
    pub async fn secret(&self, name: &str) -> Result<[u8; 32], StoreError> {
        sqlx::query("INSERT OR IGNORE INTO secrets (name, value) VALUES (?, ?)")
            .bind(name)
            .bind(rand::random::<[u8; 32]>().as_slice())
            .execute(&self.pool)
            .await?;
        let value: Vec<u8> = sqlx::query_scalar("SELECT value FROM secrets WHERE name = ?")
            .bind(name)
            .fetch_one(&self.pool)
            .await?;
        value.try_into().map_err(|_| StoreError::Corrupt("secret"))
    }
}
