//! The chunks in flight, and how many more may go out.

use crate::active_track::ActiveTrack;
use crate::concurrency::lock;
use karaoke_core::in_flight::InFlightChunk;
use karaoke_core::route::choose;
use karaoke_core::{ChunkIndex, Route, TrackId};
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::Notify;
use tracing::Span;

type Key = (TrackId, ChunkIndex);

/// Which chunks are in flight, and how many of each route may be.
pub(super) struct InFlightChunks {
    out: Mutex<HashMap<Key, Out>>,
    bounds: Mutex<Bounds>,
    changed: Notify,
}

struct Out {
    route: Route,
    entry: InFlightChunk,
    /// From its first copy's going out to its reply, for traces.
    span: Span,
}

/// How many chunks of a route may be in flight: a track whose model nobody serves must not take the places of others.
struct Bounds {
    /// Of every route, when the configuration says how many.
    fixed: Option<usize>,
    /// Of a route that no live worker serves.
    other: usize,
    /// Of the routes that live workers serve, what keeps them busy.
    served: HashMap<Route, usize>,
}

impl Bounds {
    fn of(&self, route: &Route) -> usize {
        let kept_busy = || self.served.get(route).copied().unwrap_or(0).max(self.other);
        self.fixed.unwrap_or_else(kept_busy)
    }
}

impl InFlightChunks {
    /// At least `least` chunks of each route may be in flight, or of each as many as are `fixed`.
    pub(super) fn new(least: usize, fixed: Option<usize>) -> Self {
        let bounds = Bounds { fixed, other: least.max(1), served: HashMap::new() };
        Self { out: Mutex::default(), bounds: Mutex::new(bounds), changed: Notify::new() }
    }

    /// Waits until another chunk may go out that could not before. Only one may wait.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// How many more chunks of `route` may go out.
    pub(super) fn capacity(&self, route: &Route) -> usize {
        let out = lock(&self.out).values().filter(|out| out.route == *route).count();
        lock(&self.bounds).of(route).saturating_sub(out)
    }

    /// Of the providers that have live workers for `model`, the one with the most free capacity.
    pub(super) fn most_capacity(&self, model: &str) -> Option<Route> {
        let routes: Vec<Route> =
            lock(&self.bounds).served.keys().filter(|route| route.model == model).cloned().collect();
        let provider = choose(routes.iter().map(|route| (route.provider.as_str(), self.capacity(route))))?;
        Some(Route::new(model, provider))
    }

    /// How many chunks may be in flight, of the routes that are served or have some out.
    pub(super) fn bound(&self) -> usize {
        let mut routes: HashSet<Route> = lock(&self.out).values().map(|out| out.route.clone()).collect();
        let bounds = lock(&self.bounds);
        routes.extend(bounds.served.keys().cloned());
        routes.iter().map(|route| bounds.of(route)).sum::<usize>().max(bounds.other)
    }

    /// Sets which routes live workers serve, and how many chunks keep those of each busy. What is in flight stays.
    pub(super) fn set_served(&self, served: HashMap<Route, usize>) {
        let mut bounds = lock(&self.bounds);
        if bounds.served != served {
            bounds.served = served;
            self.changed.notify_one();
        }
    }

    /// A chunk goes out.
    pub(super) fn add(&self, track: &TrackId, chunk: ChunkIndex, route: &Route, entry: InFlightChunk) {
        lock(&self.out)
            .insert((track.clone(), chunk), Out { route: route.clone(), entry, span: Span::none() });
    }

    /// The span of a chunk in flight, which ends when it no longer is.
    pub(super) fn span(&self, track: &ActiveTrack, chunk: ChunkIndex) -> Span {
        let mut out = lock(&self.out);
        let Some(out) = out.get_mut(&(track.id.clone(), chunk)) else { return Span::none() };
        if out.span.is_none() {
            out.span = tracing::info_span!(parent: None, "chunk", track = %track.id, %chunk);
            karaoke_telemetry::follow(&out.span, track.trace_parent());
        }
        out.span.clone()
    }

    /// Another copy of a chunk in flight goes out now, on `route`. False when it is not in flight.
    pub(super) fn copied(
        &self,
        track: &TrackId,
        chunk: ChunkIndex,
        route: &Route,
        attempt: u32,
        now: Duration,
    ) -> bool {
        lock(&self.out).get_mut(&(track.clone(), chunk)).is_some_and(|out| {
            out.entry.copied(attempt, now);
            out.route = route.clone();
            true
        })
    }

