//! When a download that was cut off is tried again.

use crate::client::Options;
use std::time::Duration;

/// How often an attempt is repeated, and after which pause: the count starts again when an attempt brings bytes that
/// none before it reached.
pub(crate) struct RetryPolicy {
    tries: u32,
    first: Duration,
    longest: Duration,
    failures: u32,
    best: u64,
}

impl RetryPolicy {
    pub(crate) fn new(options: &Options, length: u64) -> Self {
        let Options { tries, pause, longest_pause, .. } = *options;
        Self { tries, first: pause, longest: longest_pause, failures: 0, best: length }
    }

    /// After a failure with `length` bytes there: the pause before the next try, or `None` when it is enough.
    ///
    /// Only what was never reached before counts as new: a server that begins anew each time and is cut off
    /// each time is given up.
    pub(crate) fn pause(&mut self, length: u64, after: Option<Duration>) -> Option<Duration> {
        if length > self.best {
            (self.best, self.failures) = (length, 0);
        }
        self.failures += 1;
        if self.failures >= self.tries {
            return None;
        }
        let grown = self.first.saturating_mul(1 << (self.failures - 1).min(16));
        Some(grown.max(after.unwrap_or_default()).min(self.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_new_bytes_reset_the_count() {
        let second = Duration::from_secs(1);
        let mut retry = RetryPolicy::new(&Options { tries: 4, ..Options::default() }, 10);
        assert_eq!(retry.pause(10, None), Some(second));
        assert_eq!(retry.pause(9, None), Some(2 * second));
        assert_eq!(retry.pause(11, None), Some(second));
        assert_eq!(retry.pause(5, Some(7 * second)), Some(7 * second));
        assert_eq!(retry.pause(11, Some(3600 * second)), Some(30 * second));
        assert_eq!(retry.pause(11, None), None);
    }
}
