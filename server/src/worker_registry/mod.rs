//! The known workers: their health, what they work on, and their counts of failures.
//!
//! Fed by their announcements and by their replies; never asked whether work may be done, only which workers
//! are free to do it. Times are durations since the registry began.

mod effect;
mod history;
mod nodes;
mod record;

use crate::clock::now_ms;
use crate::events::EventLog;
use crate::events::json;
use crate::view::{Health, WorkerEvent, WorkerView};
pub use effect::AnnouncementEffect;
pub use history::WorkerHistory;
use karaoke_core::presence::{HeldChunk, Presence, WorkerState};
use karaoke_core::{ChunkIndex, ModelName, Route, TrackId, WorkerId};
use record::{GONE_AFTER, WorkerRecord, merge_final_presence, missed_announcements};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Workers that are gone are shown for so long.
const KEPT_AFTER_END: Duration = Duration::from_secs(600);
/// A worker without a job for so long is idle; shorter is the way to its next one.
const IDLE_AFTER: Duration = Duration::from_millis(300);
/// Deliveries of one worker that count for the number in flight; pushing many ahead is asked for by number.
const PREFETCH_COUNTED: u32 = 4;
/// How exactly it is known when a worker was last heard of, in milliseconds.
const SEEN_EVERY_MS: i64 = 10_000;
/// Events kept for listeners that come later.
const EVENTS_KEPT: usize = 100;

/// All known workers.
pub struct WorkerRegistry {
    inner: Mutex<Inner>,
    /// What happens to them: `worker`, `queue` and `happening`.
    pub events: EventLog,
    began: Instant,
}

#[derive(Default)]
struct Inner {
    workers: BTreeMap<WorkerId, WorkerRecord>,
    /// Everybody who was ever heard of, also those who are not shown any more.
    remembered: BTreeMap<WorkerId, WorkerHistory>,
    /// Of whom something is remembered that the database does not have yet.
    changed: BTreeSet<WorkerId>,
    /// Routes that were served, whoever is left of their workers.
    served: HashMap<Route, RouteSeen>,
    /// Silence counts from here on: the start, or the end of a time in which no announcement could arrive.
    silence_since: Duration,
    recent_events: VecDeque<WorkerEvent>,
}

