//! Pauses that double from failure to failure, up to a limit.

use std::time::Duration;

/// How long to pause after the `failures`-th failure in a row: `first`, then twice as long each time, at most
/// `limit`.
pub fn doubled(first: Duration, failures: u32, limit: Duration) -> Duration {
    let factor = 2u32.saturating_pow(failures.saturating_sub(1));
    first.saturating_mul(factor).min(limit)
}

/// Pauses before something that died is started again.
#[derive(Debug, Default)]
pub struct Backoff {
    deaths: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(200);
    const LIMIT: Duration = Duration::from_secs(10);
    /// Who lived so long was healthy: its death is the first one again.
    const HEALTHY: Duration = Duration::from_secs(60);

    /// The pause after a run of `lived`.
    pub fn after(&mut self, lived: Duration) -> Duration {
        if lived >= Self::HEALTHY {
            self.deaths = 0;
        }
        self.deaths = self.deaths.saturating_add(1);
        doubled(Self::FIRST, self.deaths, Self::LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_limit_and_begin_anew_after_a_healthy_life() {
        let mut backoff = Backoff::default();
        let mut after = |lived| backoff.after(Duration::from_secs(lived)).as_millis();
        assert_eq!([after(0), after(1), after(59)], [200, 400, 800]);
        let later: Vec<u128> = (0..5).map(|_| after(0)).collect();
        assert_eq!(later, [1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!([after(60), after(0)], [200, 400]);
    }

    #[test]
    fn nothing_overflows() {
        let day = Duration::from_secs(86_400);
        assert_eq!(doubled(day, u32::MAX, day * 2), day * 2);
        assert_eq!(doubled(Duration::ZERO, 7, day), Duration::ZERO);
        assert_eq!(doubled(day, 0, day * 2), day);
    }
}
