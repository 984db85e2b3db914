//! Watches over what is out: leases that run out, stragglers, workers that stop announcing themselves.

use super::Pipeline;
use crate::active_track::ActiveTrack;
use crate::concurrency::lock;
use crate::view::{Health, QueueView};
use crate::worker_registry::AnnouncementEffect;
use karaoke_core::in_flight::{InFlightChunk, LeasePolicy};
use karaoke_core::presence::{Notice, Presence};
use karaoke_core::{ChunkIndex, TrackId};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often it looks.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// This server itself stood still (frozen, or a machine that slept) when it did not look for so long.
const STANDSTILL: Duration = Duration::from_secs(2);
/// How many chunks' time a job may wait in the queue before it counts as lost.
const QUEUE_WAIT_CHUNKS: u32 = 8;

/// Why a chunk is sent again.
#[derive(Clone, Copy, PartialEq)]
enum ResendReason {
    /// Its lease has run out.
    Overdue,
    /// Its worker has stopped announcing itself.
    Silent,
    /// Idle workers would likely be faster.
    Straggler,
}

impl ResendReason {
    fn name(self) -> &'static str {
        match self {
            Self::Overdue => "overdue",
            Self::Silent => "silent",
            Self::Straggler => "straggler",
        }
    }
}

impl Pipeline {
    /// Workers announce themselves.
    pub(super) async fn presence_loop(self: Arc<Self>) {
        while let Ok(presence) = self.queue.next_presence().await {
            self.handle_presence(presence).await;
        }
    }

    async fn handle_presence(self: &Arc<Self>, presence: Presence) {
        let (name, note) = (presence.worker.clone(), presence.note.clone());
        let (held, before) = (presence.current.clone(), self.registry.held_chunk_of(&name));
        let effect = self.registry.record_presence(presence);
        // It has not heard the order, or was begun anew and does not know.
        if let Some(away) = self.registry.unheard_order(&name) {
            self.send_order(&name, away);
        }
        let record = |what, text| self.record_event(what, Some(&name), None, text);
        match effect {
            AnnouncementEffect::Renewed | AnnouncementEffect::Outdated => {}
            AnnouncementEffect::Joined => {
                tracing::info!(worker = name.as_str(), "worker joined");
                record("joined", format!("{name} has joined."));
                self.resend_cancelled();
            }
            AnnouncementEffect::Left => {
                tracing::info!(worker = name.as_str(), "worker left");
                record("left", format!("{name} has left."));
            }
            AnnouncementEffect::Crashed => {
                let why = note.unwrap_or_else(|| "it died".into());
                tracing::warn!(worker = name.as_str(), why, "worker crashed");
                record("crashed", format!("{name} has crashed: {why}."));
                if let Some(lost) = before {
                    self.worker_crashed(&lost, &name).await;
                }
            }
        }
        if let (AnnouncementEffect::Renewed, Some(held), now) = (effect, held, self.registry.now()) {
            self.in_flight.with(&held.track, held.chunk, |chunk| chunk.seen(&name, now));
        }
        self.update_capacities();
    }

    /// Who has just joined may be handed jobs of tracks that were cancelled before it could hear of it.
    fn resend_cancelled(&self) {
        for track in lock(&self.cancelled).iter() {
            self.notify(Notice::Cancelled { track: track.clone() });
        }
    }

    /// As many chunks are in flight as the workers can hold, unless the configuration says how many.
    fn update_capacities(&self) {
        self.in_flight.set_served(self.registry.capacities());
    }

