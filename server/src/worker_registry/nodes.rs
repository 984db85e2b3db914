//! Workers and machines as they are remembered, and what the operator wants of them.

use super::WorkerRegistry;
use super::history::WorkerHistory;
use super::record::WorkerRecord;
use crate::clock::{now_ms, rfc3339};
use crate::view::{Health, NodeView, WorkerTotals, WorkerView};
use karaoke_core::WorkerId;
use karaoke_core::presence::{OrderKind, Presence};
use std::collections::BTreeMap;

impl WorkerRegistry {
    /// Takes up what the database remembers. Who was there when that was written has not been heard yet.
    pub fn load(&self, remembered: Vec<(WorkerId, WorkerHistory)>) {
        let mut inner = self.lock();
        for (name, mut history) in remembered {
            if history.health.is_here() {
                history.health = Health::Gone;
            }
            inner.remembered.insert(name, history);
        }
    }

    /// What is remembered of workers and was not taken yet, for the database.
    pub fn take_changed(&self) -> Vec<(WorkerId, WorkerHistory)> {
        let mut inner = self.lock();
        let changed = std::mem::take(&mut inner.changed);
        let history = |name: WorkerId| inner.remembered.get(&name).cloned().map(|history| (name, history));
        changed.into_iter().filter_map(history).collect()
    }

    /// It could not be written: it is to be taken again.
    pub fn put_back(&self, changed: &[(WorkerId, WorkerHistory)]) {
        self.lock().changed.extend(changed.iter().map(|(name, _)| name.clone()));
    }

    /// Forgets workers that were last heard of before then (Unix milliseconds).
    pub fn forget_before(&self, before_ms: i64) {
        let mut guard = self.lock();
        let inner = &mut *guard;
        inner.remembered.retain(|name, h| h.last_seen_ms >= before_ms || inner.workers.contains_key(name));
    }

    /// All workers that are remembered, by name.
    pub fn all_views(&self) -> Vec<WorkerView> {
        let now = self.now();
        let inner = self.lock();
        let view = |(name, history): (&WorkerId, &WorkerHistory)| {
            inner.view(name, now).unwrap_or_else(|| {
                let presence = Presence {
                    host: history.host.clone(),
                    note: history.note.clone(),
                    ..Presence::new(name.clone(), Vec::new(), history.provider.clone())
                };
                let view = WorkerRecord::remembered(presence, history.health, now).view(now, history);
                WorkerView { heard_s_ago: (now_ms() - history.last_seen_ms) as f64 / 1000.0, ..view }
            })
        };
        inner.remembered.iter().map(view).collect()
    }

    /// The machines of all workers that are remembered, by name.
    pub fn nodes(&self) -> Vec<NodeView> {
        let inner = self.lock();
        let mut hosts: BTreeMap<&str, Vec<(&WorkerId, &WorkerHistory)>> = BTreeMap::new();
        for (name, history) in &inner.remembered {
            hosts.entry(&history.host).or_default().push((name, history));
        }
        let node = |(host, workers): (&str, Vec<(&WorkerId, &WorkerHistory)>)| {
            let mut totals = WorkerTotals::default();
            workers.iter().for_each(|(_, history)| totals.add(&history.totals));
            let first = workers.iter().map(|(_, h)| h.first_seen_ms).min().unwrap_or_default();
            let last = workers.iter().map(|(_, h)| h.last_seen_ms).max().unwrap_or_default();
            let is_alive =
                |name: &WorkerId| inner.workers.get(name).is_some_and(|k| k.health == Health::Alive);
            NodeView {
                host: host.to_owned(),
                first_seen_at: rfc3339(first),
                last_seen_at: rfc3339(last),
                alive: workers.iter().filter(|(name, _)| is_alive(name)).count(),
                workers: workers.len(),
                totals,
            }
        };
        hosts.into_iter().map(node).collect()
    }

    /// The operator wants this of a worker; false when nobody of that name was ever heard of.
    pub fn set_wanted(&self, worker: &WorkerId, order: OrderKind) -> bool {
        let mut inner = self.lock();
        let is_known = inner.remembered.contains_key(worker);
        inner.remember(worker, |history| history.away = Some(order).filter(|o| *o != OrderKind::Restart));
        self.publish(&inner, worker);
        is_known
    }

    /// What a worker has to be told again: that it is to take no jobs, although it does.
    pub fn unheard_order(&self, worker: &WorkerId) -> Option<OrderKind> {
        let inner = self.lock();
        let takes_jobs = inner.workers.get(worker).is_some_and(WorkerRecord::takes_jobs);
        inner.remembered.get(worker)?.away.filter(|_| takes_jobs)
    }
}
