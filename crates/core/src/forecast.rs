//! When a track with a deadline will be done, from how fast chunks have been and what goes before it.
//!
//! A fluid model of [`crate::schedule`]: the workers together do what is before the track in the order of deadlines,
//! and then the track, with the share of their time that deadlines may take. Then its last chunk has to be done.

use crate::schedule::AHEAD;

/// A track that waits or is being separated.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Seconds that a worker would need for what is left of it.
    pub seconds: f64,
    /// By when it should be done, in any unit, if that has not passed.
    pub deadline: Option<u64>,
}

/// Seconds until `own` is done by so many workers, beside `others`; `chunk_s` is how long a chunk takes. `None` without a
/// worker, or for a track without a deadline: how long that takes depends on who comes later.
pub fn seconds_until_done(own: Load, others: &[Load], workers: usize, chunk_s: f64) -> Option<f64> {
    let deadline = own.deadline?;
    if workers == 0 {
        return None;
    }
    let before = others.iter().filter(|other| other.deadline.is_some_and(|d| d <= deadline));
    let before: f64 = before.map(|other| other.seconds).sum();
    let no_hurry = others.iter().any(|other| other.deadline.is_none() && other.seconds > 0.0);
    let share = if no_hurry { f64::from(AHEAD) / f64::from(AHEAD + 1) } else { 1.0 };
    // Chunks are not divided: the last one takes its time, however many workers there are.
    let whole = (before + own.seconds) / (workers as f64 * share);
    Some(whole.max(chunk_s.min(own.seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hurried(seconds: f64, deadline: u64) -> Load {
        Load { seconds, deadline: Some(deadline) }
    }

    #[test]
    fn what_goes_before_it_counts_and_what_comes_later_does_not() {
        let own = hurried(10.0, 50);
        let until = |others: &[Load], workers| seconds_until_done(own, others, workers, 1.0);
        assert_eq!(until(&[], 2), Some(5.0));
        assert_eq!(until(&[hurried(4.0, 40), hurried(8.0, 60)], 2), Some(7.0));
        // Others keep a quarter of the workers' time.
        assert_eq!(until(&[Load { seconds: 100.0, deadline: None }], 2), Some(20.0 / 3.0));
        assert_eq!(until(&[], 0), None);
        assert_eq!(until(&[], 100), Some(1.0), "a chunk is not divided");
        assert_eq!(seconds_until_done(Load { deadline: None, ..own }, &[], 2, 1.0), None);
    }

    proptest! {
        #[test]
        fn more_workers_are_never_slower_and_more_work_never_faster(
            own in 0.0f64..1e4, other in 0.0f64..1e4, more in 0.0f64..1e4, workers in 1usize..50, at in 0u64..9,
        ) {
            let until = |other, workers| {
                seconds_until_done(hurried(own, 5), &[hurried(other, at)], workers, 1.0).unwrap()
            };
            prop_assert!(until(other, workers + 1) <= until(other, workers));
            prop_assert!(until(other + more, workers) >= until(other, workers));
        }
    }
}
