//! API keys: 160 random bits for a client, of which the store keeps the hash.

use crate::client::ApiKey;
use crate::clock::{now_ms, rfc3339};
use crate::store::{Store, StoreError};
pub use karaoke_core::quota::Quotas;
use sha2::{Digest, Sha256};

/// Makes a key; also returns the secret itself, which cannot be had again.
pub async fn create(store: &Store, name: &str, quotas: Quotas) -> Result<(ApiKey, String), StoreError> {
    let secret = format!("karaoke_{}", hex::encode(rand::random::<[u8; 20]>()));
    let id = hex::encode(rand::random::<[u8; 4]>());
    let name = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let key = ApiKey { id, name, quotas, created_ms: now_ms(), revoked_ms: None };
    // It is random, so that a plain hash is enough.
    store.insert_key(&key, &hex::encode(Sha256::digest(secret.as_bytes()))).await?;
    Ok((key, secret))
}

/// Takes a key no longer; false when there is none of that id, or it was revoked before.
pub async fn revoke(store: &Store, id: &str) -> Result<bool, StoreError> {
    store.revoke_key(id, now_ms()).await
}

/// A time of a key as text.
pub fn time(unix_ms: i64) -> String {
    rfc3339(unix_ms)
}