    /// Looks at a chunk in flight, and may change what is known of it.
    pub(super) fn with<T>(
        &self,
        track: &TrackId,
        chunk: ChunkIndex,
        f: impl FnOnce(&mut InFlightChunk) -> T,
    ) -> Option<T> {
        lock(&self.out).get_mut(&(track.clone(), chunk)).map(|out| f(&mut out.entry))
    }

    /// A chunk is no longer in flight.
    pub(super) fn remove(&self, track: &TrackId, chunk: ChunkIndex) -> Option<InFlightChunk> {
        let out = lock(&self.out).remove(&(track.clone(), chunk));
        self.changed.notify_one();
        out.map(|out| out.entry)
    }

    /// Nothing of a track is in flight any more.
    pub(super) fn remove_track(&self, track: &TrackId) {
        lock(&self.out).retain(|(t, _), _| t != track);
        self.changed.notify_one();
    }

    /// Goes through everything that is out.
    pub(super) fn each(&self, mut f: impl FnMut(&Key, &mut InFlightChunk)) {
        lock(&self.out).iter_mut().for_each(|(key, out)| f(key, &mut out.entry));
    }

    /// How many chunks are in flight, and how many of them have been begun with.
    pub(super) fn count(&self) -> (usize, usize) {
        let out = lock(&self.out);
        (out.len(), out.values().filter(|out| out.entry.is_started()).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn route(model: &str, provider: &str) -> Route {
        Route::new(model, provider)
    }

    fn entry() -> InFlightChunk {
        InFlightChunk::new(1, Duration::ZERO)
    }

    #[tokio::test]
    async fn every_route_has_a_bound_of_its_own_that_follows_its_workers() {
        let in_flight = Arc::new(InFlightChunks::new(1, None));
        let (id, unserved, served) =
            (TrackId::from_random(1), route("unserved", "cpu"), route("served", "cpu"));
        in_flight.add(&id, 0.into(), &unserved, entry());
        assert_eq!((in_flight.capacity(&unserved), in_flight.capacity(&served)), (0, 1));
        in_flight.add(&id, 1.into(), &served, entry());
        assert_eq!((in_flight.capacity(&served), in_flight.capacity(&route("served", "cuda"))), (0, 1));
        let waiting = tokio::spawn({
            let in_flight = in_flight.clone();
            async move { in_flight.changed().await }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        in_flight.set_served(HashMap::from([(served.clone(), 2)]));
        waiting.await.unwrap();
        assert_eq!((in_flight.capacity(&served), in_flight.capacity(&unserved)), (1, 0));
        assert_eq!((in_flight.count(), in_flight.bound()), ((2, 0), 3));
        in_flight.remove_track(&id);
        assert_eq!((in_flight.capacity(&unserved), in_flight.count(), in_flight.bound()), (1, (0, 0), 2));
    }

    #[test]
    fn the_provider_with_most_capacity_has_live_workers_for_the_model() {
        let in_flight = InFlightChunks::new(2, None);
        assert_eq!(in_flight.most_capacity("m"), None);
        let [cpu, cuda] = [route("m", "cpu"), route("m", "cuda")];
        in_flight.set_served([(cpu.clone(), 3), (cuda.clone(), 4), (route("n", "npu"), 9)].into());
        assert_eq!(in_flight.most_capacity("m"), Some(cuda.clone()));
        let id = TrackId::from_random(1);
        (0u64..2).for_each(|chunk| in_flight.add(&id, chunk.into(), &cuda, entry()));
        assert_eq!(in_flight.most_capacity("m"), Some(cpu.clone()));
        // A copy goes where its track is now, and its place with it.
        assert!(
            in_flight.copied(&id, 0.into(), &cpu, 2, Duration::ZERO)
                && !in_flight.copied(&id, 7.into(), &cpu, 2, Duration::ZERO)
        );
        assert_eq!((in_flight.capacity(&cpu), in_flight.capacity(&cuda)), (2, 3));
    }

    #[test]
    fn a_fixed_bound_holds_for_every_route() {
        let in_flight = InFlightChunks::new(2, Some(7));
        in_flight.set_served([(route("m", "cpu"), 3)].into());
        assert_eq!((in_flight.capacity(&route("m", "cpu")), in_flight.capacity(&route("m", "cuda"))), (7, 7));
    }
}
