//! What the pipeline is made of, and what is handed in to it.

use super::{ChunkingConfig, DispatchConfig, LimitsConfig};
use crate::client::{Client, QuotasConfig};
use crate::model_fetch::FetchStatus;
use crate::notification::{Notification, NotificationsConfig};
use crate::receipt::BillingConfig;
use crate::store::StoreConfig;
use karaoke_core::TrackId;
use karaoke_models::Catalogue;
use karaoke_notify::EmailConfig;
use karaoke_queue::ServerQueue;
use std::path::PathBuf;
use std::sync::Arc;

/// What the pipeline is made of.
pub struct Parts {
    /// `[store]`.
    pub store: StoreConfig,
    /// `[chunking]`.
    pub chunking: ChunkingConfig,
    /// `[dispatch]`.
    pub dispatch: DispatchConfig,
    /// `[limits]`.
    pub limits: LimitsConfig,
    /// `[billing]`.
    pub billing: BillingConfig,
    /// `[quotas]`.
    pub quotas: QuotasConfig,
    /// `[notifications]`.
    pub notifications: NotificationsConfig,
    /// `[email]`.
    pub email: EmailConfig,
    /// The models.
    pub catalogue: Catalogue,
    /// The model (or preset) of those who do not choose.
    pub default_model: String,
    /// Models that are fetched meanwhile.
    pub fetches: FetchStatus,
    /// Where workers of this machine remember how fast models are; none where nobody knows.
    pub speeds: Option<PathBuf>,
    /// The server's end of the queue.
    pub queue: Arc<dyn ServerQueue>,
}

/// An upload that has arrived and lies in [`crate::files::Files::incoming`].
#[derive(Debug)]
pub struct Submission {
    /// The track's name, chosen before the upload began.
    pub id: TrackId,
    /// SHA-256 of its passcode, hexadecimal.
    pub passcode_sha256: String,
    /// The file's name, for display only.
    pub file_name: String,
    /// The file's size.
    pub size_bytes: u64,
    /// The file's SHA-256.
    pub upload_sha256: String,
    /// The model (or preset) asked for.
    pub model: Option<String>,
    /// By when it should be done, Unix milliseconds.
    pub deadline_ms: Option<i64>,
    /// Who is told what becomes of it.
    pub notifications: Vec<Notification>,
    /// Who hands it in.
    pub client: Client,
}
