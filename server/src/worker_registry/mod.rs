//! The workers that this server has heard of: who is well, who does what, who has failed at what.
//!
//! Fed by their announcements and by their replies; never asked whether work may be done, only which workers
//! are free to do it. Times are durations since the registry began.

mod effect;
mod known;

use crate::events::EventLog;
use crate::events::json;
use crate::view::{Health, WorkerEvent, WorkerView};
pub use effect::AnnouncementEffect;
use karaoke_core::presence::{HeldChunk, Presence, WorkerState};
use karaoke_core::{ChunkIndex, Route, TrackId, WorkerId};
use known::{GONE_AFTER, Known, missed, presence_of};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Workers that are gone are shown for so long.
const REMEMBERED: Duration = Duration::from_secs(600);
/// A worker without a job for so long is idle; shorter is the way to its next one.
const IDLE_AFTER: Duration = Duration::from_millis(300);
/// Deliveries of one worker that count for the number in flight; pushing many ahead is asked for by number.
const PREFETCH_COUNTED: u32 = 4;
/// Events kept for listeners that come later.
const EVENTS_KEPT: usize = 100;

/// All workers heard of.
pub struct WorkerRegistry {
    inner: Mutex<Inner>,
    /// What happens to them: `worker`, `queue` and `happening`.
    pub events: EventLog,
    began: Instant,
}

#[derive(Default)]
struct Inner {
    workers: BTreeMap<WorkerId, Known>,
    /// Routes that were served, whoever is left of their workers.
    served: HashMap<Route, RouteHeard>,
    /// From when on silence counts: the beginning, or when nobody could be heard for a while.
    listening: Duration,
    recent_events: VecDeque<WorkerEvent>,
}

/// When a worker of a route was last heard, and how long it is from one announcement to the next.
#[derive(Clone, Copy)]
struct RouteHeard {
    heard: Duration,
    every_s: f64,
}

impl Default for WorkerRegistry {
    fn default() -> Self {
        Self { inner: Mutex::default(), events: EventLog::default(), began: Instant::now() }
    }
}

impl WorkerRegistry {
    /// Now.
    pub fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// A worker announces itself.
    pub fn record_presence(&self, presence: Presence) -> AnnouncementEffect {
        let (now, name) = (self.now(), presence.worker.clone());
        let mut inner = self.lock();
        let before = inner.workers.get(&name);
        // A pool tells of a death that a new life has already followed.
        if before.is_some_and(|k| k.presence.life != presence.life && presence.state.is_over()) {
            return AnnouncementEffect::Late;
        }
        let lives = before.is_some_and(|k| k.presence.life == presence.life && k.health.is_here());
        let heard = match presence.state {
            WorkerState::Crashed => AnnouncementEffect::Crashed,
            WorkerState::Left => AnnouncementEffect::Left,
            _ if lives => AnnouncementEffect::Again,
            _ => AnnouncementEffect::Joined,
        };
        let presence = match before {
            // A pool that tells of a death does not know what the dead could do.
            Some(known) if presence.state.is_over() && presence.models.is_empty() => {
                presence_of(presence, known)
            }
            _ => presence,
        };
        let counted = before.map_or((0, 0, 0), |k| (k.served, k.refused, k.lost));
        let was_idle = before.filter(|k| lives && k.is_free()).map(|k| k.since);
        let known = Known {
            health: Health::of(presence.state),
            heard: now,
            since: was_idle.unwrap_or(now),
            presence,
            served: counted.0,
            refused: counted.1,
            lost: counted.2,
        };
        inner.note_routes(&known);
        inner.workers.insert(name.clone(), known);
        self.publish(&inner, &name);
        heard
    }

    /// A worker has begun with a chunk.
    pub fn busy(&self, worker: &WorkerId, held: HeldChunk) {
        self.change(worker, |known, now| {
            if known.is_back(now) {
                (known.presence.state, known.presence.current) = (WorkerState::Working, Some(held));
            }
        });
    }

    /// A worker has ended a chunk, well or badly.
    pub fn free(&self, worker: &WorkerId, chunk: (&TrackId, ChunkIndex), served: bool) {
        self.change(worker, |known, now| {
            known.served += u64::from(served);
            let is_it = known.presence.current.as_ref().is_none_or(|c| (&c.track, c.chunk) == chunk);
            // It may have begun with the next one already.
            if known.is_back(now) && is_it {
                (known.presence.state, known.presence.current) = (WorkerState::Idle, None);
                known.since = now;
            }
        });
    }

    /// A worker's reply was corrupt.
    pub fn refused(&self, worker: &WorkerId) {
        self.change(worker, |known, _| known.refused += 1);
    }

    /// A worker has lost a chunk that it had begun with.
    pub fn lost(&self, worker: &WorkerId) {
        self.change(worker, |known, _| known.lost += 1);
    }

