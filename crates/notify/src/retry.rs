//! When a message that did not arrive is sent again.

use std::time::Duration;

/// Pauses after the first, second, … attempt, as Standard Webhooks recommends them.
const PAUSES_S: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// How often a message is tried: for a little over three days.
pub const ATTEMPTS: u32 = PAUSES_S.len() as u32 + 1;

/// The pause after `attempts` that failed; none when that was the last.
///
/// `asked`: how long the target wants to be left alone, which is kept to within a day. `jitter` from 0 to 1 spreads
/// the pause by up to a fifth, so that a target that comes back is not met by everything at once.
pub fn pause_after(attempts: u32, asked: Option<Duration>, jitter: f64) -> Option<Duration> {
    let usual = PAUSES_S.get(attempts.checked_sub(1)? as usize)?;
    let usual = Duration::from_secs(*usual).mul_f64(1.0 + 0.2 * jitter.clamp(0.0, 1.0));
    let day = Duration::from_secs(86_400);
    Some(usual.max(asked.unwrap_or_default().min(day)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_attempt_is_followed_by_none() {
        assert!((1..ATTEMPTS).all(|n| pause_after(n, None, 0.0).is_some()));
        assert_eq!(pause_after(ATTEMPTS, None, 0.0), None);
        assert_eq!(pause_after(0, None, 0.0), None);
    }

    proptest! {
        #[test]
        fn pauses_grow_and_never_fall_short_of_what_was_asked(n in 1..ATTEMPTS - 1, asked in 0u64..200_000, j in 0.0..1.0) {
            let asked = Duration::from_secs(asked);
            let pause = pause_after(n, Some(asked), j).unwrap();
            prop_assert!(pause >= asked.min(Duration::from_secs(86_400)));
            prop_assert!(pause_after(n + 1, None, j) > pause_after(n, None, j));
            prop_assert!(pause <= Duration::from_secs(86_400).mul_f64(1.2));
        }
    }
}
