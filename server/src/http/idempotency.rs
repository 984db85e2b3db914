//! `Idempotency-Key`: an upload that is sent again because its answer was lost does not become a second track.
//!
//! (draft-ietf-httpapi-idempotency-key-header.) Nothing is kept but the track: its id and its passcode are made of the
//! key and of a secret of the store, so that the answer can be given again, and nobody who guesses a key can make
//! them.

use super::App;
use super::auth;
use super::in_progress::Held;
use crate::client::Client;
use crate::clock::now_ms;
use crate::problem::Problem;
use crate::store::TrackRecord;
use axum::http::HeaderMap;
use karaoke_core::TrackId;
use sha2::{Digest, Sha256};

/// How long a key is the same request.
const KEPT_MS: i64 = 24 * 3_600_000;

/// The longest key.
const LONGEST: usize = 255;

/// What an upload becomes: a track of that id, which opens with that passcode.
pub(super) struct Ticket {
    pub(super) id: TrackId,
    pub(super) passcode: String,
    /// The track that an earlier request with the same key has become.
    pub(super) earlier: Option<TrackRecord>,
    /// Keeps others with the same key away, as long as it lives.
    pub(super) held: Option<Held>,
}

/// The ticket of a request: of its key, or else a new one.
pub(super) async fn ticket(app: &App, headers: &HeaderMap, client: &Client) -> Result<Ticket, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(fresh()) };
    let key = key.to_str().ok().filter(|key| (1..=LONGEST).contains(&key.len())).ok_or_else(|| {
        Problem::new(400, "Bad idempotency key", "Idempotency-Key is 1 to 255 characters of plain text.")
    })?;
    let secret = app.pipeline.store.secret("idempotency").await?;
    // The keys of one client are not those of another; but people's addresses change.
    let holder = client.name.as_deref().filter(|name| name.starts_with("key:")).unwrap_or_default();
    let digest =
        Sha256::new().chain_update(secret).chain_update(holder).chain_update(key.as_bytes()).finalize();
    let half = |at: usize| digest[at..at + 16].iter().fold(0u128, |bits, byte| bits << 8 | u128::from(*byte));
    let id = TrackId::from_random(half(0));
    let held = Held::new(&app.in_progress, &id).ok_or_else(|| {
        let detail = "A request with this Idempotency-Key is being answered; try again in some seconds.";
        Problem::new(409, "Request in progress", detail)
    })?;
    let earlier = app.pipeline.store.track(&id).await?;
    if earlier.as_ref().is_some_and(|track| track.created_ms < now_ms() - KEPT_MS) {
        return Ok(fresh());
    }
    Ok(Ticket { id, passcode: auth::passcode(half(16)), earlier, held: Some(held) })
}

/// The ticket of a request without a key.
pub(super) fn fresh() -> Ticket {
    Ticket {
        id: TrackId::from_random(rand::random()),
        passcode: auth::new_passcode(),
        earlier: None,
        held: None,
    }
}

/// 422: the key was used for something else.
pub(super) fn reused() -> Problem {
    let detail = "This Idempotency-Key was used for another song or model; send another key.";
    Problem::new(422, "Idempotency key reused", detail)
}
