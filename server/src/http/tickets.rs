//! Archives that were asked for and wait to be fetched, each under an unguessable name.

use crate::active_track::ActiveTrack;
use crate::clock::now_ms;
use crate::concurrency::lock;
use crate::encode::Format;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Archives that are asked for and not fetched yet; the oldest goes first.
const TICKETS: usize = 100;
/// How long one may wait, in milliseconds.
pub(super) const VALID_MS: i64 = 600_000;

/// Archives that were asked for.
pub(super) type Tickets = Mutex<HashMap<String, Ticket>>;

/// What is to be in an archive, and until when it may be fetched.
pub(super) struct Ticket {
    pub(super) files: Vec<Entry>,
    /// Unix milliseconds.
    pub(super) valid_until_ms: i64,
}

/// One file of an archive.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) track: Arc<ActiveTrack>,
    pub(super) stem: String,
    pub(super) format: Format,
    /// Its name in the archive.
    pub(super) name: String,
}

/// Keeps what an archive is to hold under the name `ticket`, for [`VALID_MS`].
pub(super) fn issue(tickets: &Tickets, ticket: String, files: Vec<Entry>) {
    let mut tickets = lock(tickets);
    let now = now_ms();
    tickets.retain(|_, t| t.valid_until_ms > now);
    if tickets.len() >= TICKETS {
        let oldest = tickets.iter().min_by_key(|(_, t)| t.valid_until_ms).map(|(name, _)| name.clone());
        oldest.and_then(|name| tickets.remove(&name));
    }
    tickets.insert(ticket, Ticket { files, valid_until_ms: now + VALID_MS });
}
