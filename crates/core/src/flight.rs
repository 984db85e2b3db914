//! A chunk that is out: who has it, whether it has been lost, and when another copy of it pays.
//!
//! Times are durations since any common beginning. Nothing here is needed for the result to be right, since
//! replies may come twice and in any order; it decides only how long a loss is waited for, and at what cost.

use std::time::Duration;

/// A chunk that has been handed out and whose reply has not come yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Flight {
    /// The latest attempt that was handed out.
    attempt: u32,
    /// When it was last sent.
    sent: Duration,
    /// The last time that anything told that it is not lost.
    sign: Duration,
    /// Workers that have begun with it and may still be at it.
    hands: Vec<Hand>,
    /// Copies handed out on top of the first.
    copies: u32,
}

#[derive(Clone, Debug, PartialEq)]
struct Hand {
    worker: String,
    attempt: u32,
    since: Duration,
}

/// How chunks that are out are watched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    /// Without any sign of a chunk for so long, it is asked for again; each time twice as long as before.
    pub lease: Duration,
    /// A chunk that is out for so many times as long as a chunk usually takes gets a spare copy.
    pub straggler: f64,
    /// But none before so long.
    pub least: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { lease: Duration::from_secs(15), straggler: 2.0, least: Duration::from_secs(1) }
    }
}

impl Flight {
    /// A chunk that goes out now for the `attempt`-th time.
    pub fn new(attempt: u32, now: Duration) -> Self {
        Self { attempt, sent: now, sign: now, hands: Vec::new(), copies: 0 }
    }

    /// The latest attempt that was handed out.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Another copy goes out now, as attempt `attempt`.
    pub fn copied(&mut self, attempt: u32, now: Duration) {
        (self.attempt, self.sent, self.sign) = (attempt, now, now);
        self.copies += 1;
    }

    /// It is not known whether it went out; it goes out once more, as attempt `attempt`.
    pub fn sent_again(&mut self, attempt: u32, now: Duration) {
        (self.attempt, self.sent, self.sign) = (attempt, now, now);
    }

    /// A worker has begun with it. Returns the worker that had this delivery before, if one had: it died, or
    /// the broker lost it from sight.
    pub fn begun(&mut self, worker: &str, attempt: u32, now: Duration) -> Option<String> {
        self.sign = now;
        let before = self.hands.iter().position(|h| h.attempt == attempt).map(|at| self.hands.remove(at));
        self.hands.push(Hand { worker: worker.to_owned(), attempt, since: now });
        before.map(|hand| hand.worker)
    }

    /// A worker says that it is still at it.
    pub fn seen(&mut self, worker: &str, now: Duration) {
        if self.is_with(worker) {
            self.sign = now;
        }
    }

    /// It waits in a queue where others are served: no sign of loss, unless that goes on for longer than
    /// `at_most`, since no more chunks than the workers hold are out.
    pub fn waits(&mut self, now: Duration, at_most: Duration) {
        if self.hands.is_empty() && now.saturating_sub(self.sent) < at_most {
            self.sign = now;
        }
    }

    /// A worker no longer has it: it handed it back, died, or sent what cannot be used. Says whether it had it.
    pub fn let_go(&mut self, worker: &str) -> bool {
        let before = self.hands.len();
        self.hands.retain(|h| h.worker != worker);
        self.hands.len() < before
    }

    /// The broker was lost and found again: it hands everything out anew, or has lost it. Nobody is to blame.
    pub fn forget_hands(&mut self, now: Duration) {
        self.hands.clear();
        (self.sent, self.sign, self.copies) = (now, now, 0);
    }

    /// Whether a worker has begun with it and may still be at it.
    pub fn is_with(&self, worker: &str) -> bool {
        self.hands.iter().any(|h| h.worker == worker)
    }

    /// Workers that have begun with it and may still be at it.
    pub fn workers(&self) -> impl Iterator<Item = &str> {
        self.hands.iter().map(|h| h.worker.as_str())
    }

    /// Copies handed out on top of the first.
    pub fn copies(&self) -> u32 {
        self.copies
    }

    /// Whether any worker has begun with it and may still be at it.
    pub fn is_begun(&self) -> bool {
        !self.hands.is_empty()
    }

    /// Nothing has been heard of it for too long: its job, its reply or its worker is lost.
    pub fn is_overdue(&self, now: Duration, patience: &Patience) -> bool {
        let lease = patience.lease.saturating_mul(1 << self.copies.min(6));
        now.saturating_sub(self.sign) > lease
    }

