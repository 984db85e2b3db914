//! A chunk in flight: who has it, whether it has been lost, and when another copy of it pays.
//!
//! Times are durations since any common beginning. Nothing here is needed for the result to be right, since
//! replies may come twice and in any order; it decides only how long a loss is waited for, and at what cost.

use crate::units::WorkerId;
use std::time::Duration;

/// A chunk that has been handed out and whose reply has not come yet.
///
/// ```
/// use karaoke_core::in_flight::{InFlightChunk, LeasePolicy};
/// use std::time::Duration;
///
/// let (second, policy) = (Duration::from_secs(1), LeasePolicy::default());
/// let mut chunk = InFlightChunk::new(1, Duration::ZERO);
/// chunk.started(&"w1".into(), 1, 5 * second);
/// assert!(!chunk.is_overdue(20 * second, &policy) && chunk.is_overdue(21 * second, &policy));
/// // The broker delivers it again, to another worker: the first one has lost it.
/// assert_eq!(chunk.started(&"w2".into(), 1, 21 * second).as_deref(), Some("w1"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct InFlightChunk {
    /// The latest attempt that was handed out.
    attempt: u32,
    /// When it was last sent.
    sent: Duration,
    /// The last time that anything told that it is not lost.
    last_sign: Duration,
    /// Workers that have begun with it and may still be at it.
    holders: Vec<Holder>,
    /// Copies handed out on top of the first.
    copies: u32,
}

#[derive(Clone, Debug, PartialEq)]
struct Holder {
    worker: WorkerId,
    attempt: u32,
    since: Duration,
}

/// How chunks in flight are watched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeasePolicy {
    /// Without any sign of a chunk for so long, it is asked for again; each time twice as long as before.
    pub lease: Duration,
    /// A chunk that is in flight for this many times the usual time of a chunk gets a spare copy.
    pub straggler: f64,
    /// But none before so long.
    pub least: Duration,
}

impl Default for LeasePolicy {
    fn default() -> Self {
        Self { lease: Duration::from_secs(15), straggler: 2.0, least: Duration::from_secs(1) }
    }
}

impl InFlightChunk {
    /// A chunk that goes out now for the `attempt`-th time.
    pub fn new(attempt: u32, now: Duration) -> Self {
        Self { attempt, sent: now, last_sign: now, holders: Vec::new(), copies: 0 }
    }

    /// The latest attempt that was handed out.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Another copy goes out now, as attempt `attempt`.
    pub fn copied(&mut self, attempt: u32, now: Duration) {
        (self.attempt, self.sent, self.last_sign) = (attempt, now, now);
        self.copies += 1;
    }

    /// It is not known whether it went out; it goes out once more, as attempt `attempt`.
    pub fn sent_again(&mut self, attempt: u32, now: Duration) {
        (self.attempt, self.sent, self.last_sign) = (attempt, now, now);
    }

    /// How long its latest attempt has waited for a worker; none where one had begun with it already.
    pub fn waited(&self, attempt: u32, now: Duration) -> Option<Duration> {
        let is_begun = self.holders.iter().any(|h| h.attempt == attempt);
        (attempt == self.attempt && !is_begun).then(|| now.saturating_sub(self.sent))
    }

    /// A worker has begun with it. Returns the worker that had this delivery before, if one had: it died, or
    /// the broker lost it from sight.
    pub fn started(&mut self, worker: &WorkerId, attempt: u32, now: Duration) -> Option<WorkerId> {
        self.last_sign = now;
        let before = self.holders.iter().position(|h| h.attempt == attempt).map(|at| self.holders.remove(at));
        self.holders.push(Holder { worker: worker.clone(), attempt, since: now });
        before.map(|holder| holder.worker)
    }

    /// A worker says that it is still at it.
    pub fn seen(&mut self, worker: &WorkerId, now: Duration) {
        if self.is_held_by(worker) {
            self.last_sign = now;
        }
    }

    /// It waits in a queue where others are served: no sign of loss, unless that goes on for longer than
    /// `at_most`, since no more chunks than the workers hold are in flight.
    pub fn waits(&mut self, now: Duration, at_most: Duration) {
        if self.holders.is_empty() && now.saturating_sub(self.sent) < at_most {
            self.last_sign = now;
        }
    }

    /// A worker no longer has it: it handed it back, died, or sent what cannot be used. Says whether it had it.
    pub fn release(&mut self, worker: &WorkerId) -> bool {
        let before = self.holders.len();
        self.holders.retain(|h| h.worker != *worker);
        self.holders.len() < before
    }

    /// The broker was lost and found again: it hands everything out anew, or has lost it. Nobody is to blame.
    pub fn forget_holders(&mut self, now: Duration) {
        self.holders.clear();
        (self.sent, self.last_sign, self.copies) = (now, now, 0);
    }

    /// Whether a worker has begun with it and may still be at it.
    pub fn is_held_by(&self, worker: &WorkerId) -> bool {
        self.holders.iter().any(|h| h.worker == *worker)
    }

    /// Workers that have begun with it and may still be at it.
    pub fn workers(&self) -> impl Iterator<Item = &WorkerId> {
        self.holders.iter().map(|h| &h.worker)
    }

    /// Copies handed out on top of the first.
    pub fn copies(&self) -> u32 {
        self.copies
    }

    /// Whether any worker has begun with it and may still be at it.
    pub fn is_started(&self) -> bool {
        !self.holders.is_empty()
    }

    /// Nothing has been heard of it for too long: its job, its reply or its worker is lost.
    pub fn is_overdue(&self, now: Duration, policy: &LeasePolicy) -> bool {
        let lease = policy.lease.saturating_mul(1 << self.copies.min(6));
        now.saturating_sub(self.last_sign) > lease
    }

