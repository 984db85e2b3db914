//! The workers that this server has heard of: who is well, who does what, who has failed at what.
//!
//! Fed by their announcements and by their replies; never asked whether work may be done, only which workers
//! are free to do it. Times are durations since the registry began.

use crate::events::EventLog;
use crate::events::json;
use crate::view::{Health, WorkerEvent, WorkerView};
use karaoke_core::presence::{HeldChunk, Presence, WorkerState};
use karaoke_core::{ChunkIndex, Route, TrackId, WorkerId};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Announcements that a worker may miss before it is suspected, and before it is taken for gone.
const SUSPECT_AFTER: f64 = 3.0;
const GONE_AFTER: f64 = 10.0;
/// Workers that are gone are shown for so long.
const REMEMBERED: Duration = Duration::from_secs(600);
/// A worker without a job for so long is idle; shorter is the way to its next one.
const IDLE_AFTER: Duration = Duration::from_millis(300);
/// Deliveries of one worker that count for the number in in_flight; pushing many ahead is asked for by number.
const PREFETCH_COUNTED: u32 = 4;
/// Happenings kept for listeners that come later.
const STORY: usize = 100;

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
    served: HashMap<Route, Served>,
    /// From when on silence counts: the beginning, or when nobody could be heard for a while.
    listening: Duration,
    story: VecDeque<WorkerEvent>,
}

/// When a worker of a route was last heard, and how long it is from one announcement to the next.
#[derive(Clone, Copy)]
struct Served {
    heard: Duration,
    every_s: f64,
}

struct Known {
    presence: Presence,
    health: Health,
    heard: Duration,
    /// When it became idle or gone.
    since: Duration,
    served: u64,
    refused: u64,
    lost: u64,
}

