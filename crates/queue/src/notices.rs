//! What servers told the workers lately: which chunks nobody wants, whose replies were refused, and what the operator
//! orders.

use karaoke_core::presence::{Notice, Order};
use karaoke_core::{ChunkIndex, TrackId, WorkerId};
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// How many cancelled tracks, and how many settled chunks, are remembered: far more than can be in flight.
const KEPT: usize = 4096;

/// The notices recorded so far.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    recorded: Mutex<Recorded>,
}

#[derive(Debug, Default)]
struct Recorded {
    cancelled: Recent<TrackId>,
    settled: Recent<(TrackId, ChunkIndex)>,
    refusals: HashMap<WorkerId, u64>,
    orders: HashMap<WorkerId, Order>,
}

impl Recorded {
    /// Names come from whoever may speak on the topic: no more than so many are kept.
    fn refuse(&mut self, worker: WorkerId) {
        if self.refusals.len() < KEPT || self.refusals.contains_key(&worker) {
            *self.refusals.entry(worker).or_default() += 1;
        }
    }

    fn order(&mut self, worker: WorkerId, order: Order) {
        if self.orders.len() < KEPT || self.orders.contains_key(&worker) {
            self.orders.insert(worker, order);
        }
    }
}

impl Notices {
    pub(crate) fn record(&self, notice: Notice) {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        match notice {
            Notice::Cancelled { track } => recorded.cancelled.insert(track),
            Notice::Settled { track, chunk } => recorded.settled.insert((track, chunk)),
            Notice::Refused { worker } => recorded.refuse(worker),
            Notice::Ordered { worker, order } => recorded.order(worker, order),
        }
    }

    pub(crate) fn is_unwanted(&self, track: &TrackId, chunk: ChunkIndex) -> bool {
        let recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.cancelled.contains(track) || recorded.settled.contains(&(track.clone(), chunk))
    }

    pub(crate) fn order(&self, worker: &WorkerId) -> Option<Order> {
        let recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.orders.get(worker).copied()
    }

    pub(crate) fn refusals(&self, worker: &WorkerId) -> u64 {
        let recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.refusals.get(worker).copied().unwrap_or(0)
    }
}

/// A set that forgets its oldest member when it is full.
#[derive(Debug)]
struct Recent<T> {
    order: VecDeque<T>,
    members: HashSet<T>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { order: VecDeque::new(), members: HashSet::new() }
    }
}

impl<T: Eq + Hash + Clone> Recent<T> {
    fn insert(&mut self, member: T) {
        if !self.members.insert(member.clone()) {
            return;
        }
        self.order.push_back(member);
        if self.order.len() > KEPT {
            self.order.pop_front().inspect(|oldest| {
                self.members.remove(oldest);
            });
        }
    }

    fn contains(&self, member: &T) -> bool {
        self.members.contains(member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_is_for_all_chunks_a_settlement_for_one() {
        let notices = Notices::default();
        let [a, b] = [1, 2].map(TrackId::from_random);
        notices.record(Notice::Cancelled { track: a.clone() });
        notices.record(Notice::Settled { track: b.clone(), chunk: 3.into() });
        assert!(
            notices.is_unwanted(&a, 0.into())
                && notices.is_unwanted(&b, 3.into())
                && !notices.is_unwanted(&b, 2.into())
        );
    }

    #[test]
    fn memory_is_bounded() {
        let notices = Notices::default();
        let track = TrackId::from_random(1);
        for chunk in 0..2 * KEPT as u64 {
            notices.record(Notice::Settled { track: track.clone(), chunk: chunk.into() });
            notices.record(Notice::Settled { track: track.clone(), chunk: chunk.into() });
        }
        assert!(
            !notices.is_unwanted(&track, (KEPT as u64 - 1).into())
                && notices.is_unwanted(&track, (KEPT as u64).into())
        );
        for worker in 0..2 * KEPT {
            notices.record(Notice::Refused { worker: format!("w{worker}").into() });
        }
        notices.record(Notice::Refused { worker: "w0".into() });
        assert_eq!((notices.refusals(&"w0".into()), notices.refusals(&"w9999".into())), (2, 0));
        let recorded = notices.recorded.lock().unwrap();
        assert_eq!((recorded.settled.members.len(), recorded.refusals.len()), (KEPT, KEPT));
    }
}