    pub(super) async fn watch_loop(self: Arc<Self>) {
        let (mut shown, mut looked) = (None, self.registry.now());
        let mut told = HashMap::new();
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            let now = self.registry.now();
            if now.saturating_sub(looked) > STANDSTILL {
                // Who was not heard meanwhile may have spoken all the same.
                self.registry.reset_silence();
            }
            looked = now;
            self.check_connection();
            if self.queue.is_connected() {
                self.check_silence();
                self.reassign_tracks().await;
                self.resend_overdue();
            }
            self.watch_deadlines(&mut told).await;
            let view = self.queue_view();
            if shown.as_ref() != Some(&view) {
                self.registry.events.push("queue", crate::events::json(&view));
                shown = Some(view);
            }
        }
    }

    /// When the broker was lost and found again it hands out what was unacked anew, and no worker is to blame.
    /// Nor for not being heard meanwhile.
    pub(super) fn check_connection(&self) {
        let now = self.queue.connection();
        if now == 0 {
            return;
        }
        let before = self.connection.swap(now, Ordering::Relaxed);
        if before != now {
            // The first one is no reconnect, whenever it came about.
            self.metrics.reconnected(now.saturating_sub(before.max(1)));
            let at = self.registry.now();
            self.in_flight.each(|_, chunk| chunk.forget_holders(at));
            self.registry.reset_silence();
            self.resend_cancelled();
        }
    }

    fn check_silence(&self) {
        for (worker, health) in self.registry.check_silence() {
            let (what, text) = match health {
                Health::Suspect => ("suspect", format!("{worker} has fallen silent.")),
                Health::Gone => ("gone", format!("{worker} is gone.")),
                _ => continue,
            };
            tracing::warn!(worker = worker.as_str(), "worker is {what}");
            self.record_event(what, Some(&worker), None, text);
        }
        self.update_capacities();
    }

    /// Sends copies of chunks that are lost, or that spare workers would bring back sooner.
    fn resend_overdue(self: &Arc<Self>) {
        let mut tracks: HashMap<TrackId, Option<WatchedTrack>> = HashMap::new();
        let mut resends: Vec<(Arc<ActiveTrack>, ChunkIndex, ResendReason)> = Vec::new();
        let (lease_policy, now) = (self.dispatch.lease_policy(), self.registry.now());
        self.in_flight.each(|(id, chunk), in_flight| {
            let watched = tracks.entry(id.clone()).or_insert_with(|| self.watched_track(id));
            let Some(watched) = watched else { return };
            if let Some(why) = watched.resend_reason(in_flight, now, &lease_policy, &self.registry) {
                if why == ResendReason::Straggler {
                    watched.idle -= 1;
                }
                resends.push((watched.track.clone(), *chunk, why));
            }
        });
        for (track, chunk, why) in resends {
            self.metrics.resent(why.name());
            let (what, text) = match why {
                ResendReason::Overdue => {
                    ("resent", format!("Nothing is heard of chunk {chunk}; it is sent again."))
                }
                ResendReason::Silent => {
                    ("spare", format!("Chunk {chunk} is with a worker that is silent; a spare copy is sent."))
                }
                ResendReason::Straggler => {
                    ("spare", format!("Chunk {chunk} takes long; a spare copy is sent."))
                }
            };
            tracing::info!(track = %track.id, %chunk, "{text}");
            self.record_event(what, None, Some((&track, chunk)), text);
            self.send_copy(track, chunk);
        }
    }

    fn watched_track(&self, id: &TrackId) -> Option<WatchedTrack> {
        let track = self.active(id)?;
        let idle = track.route().map_or(0, |route| self.registry.idle(&route));
        Some(WatchedTrack { idle, typical: track.typical(), track })
    }

    /// The queue as it is.
    pub fn queue_view(&self) -> QueueView {
        let (in_flight, begun) = self.in_flight.count();
        QueueView {
            connected: self.queue.is_connected(),
            tracks: lock(&self.active).len(),
            undecoded: lock(&self.undecoded).len(),
            backlog: lock(&self.schedule).backlog(),
            in_flight,
            begun,
            in_flight_bound: self.in_flight.bound(),
        }
    }
}

/// A track some of whose chunks are in flight.
struct WatchedTrack {
    track: Arc<ActiveTrack>,
    /// Workers that wait for its chunks and get none.
    idle: usize,
    typical: Option<Duration>,
}

impl WatchedTrack {
    fn resend_reason(
        &self,
        in_flight: &mut InFlightChunk,
        now: Duration,
        lease_policy: &LeasePolicy,
        registry: &crate::worker_registry::WorkerRegistry,
    ) -> Option<ResendReason> {
        if self.idle == 0 {
            // It waits its turn behind others: a few chunks' time, for no more are in flight than the workers hold.
            let turns = self.typical.unwrap_or(lease_policy.lease).saturating_mul(QUEUE_WAIT_CHUNKS);
            in_flight.waits(now, turns.max(lease_policy.lease));
        }
        if in_flight.is_overdue(now, lease_policy) {
            return Some(ResendReason::Overdue);
        }
        if in_flight.copies() > 0 {
            return None;
        }
        // Also while all others are busy: whoever is free next takes it before what waits.
        if in_flight.is_started() && in_flight.workers().all(|w| registry.health(w) != Some(Health::Alive)) {
            return Some(ResendReason::Silent);
        }
        (self.idle > 0 && in_flight.is_straggler(now, self.typical, lease_policy))
            .then_some(ResendReason::Straggler)
    }
}
