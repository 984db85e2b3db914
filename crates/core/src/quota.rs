//! What a client of the server may use, and what is left of it.

use serde::{Deserialize, Serialize};

/// The length of the window in which songs and audio are counted, in seconds: a day.
pub const WINDOW_S: u64 = 86_400;

/// What one client may use; 0: without a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quotas {
    /// Songs handed in within any 24 hours.
    pub tracks_per_day: u32,
    /// Minutes of audio handed in within any 24 hours.
    pub audio_minutes_per_day: u32,
    /// Songs in work or waiting at once.
    pub active_tracks: u32,
    /// Bytes that all its songs take on the server's disk.
    pub kept_bytes: u64,
}

/// What one client has used.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Songs handed in within the last 24 hours, deleted ones too.
    pub tracks: u32,
    /// Seconds of their audio, as far as it has been decoded.
    pub audio_s: f64,
    /// Songs in work or waiting.
    pub active: u32,
    /// Bytes of its songs on the disk.
    pub kept_bytes: u64,
    /// Seconds until the oldest of those songs is 24 hours old.
    pub oldest_leaves_s: u64,
}

/// What is left of one quota.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    /// Its name in the headers `RateLimit` and `RateLimit-Policy`.
    pub name: &'static str,
    /// How much there is in all.
    pub limit: u64,
    /// How much is left, rounded down.
    pub left: u64,
    /// Nothing is left: also where less than a whole one would be.
    pub is_used_up: bool,
    /// Seconds until some of it comes back; none: when songs are done or deleted.
    pub reset_s: Option<u64>,
}

impl Quotas {
    /// Whether nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        *self == Self::default()
    }

    /// What is left of each quota that there is. A client may hand in another song while none is used up.
    pub fn left(&self, used: &Usage) -> Vec<Allowance> {
        let day = Some(used.oldest_leaves_s.min(WINDOW_S));
        let used_up_audio = used.audio_s >= f64::from(self.audio_minutes_per_day) * 60.0;
        let minutes = (used.audio_s.max(0.0) / 60.0).ceil();
        [
            ("tracks", u64::from(self.tracks_per_day), u64::from(used.tracks), day),
            ("audio-minutes", u64::from(self.audio_minutes_per_day), minutes as u64, day),
            ("active-tracks", u64::from(self.active_tracks), u64::from(used.active), None),
            ("kept-bytes", self.kept_bytes, used.kept_bytes, None),
        ]
        .into_iter()
        .filter(|(_, limit, ..)| *limit > 0)
        .map(|(name, limit, used, reset_s)| {
            let left = limit.saturating_sub(used);
            let is_used_up = match name {
                "audio-minutes" => used_up_audio,
                _ => left == 0,
            };
            // Where nothing was used, nothing comes back.
            Allowance { name, limit, left, is_used_up, reset_s: reset_s.filter(|_| used > 0) }
        })
        .collect()
    }

    /// Whether a song of so many seconds, already counted in `used`, was more than the audio that is allowed.
    pub fn is_audio_exceeded(&self, used: &Usage) -> bool {
        self.audio_minutes_per_day > 0 && used.audio_s > f64::from(self.audio_minutes_per_day) * 60.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_limits_nothing_is_told() {
        let used = Usage { tracks: 1000, audio_s: 1e9, active: 9, kept_bytes: 1 << 40, oldest_leaves_s: 5 };
        assert!(Quotas::default().left(&used).is_empty() && !Quotas::default().is_audio_exceeded(&used));
    }

    #[test]
    fn a_started_minute_counts_as_one() {
        let quotas = Quotas { audio_minutes_per_day: 10, ..Quotas::default() };
        let left = |audio_s| quotas.left(&Usage { audio_s, tracks: 1, ..Usage::default() })[0].left;
        assert_eq!(
            [left(0.0), left(1.0), left(60.0), left(61.0), left(599.0), left(1e9)],
            [10, 9, 9, 8, 0, 0]
        );
        let is_used_up = |audio_s| quotas.left(&Usage { audio_s, ..Usage::default() })[0].is_used_up;
        assert!(!is_used_up(599.9) && is_used_up(600.0), "part of a minute is something");
        assert!(!quotas.is_audio_exceeded(&Usage { audio_s: 600.0, ..Usage::default() }));
        assert!(quotas.is_audio_exceeded(&Usage { audio_s: 600.1, ..Usage::default() }));
    }

    proptest! {
        #[test]
        fn as_many_songs_are_taken_as_there_may_be(limit in 1u32..50, asked in 0u32..100) {
            let quotas = Quotas { tracks_per_day: limit, ..Quotas::default() };
            let mut used = Usage { oldest_leaves_s: WINDOW_S, ..Usage::default() };
            for _ in 0..asked {
                if quotas.left(&used).iter().all(|a| !a.is_used_up) {
                    used.tracks += 1;
                }
            }
            prop_assert_eq!(used.tracks, limit.min(asked));
        }
    }
}
