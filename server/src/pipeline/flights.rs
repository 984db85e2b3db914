//! The chunks that are out, and room for more.

use super::lock;
use karaoke_core::TrackId;
use karaoke_core::flight::Flight;
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

type Key = (TrackId, u64);

/// Which chunks are out, and how many may be.
pub(super) struct Flights {
    out: Mutex<HashMap<Key, Flight>>,
    bound: AtomicUsize,
    changed: Notify,
}

impl Flights {
    pub(super) fn new(bound: usize) -> Self {
        Self { out: Mutex::default(), bound: AtomicUsize::new(bound.max(1)), changed: Notify::new() }
    }

    /// Waits until another chunk may go out. Only one may wait.
    pub(super) async fn room(&self) {
        while lock(&self.out).len() >= self.bound() {
            self.changed.notified().await;
        }
    }

    /// How many chunks may be out.
    pub(super) fn bound(&self) -> usize {
        self.bound.load(Ordering::Relaxed)
    }

    /// Changes how many chunks may be out. Those that are, stay.
    pub(super) fn set_bound(&self, bound: usize) {
        self.bound.store(bound.max(1), Ordering::Relaxed);
        self.changed.notify_one();
    }

    /// A chunk goes out.
    pub(super) fn add(&self, track: &TrackId, chunk: u64, flight: Flight) {
        lock(&self.out).insert((track.clone(), chunk), flight);
    }

    /// Looks at a chunk that is out, and may change what is known of it.
    pub(super) fn with<T>(&self, track: &TrackId, chunk: u64, f: impl FnOnce(&mut Flight) -> T) -> Option<T> {
        lock(&self.out).get_mut(&(track.clone(), chunk)).map(f)
    }

    /// A chunk is no longer out.
    pub(super) fn remove(&self, track: &TrackId, chunk: u64) -> Option<Flight> {
        let flight = lock(&self.out).remove(&(track.clone(), chunk));
        self.changed.notify_one();
        flight
    }

    /// Nothing of a track is out any more.
    pub(super) fn remove_track(&self, track: &TrackId) {
        lock(&self.out).retain(|(t, _), _| t != track);
        self.changed.notify_one();
    }

    /// Goes through everything that is out.
    pub(super) fn each(&self, mut f: impl FnMut(&Key, &mut Flight)) {
        lock(&self.out).iter_mut().for_each(|(key, flight)| f(key, flight));
    }

    /// How many chunks are out, and how many of them have been begun with.
    pub(super) fn count(&self) -> (usize, usize) {
        let out = lock(&self.out);
        (out.len(), out.values().filter(|f| f.is_begun()).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::time::Duration;

    #[tokio::test]
    async fn the_bound_holds_and_follows_the_workers() {
        let flights = Arc::new(Flights::new(1));
        let id = TrackId::from_random(1);
        flights.room().await;
        flights.add(&id, 0, Flight::new(1, Duration::ZERO));
        let waiting = tokio::spawn({
            let flights = flights.clone();
            async move { flights.room().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        flights.set_bound(2);
        waiting.await.unwrap();
        flights.add(&id, 1, Flight::new(1, Duration::ZERO));
        assert_eq!(flights.count(), (2, 0));
        flights.remove_track(&id);
        flights.room().await;
        assert_eq!(flights.count(), (0, 0));
    }
}