    /// Nobody could be heard for a while; silence counts from now on.
    pub fn reset_silence(&self) {
        let now = self.now();
        let mut inner = self.lock();
        inner.workers.values_mut().filter(|k| k.health.is_here()).for_each(|k| k.heard = now);
        inner.listening = now;
    }

    /// Looks who has fallen silent. Returns those that just have, and forgets those long gone.
    pub fn check_silence(&self) -> Vec<(WorkerId, Health)> {
        let now = self.now();
        let mut inner = self.lock();
        inner.workers.retain(|_, k| k.health.is_here() || now.saturating_sub(k.since) < REMEMBERED);
        inner.served.retain(|_, served| now.saturating_sub(served.heard) < REMEMBERED);
        let mut changed = Vec::new();
        for (name, known) in inner.workers.iter_mut().filter(|(_, k)| k.health.is_here()) {
            let health = known.aged(now);
            if health != known.health {
                (known.health, known.since) = (health, now);
                changed.push((name.clone(), health));
            }
        }
        for (name, _) in &changed {
            self.publish(&inner, name);
        }
        changed
    }

    /// Workers that wait for a job of `route` and get none.
    pub fn idle(&self, route: &Route) -> usize {
        let now = self.now();
        let idle = |k: &&Known| {
            k.health == Health::Alive
                && k.is_free()
                && k.serves(route)
                && now.saturating_sub(k.since) >= IDLE_AFTER
        };
        self.lock().workers.values().filter(idle).count()
    }

    /// Whether a worker other than `worker` is there for `route`.
    pub fn has_others(&self, route: &Route, worker: &WorkerId) -> bool {
        let other = |k: &Known| k.health == Health::Alive && k.presence.worker != *worker && k.serves(route);
        self.lock().workers.values().any(other)
    }

    /// The chunk that a worker has in held.
    pub fn held_chunk_of(&self, worker: &WorkerId) -> Option<HeldChunk> {
        self.lock().workers.get(worker)?.presence.current.clone()
    }

    /// How a worker is; none: it was never heard of.
    pub fn health(&self, worker: &WorkerId) -> Option<Health> {
        self.lock().workers.get(worker).map(|k| k.health)
    }

    /// Jobs of each route that keep its live workers busy: what they hold, and one more. Every route has a queue of
    /// its own, of which each of its workers holds so many.
    pub fn capacities(&self) -> HashMap<Route, usize> {
        let mut capacities = HashMap::new();
        for known in self.lock().workers.values().filter(|k| k.health == Health::Alive) {
            let held = known.presence.prefetch.clamp(1, PREFETCH_COUNTED) as usize;
            for route in known.routes() {
                *capacities.entry(route).or_insert(1) += held;
            }
        }
        capacities
    }

    /// Whether the workers of a route are gone, all of them, and not only for a moment: none is there, and of none
    /// anything was heard for as long as makes a single one count as gone.
    pub fn is_gone(&self, route: &Route) -> bool {
        let now = self.now();
        let inner = self.lock();
        if inner.workers.values().any(|k| k.health.is_here() && k.serves(route)) {
            return false;
        }
        // Of one that was never heard nobody knows how often its workers speak: as seldom as any does.
        let seldom = || inner.workers.values().map(|k| k.presence.every_s).reduce(f64::max);
        let served = inner.served.get(route);
        let Some(every_s) = served.map(|s| s.every_s).or_else(seldom) else { return false };
        let heard = served.map_or(inner.listening, |s| s.heard.max(inner.listening));
        missed(now, heard, every_s) > GONE_AFTER
    }

    /// Something record_event that is worth telling.
    pub fn record_event(&self, happening: WorkerEvent) {
        let mut inner = self.lock();
        if inner.recent_events.len() == EVENTS_KEPT {
            inner.recent_events.pop_front();
        }
        self.events.push("happening", json(&happening));
        inner.recent_events.push_back(happening);
    }

    /// All workers, by name.
    pub fn views(&self) -> Vec<WorkerView> {
        let now = self.now();
        self.lock().workers.values().map(|k| k.view(now)).collect()
    }

    /// What record_event lately, oldest first.
    pub fn recent_events(&self) -> Vec<WorkerEvent> {
        self.lock().recent_events.iter().cloned().collect()
    }

    fn change(&self, worker: &WorkerId, change: impl FnOnce(&mut Known, Duration)) {
        let now = self.now();
        let mut inner = self.lock();
        if let Some(known) = inner.workers.get_mut(worker) {
            change(known, now);
            self.publish(&inner, worker);
        }
    }

    fn publish(&self, inner: &Inner, worker: &WorkerId) {
        if let Some(known) = inner.workers.get(worker) {
            self.events.push("worker", json(&known.view(self.now())));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while plain data is held leaves it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn note_routes(&mut self, known: &Known) {
        if known.presence.state.is_over() {
            return;
        }
        let served = RouteHeard { heard: known.heard, every_s: known.presence.every_s };
        for route in known.routes() {
            self.served.insert(route, served);
        }
    }
}

#[cfg(test)]
mod tests;
