//! The chunks that are out, and room for more.

use super::lock;
use karaoke_core::TrackId;
use karaoke_core::flight::Flight;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

type Key = (TrackId, u64);

/// Which chunks are out, and how many of each model may be.
pub(super) struct Flights {
    out: Mutex<HashMap<Key, Out>>,
    bounds: Mutex<Bounds>,
    changed: Notify,
}

struct Out {
    model: Arc<str>,
    flight: Flight,
}

/// How many chunks of a model may be out: a track whose model nobody serves must not take the places of others.
struct Bounds {
    /// Of a model that is not among `models`.
    other: usize,
    models: HashMap<String, usize>,
}

impl Bounds {
    fn of(&self, model: &str) -> usize {
        self.models.get(model).copied().unwrap_or(0).max(self.other)
    }
}

impl Flights {
    /// At least `least` chunks of each model may be out.
    pub(super) fn new(least: usize) -> Self {
        let bounds = Bounds { other: least.max(1), models: HashMap::new() };
        Self { out: Mutex::default(), bounds: Mutex::new(bounds), changed: Notify::new() }
    }

    /// Waits until another chunk may go out that could not before. Only one may wait.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Whether another chunk of `model` may go out.
    pub(super) fn has_room(&self, model: &str) -> bool {
        let out = lock(&self.out).values().filter(|out| *out.model == *model).count();
        out < lock(&self.bounds).of(model)
    }

    /// How many chunks may be out, of the models that are served or have some out.
    pub(super) fn bound(&self) -> usize {
        let mut models: HashSet<String> = lock(&self.out).values().map(|out| out.model.to_string()).collect();
        let bounds = lock(&self.bounds);
        models.extend(bounds.models.keys().cloned());
        models.iter().map(|model| bounds.of(model)).sum::<usize>().max(bounds.other)
    }

    /// Changes how many chunks of each model may be out. Those that are, stay.
    pub(super) fn set_bounds(&self, models: HashMap<String, usize>) {
        let mut bounds = lock(&self.bounds);
        if bounds.models != models {
            bounds.models = models;
            self.changed.notify_one();
        }
    }

    /// A chunk goes out.
    pub(super) fn add(&self, track: &TrackId, chunk: u64, model: &str, flight: Flight) {
        lock(&self.out).insert((track.clone(), chunk), Out { model: model.into(), flight });
    }

    /// Looks at a chunk that is out, and may change what is known of it.
    pub(super) fn with<T>(&self, track: &TrackId, chunk: u64, f: impl FnOnce(&mut Flight) -> T) -> Option<T> {
        lock(&self.out).get_mut(&(track.clone(), chunk)).map(|out| f(&mut out.flight))
    }

    /// A chunk is no longer out.
    pub(super) fn remove(&self, track: &TrackId, chunk: u64) -> Option<Flight> {
        let out = lock(&self.out).remove(&(track.clone(), chunk));
        self.changed.notify_one();
        out.map(|out| out.flight)
    }

    /// Nothing of a track is out any more.
    pub(super) fn remove_track(&self, track: &TrackId) {
        lock(&self.out).retain(|(t, _), _| t != track);
        self.changed.notify_one();
    }

    /// Goes through everything that is out.
    pub(super) fn each(&self, mut f: impl FnMut(&Key, &mut Flight)) {
        lock(&self.out).iter_mut().for_each(|(key, out)| f(key, &mut out.flight));
    }

    /// How many chunks are out, and how many of them have been begun with.
    pub(super) fn count(&self) -> (usize, usize) {
        let out = lock(&self.out);
        (out.len(), out.values().filter(|out| out.flight.is_begun()).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn every_model_has_a_bound_of_its_own_that_follows_its_workers() {
        let flights = Arc::new(Flights::new(1));
        let id = TrackId::from_random(1);
        let flight = || Flight::new(1, Duration::ZERO);
        flights.add(&id, 0, "unserved", flight());
        assert!(!flights.has_room("unserved") && flights.has_room("served"));
        flights.add(&id, 1, "served", flight());
        assert!(!flights.has_room("served"));
        let waiting = tokio::spawn({
            let flights = flights.clone();
            async move { flights.changed().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        flights.set_bounds(HashMap::from([("served".to_owned(), 2)]));
        waiting.await.unwrap();
        assert!(flights.has_room("served") && !flights.has_room("unserved"));
        assert_eq!((flights.count(), flights.bound()), ((2, 0), 3));
        flights.remove_track(&id);
        assert!(flights.has_room("unserved"));
        assert_eq!((flights.count(), flights.bound()), ((0, 0), 2));
    }
}