/// What a listener missed or should know of a worker that has just announced itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It was not there before, or it is back in a new life.
    Joined,
    /// It was there.
    Again,
    /// It has died, as its pool says.
    Crashed,
    /// It has left.
    Left,
    /// The word of a life that another has followed already.
    Late,
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
    pub fn hear(&self, presence: Presence) -> Heard {
        let (now, name) = (self.now(), presence.worker.clone());
        let mut inner = self.lock();
        let before = inner.workers.get(&name);
        // A pool tells of a death that a new life has already followed.
        if before.is_some_and(|k| k.presence.life != presence.life && presence.state.is_over()) {
            return Heard::Late;
        }
        let lives = before.is_some_and(|k| k.presence.life == presence.life && k.health.is_here());
        let heard = match presence.state {
            WorkerState::Crashed => Heard::Crashed,
            WorkerState::Left => Heard::Left,
            _ if lives => Heard::Again,
            _ => Heard::Joined,
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
        inner.hear_routes(&known);
        inner.workers.insert(name.clone(), known);
        self.tell(&inner, &name);
        heard
    }

    /// A worker has begun with a chunk.
    pub fn busy(&self, worker: &WorkerId, hand: HeldChunk) {
        self.change(worker, |known, now| {
            if known.is_back(now) {
                (known.presence.state, known.presence.current) = (WorkerState::Working, Some(hand));
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
    pub fn pardon(&self) {
        let now = self.now();
        let mut inner = self.lock();
        inner.workers.values_mut().filter(|k| k.health.is_here()).for_each(|k| k.heard = now);
        inner.listening = now;
    }

    /// Looks who has fallen silent. Returns those that just have, and forgets those long gone.
    pub fn look(&self) -> Vec<(WorkerId, Health)> {
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
            self.tell(&inner, name);
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

    /// The chunk that a worker has in hand.
    pub fn hand_of(&self, worker: &WorkerId) -> Option<HeldChunk> {
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

    /// Something happened that is worth telling.
    pub fn happened(&self, happening: WorkerEvent) {
        let mut inner = self.lock();
        if inner.story.len() == STORY {
            inner.story.pop_front();
        }
        self.events.push("happening", json(&happening));
        inner.story.push_back(happening);
    }

    /// All workers, by name.
    pub fn views(&self) -> Vec<WorkerView> {
        let now = self.now();
        self.lock().workers.values().map(|k| k.view(now)).collect()
    }

    /// What happened lately, oldest first.
    pub fn story(&self) -> Vec<WorkerEvent> {
        self.lock().story.iter().cloned().collect()
    }

    fn change(&self, worker: &WorkerId, change: impl FnOnce(&mut Known, Duration)) {
        let now = self.now();
        let mut inner = self.lock();
        if let Some(known) = inner.workers.get_mut(worker) {
            change(known, now);
            self.tell(&inner, worker);
        }
    }

    fn tell(&self, inner: &Inner, worker: &WorkerId) {
        if let Some(known) = inner.workers.get(worker) {
            self.events.push("worker", json(&known.view(self.now())));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while plain data is held leaves it whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Announcements that are missing, of somebody who was last heard at `heard`.
fn missed(now: Duration, heard: Duration, every_s: f64) -> f64 {
    now.saturating_sub(heard).as_secs_f64() / every_s.max(0.01)
}

/// The last word on a worker, with what it could do as it was known before.
fn presence_of(last: Presence, known: &Known) -> Presence {
    let p = known.presence.clone();
    let Presence { models, provider, provider_why, providers, threads, prefetch, .. } = p;
    Presence { models, provider, provider_why, providers, threads, prefetch, ..last }
}

impl Inner {
    fn hear_routes(&mut self, known: &Known) {
        if known.presence.state.is_over() {
            return;
        }
        let served = Served { heard: known.heard, every_s: known.presence.every_s };
        for route in known.routes() {
            self.served.insert(route, served);
        }
    }
}

impl Known {
    fn routes(&self) -> impl Iterator<Item = Route> {
        self.presence.routes()
    }

    fn serves(&self, route: &Route) -> bool {
        self.routes().any(|own| own == *route)
    }

    fn is_free(&self) -> bool {
        self.presence.state == WorkerState::Idle && self.presence.current.is_none()
    }

    /// A word of it has come. That of a worker that is known to be dead is from before.
    fn is_back(&mut self, now: Duration) -> bool {
        let over = matches!(self.health, Health::Crashed | Health::Left);
        if !over {
            (self.heard, self.health) = (now, Health::Alive);
        }
        !over
    }

    fn aged(&self, now: Duration) -> Health {
        match missed(now, self.heard, self.presence.every_s) {
            m if m > GONE_AFTER => Health::Gone,
            m if m > SUSPECT_AFTER => Health::Suspect,
            _ => Health::Alive,
        }
    }

    fn view(&self, now: Duration) -> WorkerView {
        let p = &self.presence;
        WorkerView {
            id: p.worker.clone(),
            host: p.host.clone(),
            pid: p.pid,
            health: self.health,
            state: p.state,
            note: p.note.clone(),
            models: p.models.clone(),
            provider: p.provider.clone(),
            provider_why: p.provider_why.clone(),
            providers: p.providers.clone(),
            threads: p.threads,
            cpu_load: p.cpu_load,
            served: self.served,
            done: p.done,
            failures: p.failures,
            refused: self.refused,
            lost: self.lost,
            current: p.current.clone().filter(|_| self.health.is_here()),
            heard_s_ago: now.saturating_sub(self.heard).as_secs_f64(),
            uptime_s: p.uptime_s,
        }
    }
}

impl Health {
    fn of(state: WorkerState) -> Self {
        match state {
            WorkerState::Left => Self::Left,
            WorkerState::Crashed => Self::Crashed,
            _ => Self::Alive,
        }
    }

    /// It may still do something.
    pub fn is_here(self) -> bool {
        matches!(self, Self::Alive | Self::Suspect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(worker: &str) -> WorkerId {
        worker.into()
    }

    fn presence(worker: &str, life: u64, state: WorkerState) -> Presence {
        Presence { life, state, prefetch: 2, every_s: 1.0, ..Presence::new(worker, vec!["m".into()], "cpu") }
    }

    fn hand(chunk: u64) -> HeldChunk {
        HeldChunk { track: TrackId::from_random(1), chunk: chunk.into(), attempt: 1 }
    }

    fn route() -> Route {
        Route::new("m", "cpu")
    }

    /// Lets everything be so much longer ago.
    fn age(registry: &mut WorkerRegistry, by: Duration) {
        registry.began -= by;
    }

    #[test]
    fn a_worker_joins_works_falls_silent_and_comes_back() {
        let mut r = WorkerRegistry::default();
        assert_eq!(r.hear(presence("a", 1, WorkerState::Idle)), Heard::Joined);
        assert_eq!(r.hear(presence("a", 1, WorkerState::Idle)), Heard::Again);
        assert_eq!(
            (
                r.capacities().get(&route()),
                r.has_others(&route(), &id("a")),
                r.has_others(&route(), &id("b"))
            ),
            (Some(&3), false, true)
        );
        age(&mut r, Duration::from_secs(4));
        assert_eq!(r.look(), [(id("a"), Health::Suspect)]);
        assert_eq!((r.look(), r.capacities().len(), r.idle(&route())), (vec![], 0, 0));
        age(&mut r, Duration::from_secs(7));
        assert_eq!(r.look(), [(id("a"), Health::Gone)]);
        assert_eq!(r.hear(presence("a", 1, WorkerState::Idle)), Heard::Joined, "it was only cut off");
        age(&mut r, Duration::from_secs(700));
        r.look();
        age(&mut r, Duration::from_secs(700));
        r.look();
        assert!(r.views().is_empty(), "long gone is forgotten");
    }

    #[test]
    fn idle_is_who_has_waited_for_a_moment() {
        let mut r = WorkerRegistry::default();
        r.hear(presence("a", 1, WorkerState::Idle));
        assert_eq!(r.idle(&route()), 0);
        age(&mut r, Duration::from_millis(400));
        assert_eq!((r.idle(&route()), r.idle(&Route::new("other", "cpu"))), (1, 0));
        r.hear(presence("a", 1, WorkerState::Idle));
        assert_eq!(r.idle(&route()), 1, "saying it again does not begin it again");
        r.busy(&id("a"), hand(1));
        age(&mut r, Duration::from_secs(1));
        assert_eq!((r.idle(&route()), r.hand_of(&id("a"))), (0, Some(hand(1))));
        r.busy(&id("a"), hand(2));
        r.free(&id("a"), (&hand(1).track, 1.into()), true);
        assert_eq!(r.hand_of(&id("a")), Some(hand(2)), "it has the next one already");
        r.free(&id("a"), (&hand(2).track, 2.into()), true);
        assert_eq!((r.hand_of(&id("a")), r.views()[0].served), (None, 2));
    }

    #[test]
    fn a_death_that_is_told_late_does_not_kill_the_next_life() {
        let r = WorkerRegistry::default();
        r.hear(presence("a", 1, WorkerState::Working));
        assert_eq!(r.hear(presence("a", 2, WorkerState::Idle)), Heard::Joined);
        assert_eq!(r.hear(presence("a", 1, WorkerState::Crashed)), Heard::Late);
        assert_eq!(r.health(&id("a")), Some(Health::Alive));
        assert_eq!(r.hear(presence("a", 2, WorkerState::Crashed)), Heard::Crashed);
        assert_eq!(r.health(&id("a")), Some(Health::Crashed));
        r.busy(&id("a"), hand(1));
        assert_eq!(r.health(&id("a")), Some(Health::Crashed), "a word from before it died");
        assert_eq!(r.hear(presence("a", 2, WorkerState::Left)), Heard::Left);
    }

    #[test]
    fn a_provider_is_gone_when_none_of_its_workers_was_heard_for_long() {
        let mut r = WorkerRegistry::default();
        let cuda = |worker: &str, state| Presence { provider: "cuda".into(), ..presence(worker, 1, state) };
        let gone = |r: &WorkerRegistry| r.is_gone(&Route::new("m", "cuda"));
        age(&mut r, Duration::from_secs(60));
        assert!(!gone(&r), "nobody was heard at all");
        r.hear(presence("other", 1, WorkerState::Idle));
        assert!(gone(&r), "others were, for a minute");
        r.hear(cuda("a", WorkerState::Idle));
        r.hear(cuda("b", WorkerState::Idle));
        assert!(!gone(&r));
        // One dies and one leaves: the provider is there for a while yet.
        let unknown = Presence { models: vec![], provider: String::new(), ..cuda("a", WorkerState::Crashed) };
        assert_eq!(r.hear(unknown), Heard::Crashed);
        assert_eq!(r.views()[0].provider, "cuda", "what it was is remembered");
        r.hear(cuda("b", WorkerState::Left));
        age(&mut r, Duration::from_secs(9));
        assert!(!gone(&r), "a moment is a blip");
        r.pardon();
        age(&mut r, Duration::from_secs(9));
        assert!(!gone(&r), "nobody could be heard before");
        age(&mut r, Duration::from_secs(2));
        assert!(gone(&r) && !r.is_gone(&Route::new("m", "cpu")));
        r.hear(cuda("c", WorkerState::Idle));
        assert!(!gone(&r));
    }

    #[test]
    fn a_provider_without_a_proper_name_serves_nothing() {
        let r = WorkerRegistry::default();
        r.hear(Presence { provider: "../cpu".into(), ..presence("a", 1, WorkerState::Idle) });
        assert!(r.capacities().is_empty());
    }
}
