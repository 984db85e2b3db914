//! Who hands in songs, and how much of that there may be.

use karaoke_core::quota::Quotas;
use serde::{Deserialize, Serialize};

/// `[quotas]`: what each address without an API key may use.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuotasConfig {
    /// Songs handed in within any 24 hours; 0 (as in the next three): no limit.
    pub tracks_per_day: u32,
    /// Minutes of audio handed in within any 24 hours.
    pub audio_minutes_per_day: u32,
    /// Songs in work or waiting at once.
    pub active_tracks: u32,
    /// Bytes that all songs of an address take on the disk.
    pub kept_bytes: u64,
    /// Who has no API key may hand nothing in.
    pub key_required: bool,
    /// Take the client's address from the last entry of `X-Forwarded-For`: right only behind a proxy that writes it.
    pub trust_forwarded: bool,
}

impl QuotasConfig {
    /// Of an address.
    pub fn quotas(&self) -> Quotas {
        Quotas {
            tracks_per_day: self.tracks_per_day,
            audio_minutes_per_day: self.audio_minutes_per_day,
            active_tracks: self.active_tracks,
            kept_bytes: self.kept_bytes,
        }
    }
}

/// Who hands in a song.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// `key:<id>` or `address:<hash>`; none where nothing is counted: the operator, the command line, or an address
    /// without limits.
    pub name: Option<String>,
    /// What it may use.
    pub quotas: Quotas,
}

/// A key of the API, as the store has it.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its name for programs.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// What its holder may use.
    pub quotas: Quotas,
    /// Since when there is it, Unix milliseconds.
    pub created_ms: i64,
    /// Since when it is no longer taken.
    pub revoked_ms: Option<i64>,
}

impl ApiKey {
    /// Its holder, as tracks and usage name it.
    pub fn client_name(&self) -> String {
        format!("key:{}", self.id)
    }
}

impl From<&ApiKey> for Client {
    fn from(key: &ApiKey) -> Self {
        Self { name: Some(key.client_name()), quotas: key.quotas }
    }
}