/// When a worker of a route last announced itself, and its announcement interval in seconds.
#[derive(Clone, Copy)]
struct RouteSeen {
    last_seen: Duration,
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
        // A pool tells of a death of a worker that has been restarted already.
        if before.is_some_and(|k| k.presence.life != presence.life && presence.state.is_over()) {
            return AnnouncementEffect::Outdated;
        }
        let lives = before.is_some_and(|k| k.presence.life == presence.life && k.health.is_here());
        let effect = match presence.state {
            WorkerState::Crashed => AnnouncementEffect::Crashed,
            WorkerState::Left => AnnouncementEffect::Left,
            _ if lives => AnnouncementEffect::Renewed,
            _ => AnnouncementEffect::Joined,
        };
        let presence = match before {
            // A pool that tells of a death does not know what the dead could do.
            Some(known) if presence.state.is_over() && presence.models.is_empty() => {
                merge_final_presence(presence, known)
            }
            _ => presence,
        };
        let new_failures = match before {
            Some(known) if lives => presence.failures.saturating_sub(known.presence.failures),
            _ => presence.failures,
        };
        let counted = before.map_or((0, 0, 0), |k| (k.served, k.refused, k.lost));
        let was_idle = before.filter(|k| lives && k.is_free()).map(|k| k.since);
        let known = WorkerRecord {
            health: Health::of(presence.state),
            last_seen: now,
            since: was_idle.unwrap_or(now),
            presence,
            served: counted.0,
            refused: counted.1,
            lost: counted.2,
        };
        inner.note_routes(&known);
        inner.remember_presence(&known, effect, new_failures);
        inner.workers.insert(name.clone(), known);
        self.publish(&inner, &name);
        effect
    }

    /// A worker has begun with a chunk.
    pub fn busy(&self, worker: &WorkerId, held: HeldChunk) {
        self.change(worker, |known, now, _| {
            if known.mark_alive(now) {
                (known.presence.state, known.presence.current) = (WorkerState::Working, Some(held));
            }
        });
    }

    /// A worker has ended a chunk, well or badly.
    pub fn free(&self, worker: &WorkerId, chunk: (&TrackId, ChunkIndex), served: bool) {
        self.change(worker, |known, now, history| {
            known.served += u64::from(served);
            history.totals.served += u64::from(served);
            let is_it = known.presence.current.as_ref().is_none_or(|c| (&c.track, c.chunk) == chunk);
            // It may have begun with the next one already.
            if known.mark_alive(now) && is_it {
                (known.presence.state, known.presence.current) = (WorkerState::Idle, None);
                known.since = now;
            }
        });
    }

    /// A worker's reply was corrupt.
    pub fn refused(&self, worker: &WorkerId) {
        self.change(worker, |known, _, history| {
            known.refused += 1;
            history.totals.refused += 1;
        });
    }

    /// A worker has lost a chunk that it had begun with.
    pub fn lost(&self, worker: &WorkerId) {
        self.change(worker, |known, _, history| {
            known.lost += 1;
            history.totals.lost += 1;
        });
    }

    /// No announcement could arrive for a while; silence counts from now on.
    pub fn reset_silence(&self) {
        let now = self.now();
        let mut inner = self.lock();
        inner.workers.values_mut().filter(|k| k.health.is_here()).for_each(|k| k.last_seen = now);
        inner.silence_since = now;
    }

    /// Updates every worker's health. Returns those that changed, and drops those long gone.
    pub fn check_silence(&self) -> Vec<(WorkerId, Health)> {
        let now = self.now();
        let mut inner = self.lock();
        inner.workers.retain(|_, k| k.health.is_here() || now.saturating_sub(k.since) < KEPT_AFTER_END);
        inner.served.retain(|_, served| now.saturating_sub(served.last_seen) < KEPT_AFTER_END);
        let mut changed = Vec::new();
        for (name, known) in inner.workers.iter_mut().filter(|(_, k)| k.health.is_here()) {
            let health = known.health_at(now);
            if health != known.health {
                (known.health, known.since) = (health, now);
                changed.push((name.clone(), health));
            }
        }
        for (name, health) in &changed {
            inner.remember(name, |history| {
                history.health = *health;
                // Whoever vanishes without a word has crashed, or its machine or network has.
                history.totals.crashes += u64::from(*health == Health::Gone);
            });
            self.publish(&inner, name);
        }
        changed
    }

    /// Workers that are there for a model, by whatever provider.
    pub fn workers_for(&self, model: &ModelName) -> usize {
        let serves = |k: &&WorkerRecord| k.takes_jobs() && k.routes().any(|route| route.model == *model);
        self.lock().workers.values().filter(serves).count()
    }

    /// Workers that wait for a job of `route` and get none.
    pub fn idle(&self, route: &Route) -> usize {
        let now = self.now();
        let idle = |k: &&WorkerRecord| {
            k.health == Health::Alive
                && k.is_free()
                && k.serves(route)
                && now.saturating_sub(k.since) >= IDLE_AFTER
        };
        self.lock().workers.values().filter(idle).count()
    }

    /// Whether a worker other than `worker` is there for `route`.
    pub fn has_others(&self, route: &Route, worker: &WorkerId) -> bool {
        let other = |k: &WorkerRecord| k.takes_jobs() && k.presence.worker != *worker && k.serves(route);
        self.lock().workers.values().any(other)
    }

    /// The chunk that a worker has in hand.
    pub fn held_chunk_of(&self, worker: &WorkerId) -> Option<HeldChunk> {
        self.lock().workers.get(worker)?.presence.current.clone()
    }

    /// How a worker is; `None` for an unknown one.
    pub fn health(&self, worker: &WorkerId) -> Option<Health> {
        self.lock().workers.get(worker).map(|k| k.health)
    }

    /// Jobs of each route that keep its live workers busy: what they hold, and one more. Every route has a queue of
    /// its own, of which each of its workers holds so many.
    pub fn capacities(&self) -> HashMap<Route, usize> {
        let mut capacities = HashMap::new();
        for known in self.lock().workers.values().filter(|k| k.takes_jobs()) {
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
        let is_there = |k: &WorkerRecord| k.health.is_here() && k.presence.state != WorkerState::Drained;
        if inner.workers.values().any(|k| is_there(k) && k.serves(route)) {
            return false;
        }
        // The interval of a route that was never served is unknown: the longest of all workers is assumed.
        let seldom = || inner.workers.values().map(|k| k.presence.every_s).reduce(f64::max);
        let served = inner.served.get(route);
        let Some(every_s) = served.map(|s| s.every_s).or_else(seldom) else { return false };
        let last_seen = served.map_or(inner.silence_since, |s| s.last_seen.max(inner.silence_since));
        missed_announcements(now, last_seen, every_s) > GONE_AFTER
    }

    /// Records an event and publishes it.
    pub fn record_event(&self, event: WorkerEvent) {
        let mut inner = self.lock();
        if inner.recent_events.len() == EVENTS_KEPT {
            inner.recent_events.pop_front();
        }
        self.events.push("happening", json(&event));
        inner.recent_events.push_back(event);
    }

    /// All workers, by name.
    pub fn views(&self) -> Vec<WorkerView> {
        let now = self.now();
        let inner = self.lock();
        inner.workers.keys().filter_map(|name| inner.view(name, now)).collect()
    }

    /// Recent events, oldest first.
    pub fn recent_events(&self) -> Vec<WorkerEvent> {
        self.lock().recent_events.iter().cloned().collect()
    }

    fn change(
        &self,
        worker: &WorkerId,
        change: impl FnOnce(&mut WorkerRecord, Duration, &mut WorkerHistory),
    ) {
        let now = self.now();
        let mut guard = self.lock();
        let inner = &mut *guard;
        if let (Some(known), Some(history)) =
            (inner.workers.get_mut(worker), inner.remembered.get_mut(worker))
        {
            change(known, now, history);
            inner.changed.insert(worker.clone());
            self.publish(inner, worker);
        }
    }

    fn publish(&self, inner: &Inner, worker: &WorkerId) {
        if let Some(view) = inner.view(worker, self.now()) {
            self.events.push("worker", json(&view));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while plain data is held leaves it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn view(&self, worker: &WorkerId, now: Duration) -> Option<WorkerView> {
        Some(self.workers.get(worker)?.view(now, self.remembered.get(worker)?))
    }

    fn remember(&mut self, worker: &WorkerId, change: impl FnOnce(&mut WorkerHistory)) {
        if let Some(history) = self.remembered.get_mut(worker) {
            change(history);
            self.changed.insert(worker.clone());
        }
    }

    fn remember_presence(&mut self, known: &WorkerRecord, effect: AnnouncementEffect, new_failures: u64) {
        let (p, now_ms) = (&known.presence, now_ms());
        let new = || WorkerHistory::new(&p.host, &p.provider, now_ms);
        let history = self.remembered.entry(p.worker.clone()).or_insert_with(new);
        let is_news = effect != AnnouncementEffect::Renewed || new_failures > 0;
        // That it still lives need not be written every time.
        let is_due = is_news || now_ms - history.last_seen_ms >= SEEN_EVERY_MS;
        history.totals.runs += u64::from(effect == AnnouncementEffect::Joined);
        history.totals.crashes += u64::from(effect == AnnouncementEffect::Crashed);
        history.totals.failures += new_failures;
        if !p.host.is_empty() {
            history.host.clone_from(&p.host);
        }
        history.provider.clone_from(&p.provider);
        history.health = known.health;
        history.note.clone_from(&p.note);
        if is_due {
            history.last_seen_ms = now_ms;
            self.changed.insert(p.worker.clone());
        }
    }

    fn note_routes(&mut self, known: &WorkerRecord) {
        if known.presence.state.is_over() {
            return;
        }
        let served = RouteSeen { last_seen: known.last_seen, every_s: known.presence.every_s };
        for route in known.routes() {
            self.served.insert(route, served);
        }
    }
}

#[cfg(test)]
mod tests;
