//! A track's states, the transitions between them, and its progress.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A track's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrackState {
    /// Uploaded, waiting for a decoder.
    Queued,
    /// Being decoded to samples.
    Decoding,
    /// Its chunks are with the workers.
    Separating,
    /// All chunks are back; the stems are being written out.
    Finishing,
    /// The stems are complete.
    Done,
    /// Given up, with a reason.
    Failed,
    /// Called off by its owner.
    Cancelled,
}

impl TrackState {
    /// All states, in the order in which a track passes them.
    pub const ALL: [Self; 7] = [
        Self::Queued,
        Self::Decoding,
        Self::Separating,
        Self::Finishing,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The state's name, as in the API and the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Decoding => "decoding",
            Self::Separating => "separating",
            Self::Finishing => "finishing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.name() == name)
    }

    /// Nothing happens to the track any more.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    /// Whether a track may go from this state to `next`.
    ///
    /// Forwards one step at a time (a silent or empty track may skip separating), to `Failed` or `Cancelled`
    /// from anywhere alive, and from `Decoding` back to `Queued` when the server died in the middle.
    pub fn may_become(self, next: Self) -> bool {
        use TrackState::*;
        match (self, next) {
            (from, Failed | Cancelled) => !from.is_terminal(),
            (Queued, Decoding) | (Decoding, Queued | Separating | Finishing) => true,
            (Separating, Finishing) | (Finishing, Done) => true,
            _ => false,
        }
    }
}

impl fmt::Display for TrackState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How far a track has come.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// Chunks whose result is safe.
    pub done: u64,
    /// Chunks in all; 0 while the length is not known.
    pub total: u64,
}

impl Progress {
    /// From 0 to 1; 1 only when the track is done.
    pub fn fraction(self, state: TrackState) -> f64 {
        match state {
            TrackState::Done => 1.0,
            _ if self.total == 0 => 0.0,
            // The last percent belongs to finishing: a bar at 100 % that still works would lie.
            _ => 0.99 * self.done as f64 / self.total as f64,
        }
    }

    /// Seconds left when `done_here` chunks took `elapsed_s` seconds; `None` before the third one (or the last),
    /// since the first pay for loading the model.
    pub fn seconds_left(self, done_here: u64, elapsed_s: f64) -> Option<f64> {
        (done_here >= self.total.clamp(1, 3) && self.total >= self.done)
            .then(|| elapsed_s / done_here as f64 * (self.total - self.done) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for state in TrackState::ALL {
            assert_eq!(TrackState::from_name(state.name()), Some(state));
        }
        assert_eq!(TrackState::from_name("Done"), None);
    }

    #[test]
    fn terminal_states_are_final() {
        for from in TrackState::ALL.into_iter().filter(|s| s.is_terminal()) {
            for to in TrackState::ALL {
                assert!(!from.may_become(to), "{from} → {to}");
            }
        }
    }

    #[test]
    fn every_living_state_reaches_done() {
        for start in TrackState::ALL.into_iter().filter(|s| !s.is_terminal()) {
            let mut seen = vec![start];
            let mut i = 0;
            while i < seen.len() {
                let from = seen[i];
                for to in TrackState::ALL {
                    if from.may_become(to) && !seen.contains(&to) {
                        seen.push(to);
                    }
                }
                i += 1;
            }
            assert!(seen.contains(&TrackState::Done), "{start}");
        }
    }

    #[test]
    fn progress_is_full_only_when_done() {
        let all = Progress { done: 4, total: 4 };
        assert!(all.fraction(TrackState::Finishing) < 1.0);
        assert_eq!(all.fraction(TrackState::Done), 1.0);
        assert_eq!(Progress { done: 0, total: 0 }.fraction(TrackState::Decoding), 0.0);
        assert_eq!(Progress { done: 3, total: 9 }.seconds_left(3, 6.0), Some(12.0));
        assert_eq!(Progress { done: 2, total: 9 }.seconds_left(2, 6.0), None);
        assert_eq!(Progress { done: 2, total: 2 }.seconds_left(2, 6.0), Some(0.0));
    }
}