    /// While workers are idle a spare copy of it would likely be back first. `typical` is how long a chunk of
    /// its track usually takes, if that is known.
    pub fn is_straggler(&self, now: Duration, typical: Option<Duration>, policy: &LeasePolicy) -> bool {
        if self.copies > 0 {
            return false;
        }
        match (self.holders.iter().map(|h| h.since).max(), typical) {
            // Nobody has begun with it, though somebody could: it is lost, or waits behind a busy worker.
            (None, _) => now.saturating_sub(self.last_sign) > policy.least,
            (Some(_), None) => false,
            (Some(begun), Some(typical)) => {
                let usual = Duration::try_from_secs_f64(typical.as_secs_f64() * policy.straggler);
                now.saturating_sub(begun) > usual.unwrap_or(Duration::MAX).max(policy.least)
            }
        }
    }
}

/// Whether a chunk is to be given up, after `failed` (who died with it, handed it back or sent rubbish, in
/// order). One bad worker is not enough to condemn a chunk while there are `others`, unless it goes on for ever.
pub fn is_poison<W: PartialEq>(failed: &[W], max_attempts: u32, others: bool) -> bool {
    let max = max_attempts.max(1) as usize;
    let by_several = failed.iter().any(|worker| *worker != failed[0]);
    failed.len() >= max && (by_several || !others || failed.len() >= 4 * max)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: LeasePolicy =
        LeasePolicy { lease: Duration::from_secs(10), straggler: 2.0, least: Duration::from_secs(1) };

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn silence_ends_a_lease_and_every_sign_renews_it() {
        let mut chunk = InFlightChunk::new(1, s(0));
        assert!(!chunk.is_overdue(s(10), &POLICY) && chunk.is_overdue(s(11), &POLICY));
        chunk.started(&"a".into(), 1, s(9));
        assert!(!chunk.is_overdue(s(19), &POLICY));
        chunk.seen(&"b".into(), s(19));
        assert!(chunk.is_overdue(s(20), &POLICY), "another worker's word is no sign");
        chunk.seen(&"a".into(), s(19));
        assert!(!chunk.is_overdue(s(29), &POLICY));
    }

    #[test]
    fn waiting_in_a_busy_queue_is_no_loss_but_a_silent_worker_is() {
        let mut chunk = InFlightChunk::new(1, s(0));
        chunk.waits(s(100), s(120));
        assert!(!chunk.is_overdue(s(105), &POLICY));
        chunk.started(&"a".into(), 1, s(105));
        chunk.waits(s(200), s(300));
        assert!(chunk.is_overdue(s(200), &POLICY));
        let mut lost = InFlightChunk::new(1, s(0));
        lost.waits(s(119), s(120));
        lost.waits(s(125), s(120));
        assert!(lost.is_overdue(s(130), &POLICY), "nothing waits for ever");
    }

    #[test]
    fn every_copy_is_waited_for_twice_as_long() {
        let mut chunk = InFlightChunk::new(1, s(0));
        chunk.copied(2, s(11));
        assert!(!chunk.is_overdue(s(31), &POLICY) && chunk.is_overdue(s(32), &POLICY));
        for attempt in 3..100 {
            chunk.copied(attempt, s(32));
        }
        assert!(chunk.is_overdue(s(32 + 641), &POLICY), "but not for ever");
    }

    #[test]
    fn a_delivery_that_comes_again_tells_who_lost_it() {
        let mut chunk = InFlightChunk::new(1, s(0));
        assert_eq!(chunk.started(&"a".into(), 1, s(1)), None);
        assert_eq!(chunk.started(&"b".into(), 1, s(2)).as_deref(), Some("a"));
        assert!(chunk.is_held_by(&"b".into()) && !chunk.is_held_by(&"a".into()));
        chunk.copied(2, s(3));
        assert_eq!(chunk.started(&"c".into(), 2, s(3)), None, "a copy is not a loss");
        assert!(chunk.release(&"c".into()) && !chunk.release(&"c".into()));
        chunk.forget_holders(s(4));
        assert_eq!(chunk.started(&"d".into(), 1, s(5)), None);
    }

    #[test]
    fn a_straggler_gets_one_spare_copy() {
        let mut chunk = InFlightChunk::new(1, s(0));
        chunk.started(&"slow".into(), 1, s(3));
        assert!(!chunk.is_straggler(s(7), Some(s(2)), &POLICY), "counted from when it was begun");
        assert!(!chunk.is_straggler(s(99), None, &POLICY), "nobody knows what is slow");
        assert!(chunk.is_straggler(s(8), Some(s(2)), &POLICY));
        chunk.copied(2, s(8));
        assert!(!chunk.is_straggler(s(100), Some(s(2)), &POLICY));
    }

    #[test]
    fn what_nobody_begins_with_though_somebody_could_gets_a_copy_soon() {
        let mut chunk = InFlightChunk::new(1, s(0));
        assert!(!chunk.is_straggler(s(1), None, &POLICY) && chunk.is_straggler(s(2), None, &POLICY));
        chunk.waits(s(5), s(60));
        assert!(!chunk.is_straggler(s(6), None, &POLICY));
        chunk.copied(2, s(7));
        chunk.forget_holders(s(8));
        assert!(chunk.is_straggler(s(10), None, &POLICY), "the copy went with the broker");
    }

    #[test]
    fn a_chunk_is_condemned_by_several_workers_or_by_the_only_one() {
        assert!(!is_poison(&["a", "b", "a"], 4, true));
        assert!(is_poison(&["a", "b", "a", "b"], 4, true));
        assert!(!is_poison(&["a"; 4], 4, true) && is_poison(&["a"; 4], 4, false));
        assert!(is_poison(&["a"; 16], 4, true));
        assert!(!is_poison::<&str>(&[], 0, false));
    }
}
