//! What is known of one worker.

use super::history::WorkerHistory;
use crate::clock::rfc3339;
use crate::view::{Health, WorkerView};
use karaoke_core::Route;
use karaoke_core::presence::{OrderKind, Presence, WorkerState};
use std::time::Duration;

/// Announcements that a worker may miss before it is suspected, and before it is taken for gone.
const SUSPECT_AFTER: f64 = 3.0;
pub(super) const GONE_AFTER: f64 = 10.0;

pub(super) struct WorkerRecord {
    pub(super) presence: Presence,
    pub(super) health: Health,
    pub(super) last_seen: Duration,
    /// When it became idle or gone.
    pub(super) since: Duration,
    pub(super) served: u64,
    pub(super) refused: u64,
    pub(super) lost: u64,
}

/// Announcements that are missing, of somebody who was last seen at `last_seen`.
pub(super) fn missed_announcements(now: Duration, last_seen: Duration, every_s: f64) -> f64 {
    now.saturating_sub(last_seen).as_secs_f64() / every_s.max(0.01)
}

/// A worker's final announcement, with what it could do as it was known before.
pub(super) fn merge_final_presence(last: Presence, known: &WorkerRecord) -> Presence {
    let p = known.presence.clone();
    let Presence { models, provider, provider_why, providers, threads, prefetch, .. } = p;
    Presence { models, provider, provider_why, providers, threads, prefetch, ..last }
}

impl WorkerRecord {
    /// Of a worker that is only remembered.
    pub(super) fn remembered(presence: Presence, health: Health, now: Duration) -> Self {
        Self { presence, health, last_seen: now, since: now, served: 0, refused: 0, lost: 0 }
    }

    pub(super) fn routes(&self) -> impl Iterator<Item = Route> {
        self.presence.routes()
    }

    /// It is there, and takes jobs.
    pub(super) fn takes_jobs(&self) -> bool {
        self.health == Health::Alive && self.presence.state != WorkerState::Drained
    }

    pub(super) fn serves(&self, route: &Route) -> bool {
        self.routes().any(|own| own == *route)
    }

    pub(super) fn is_free(&self) -> bool {
        self.presence.state == WorkerState::Idle && self.presence.current.is_none()
    }

    /// An announcement or reply of it has arrived. One of a worker that is known to be dead was sent before.
    pub(super) fn mark_alive(&mut self, now: Duration) -> bool {
        let over = matches!(self.health, Health::Crashed | Health::Left);
        if !over {
            (self.last_seen, self.health) = (now, Health::Alive);
        }
        !over
    }

    pub(super) fn health_at(&self, now: Duration) -> Health {
        match missed_announcements(now, self.last_seen, self.presence.every_s) {
            m if m > GONE_AFTER => Health::Gone,
            m if m > SUSPECT_AFTER => Health::Suspect,
            _ => Health::Alive,
        }
    }

    pub(super) fn view(&self, now: Duration, history: &WorkerHistory) -> WorkerView {
        let p = &self.presence;
        WorkerView {
            first_seen_at: rfc3339(history.first_seen_ms),
            last_seen_at: rfc3339(history.last_seen_ms),
            totals: history.totals,
            away: history.away.map(OrderKind::name),
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
            heard_s_ago: now.saturating_sub(self.last_seen).as_secs_f64(),
            uptime_s: p.uptime_s,
        }
    }
}

impl Health {
    pub(super) fn of(state: WorkerState) -> Self {
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