    /// While workers are idle a spare copy of it would likely be back first. `typical` is how long a chunk of
    /// its track usually takes, if that is known.
    pub fn is_straggler(&self, now: Duration, typical: Option<Duration>, patience: &Patience) -> bool {
        if self.copies > 0 {
            return false;
        }
        match (self.hands.iter().map(|h| h.since).max(), typical) {
            // Nobody has begun with it, though somebody could: it is lost, or waits behind a busy worker.
            (None, _) => now.saturating_sub(self.sign) > patience.least,
            (Some(_), None) => false,
            (Some(begun), Some(typical)) => {
                let usual = Duration::try_from_secs_f64(typical.as_secs_f64() * patience.straggler);
                now.saturating_sub(begun) > usual.unwrap_or(Duration::MAX).max(patience.least)
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

    const PATIENCE: Patience =
        Patience { lease: Duration::from_secs(10), straggler: 2.0, least: Duration::from_secs(1) };

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn silence_ends_a_lease_and_every_sign_renews_it() {
        let mut flight = Flight::new(1, s(0));
        assert!(!flight.is_overdue(s(10), &PATIENCE) && flight.is_overdue(s(11), &PATIENCE));
        flight.begun("a", 1, s(9));
        assert!(!flight.is_overdue(s(19), &PATIENCE));
        flight.seen("b", s(19));
        assert!(flight.is_overdue(s(20), &PATIENCE), "another worker's word is no sign");
        flight.seen("a", s(19));
        assert!(!flight.is_overdue(s(29), &PATIENCE));
    }

    #[test]
    fn waiting_in_a_busy_queue_is_no_loss_but_a_silent_worker_is() {
        let mut flight = Flight::new(1, s(0));
        flight.waits(s(100), s(120));
        assert!(!flight.is_overdue(s(105), &PATIENCE));
        flight.begun("a", 1, s(105));
        flight.waits(s(200), s(300));
        assert!(flight.is_overdue(s(200), &PATIENCE));
        let mut lost = Flight::new(1, s(0));
        lost.waits(s(119), s(120));
        lost.waits(s(125), s(120));
        assert!(lost.is_overdue(s(130), &PATIENCE), "nothing waits for ever");
    }

    #[test]
    fn every_copy_is_waited_for_twice_as_long() {
        let mut flight = Flight::new(1, s(0));
        flight.copied(2, s(11));
        assert!(!flight.is_overdue(s(31), &PATIENCE) && flight.is_overdue(s(32), &PATIENCE));
        for attempt in 3..100 {
            flight.copied(attempt, s(32));
        }
        assert!(flight.is_overdue(s(32 + 641), &PATIENCE), "but not for ever");
    }

    #[test]
    fn a_delivery_that_comes_again_tells_who_lost_it() {
        let mut flight = Flight::new(1, s(0));
        assert_eq!(flight.begun("a", 1, s(1)), None);
        assert_eq!(flight.begun("b", 1, s(2)).as_deref(), Some("a"));
        assert!(flight.is_with("b") && !flight.is_with("a"));
        flight.copied(2, s(3));
        assert_eq!(flight.begun("c", 2, s(3)), None, "a copy is not a loss");
        assert!(flight.let_go("c") && !flight.let_go("c"));
        flight.forget_hands(s(4));
        assert_eq!(flight.begun("d", 1, s(5)), None);
    }

    #[test]
    fn a_straggler_gets_one_spare_copy() {
        let mut flight = Flight::new(1, s(0));
        flight.begun("slow", 1, s(3));
        assert!(!flight.is_straggler(s(7), Some(s(2)), &PATIENCE), "counted from when it was begun");
        assert!(!flight.is_straggler(s(99), None, &PATIENCE), "nobody knows what is slow");
        assert!(flight.is_straggler(s(8), Some(s(2)), &PATIENCE));
        flight.copied(2, s(8));
        assert!(!flight.is_straggler(s(100), Some(s(2)), &PATIENCE));
    }

    #[test]
    fn what_nobody_begins_with_though_somebody_could_gets_a_copy_soon() {
        let mut flight = Flight::new(1, s(0));
        assert!(!flight.is_straggler(s(1), None, &PATIENCE) && flight.is_straggler(s(2), None, &PATIENCE));
        flight.waits(s(5), s(60));
        assert!(!flight.is_straggler(s(6), None, &PATIENCE));
        flight.copied(2, s(7));
        flight.forget_hands(s(8));
        assert!(flight.is_straggler(s(10), None, &PATIENCE), "the copy went with the broker");
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
