//! Failures in a row, and how long a worker rests after them.

use crate::backoff::doubled;
use std::time::Duration;

/// The longest rest.
const LIMIT: Duration = Duration::from_secs(30);

/// Chunks without a refusal that clear a worker of an earlier one: while a refusal is on its way the reply after
/// it is under way already and a third chunk in hand.
const CLEARED: u32 = 3;

/// How a worker has fared lately.
pub(crate) struct FailureBackoff {
    pause: Duration,
    troubles: u32,
    to_clear: u32,
    refusals: u64,
}

impl FailureBackoff {
    /// Rests begin with `pause`; `refusals` were counted before this run.
    pub(crate) fn new(pause: Duration, refusals: u64) -> Self {
        Self { pause, troubles: 0, to_clear: 0, refusals }
    }

    /// A chunk could not be done: the rest.
    pub(crate) fn failed(&mut self) -> Duration {
        self.trouble(1)
    }

    /// `refusals` of this worker's replies have been counted by now: the rest, when there are new ones.
    pub(crate) fn on_refusals(&mut self, refusals: u64) -> Option<Duration> {
        let before = std::mem::replace(&mut self.refusals, refusals);
        (refusals > before).then(|| self.trouble(CLEARED))
    }

    /// A chunk was done.
    pub(crate) fn succeeded(&mut self) {
        self.to_clear = self.to_clear.saturating_sub(1);
        if self.to_clear == 0 {
            self.troubles = 0;
        }
    }

    fn trouble(&mut self, to_clear: u32) -> Duration {
        self.troubles = self.troubles.saturating_add(1);
        self.to_clear = self.to_clear.max(to_clear);
        doubled(self.pause, self.troubles, LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> FailureBackoff {
        FailureBackoff::new(Duration::from_millis(500), 7)
    }

    #[test]
    fn rests_double_until_a_success() {
        let mut backoff = backoff();
        let rests: Vec<u128> = (0..8).map(|_| backoff.failed().as_millis()).collect();
        assert_eq!(rests, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        backoff.succeeded();
        assert_eq!(backoff.failed().as_millis(), 500);
    }

    #[test]
    fn only_new_refusals_count_and_they_last_longer() {
        let mut backoff = backoff();
        assert_eq!(backoff.on_refusals(7), None);
        assert_eq!(backoff.on_refusals(9), Some(Duration::from_millis(500)));
        assert_eq!(backoff.on_refusals(9), None);
        // The chunk that was in hand meanwhile does not excuse it …
        backoff.succeeded();
        assert_eq!(backoff.on_refusals(10), Some(Duration::from_millis(1000)));
        // … three without a refusal do.
        (0..CLEARED).for_each(|_| backoff.succeeded());
        assert_eq!(backoff.on_refusals(11), Some(Duration::from_millis(500)));
    }
}
