//! Requests with an `Idempotency-Key` that are being answered: one at a time for each key.

use crate::concurrency::lock;
use karaoke_core::TrackId;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// The tracks that they are about to become.
pub(super) type InProgress = Mutex<HashSet<TrackId>>;

/// A request that is being answered; others with the same key are, once it is dropped.
pub(super) struct Held {
    all: Arc<InProgress>,
    id: TrackId,
}

impl Held {
    /// None while another request holds the same.
    pub(super) fn new(all: &Arc<InProgress>, id: &TrackId) -> Option<Self> {
        lock(all).insert(id.clone()).then(|| Self { all: all.clone(), id: id.clone() })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        lock(&self.all).remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time() {
        let (all, id) = (Arc::default(), TrackId::from_random(1));
        let held = Held::new(&all, &id).unwrap();
        assert!(Held::new(&all, &id).is_none() && Held::new(&all, &TrackId::from_random(2)).is_some());
        drop(held);
        assert!(Held::new(&all, &id).is_some());
    }
}
