//! The windows of one track: where each lies, which cover a frame, and what is final when some are done.

use super::windowing::Windowing;
use crate::tail::{self, Tail};
use crate::units::Frames;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The windows of one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowPlan {
    windowing: Windowing,
    length: u64,
}

/// A stretch of the track in which the same windows meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First frame.
    pub start: u64,
    /// One past the last frame.
    pub end: u64,
    /// The first window that covers it.
    pub first: u64,
    /// How many windows, counted from `first`, cover it.
    pub cover: usize,
}

impl Segment {
    /// Frames in the segment.
    pub fn frames(&self) -> usize {
        (self.end - self.start) as usize
    }
}

impl WindowPlan {
    /// The plan of a track of `length` frames.
    pub fn new(windowing: Windowing, length: impl Into<Frames>) -> Self {
        Self { windowing, length: length.into().get() }
    }

    /// The windowing the plan was made with.
    pub fn windowing(&self) -> &Windowing {
        &self.windowing
    }

    /// Frames in the track.
    pub fn length(&self) -> Frames {
        Frames::new(self.length)
    }

    /// Number of windows: those that hold at least one frame of the track.
    pub fn count(&self) -> u64 {
        let Windowing { step, lead, .. } = self.windowing;
        if self.length == 0 { 0 } else { (self.length + lead as u64).div_ceil(step as u64) }
    }

    /// Where window `index` begins; negative when it begins with silence before the track.
    pub fn start(&self, index: u64) -> i64 {
        (index * self.windowing.step as u64) as i64 - self.windowing.lead as i64
    }

    /// The frames of the track that window `index` holds.
    pub fn span(&self, index: u64) -> Range<u64> {
        let start = self.start(index);
        let end = start + self.windowing.window as i64;
        start.max(0) as u64..(end.max(0) as u64).min(self.length)
    }

    /// By how many frames window `index` is taken from further back than it lies; see [`Tail`].
    pub fn moved(&self, index: u64) -> usize {
        self.sound_from(index).map_or(0, |rest| tail::moved(self.windowing.window, rest))
    }

    /// Frames from the window's place to the end of the track, where that is what tells if it is moved.
    pub(super) fn sound_from(&self, index: u64) -> Option<u64> {
        match self.windowing.tail {
            Tail::Silent => None,
            Tail::Centred => Some((self.length as i64 - self.start(index)).max(0) as u64),
        }
    }

    /// The window's actual length: shorter than the model's window at the end of the padded track.
    ///
    /// Only the cross-fade depends on it; the model always sees a full window, filled up with silence.
    pub fn actual_len(&self, index: u64) -> usize {
        let w = &self.windowing;
        let padded = match w.granule as u64 {
            0 => self.length + w.lead as u64,
            granule => self.length + 2 * w.lead as u64 + granule - self.length % granule,
        };
        (padded.saturating_sub(index * w.step as u64)).min(w.window as u64) as usize
    }

    /// The windows that cover frame `at` (which must lie in the track).
    pub fn covering(&self, at: u64) -> Range<u64> {
        let w = &self.windowing;
        let padded = at + w.lead as u64;
        let first = (padded + 1).saturating_sub(w.window as u64).div_ceil(w.step as u64);
        let last = (padded / w.step as u64).min(self.count().saturating_sub(1));
        first..last + 1
    }

    /// Cuts `range` (clipped to the track) where the set of covering windows changes.
    pub fn segments(&self, range: Range<u64>) -> impl Iterator<Item = Segment> {
        let plan = *self;
        let end = range.end.min(plan.length);
        let mut at = range.start;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let covering = plan.covering(at);
            // The set changes where its first window ends or where the next window begins.
            let leaves = plan.start(covering.start) + plan.windowing.window as i64;
            let enters = if covering.end < plan.count() { plan.start(covering.end) } else { i64::MAX };
            let stop = end.min(leaves.min(enters) as u64);
            let segment = Segment {
                start: at,
                end: stop,
                first: covering.start,
                cover: (covering.end - covering.start) as usize,
            };
            at = stop;
            Some(segment)
        })
    }

    /// From `at` on, everything up to the returned frame is final when `is_done` holds for each window asked.
    ///
    /// Returns `at` itself when the windows there are not all done, the track's length when all the rest is.
    pub fn ready_until(&self, at: u64, is_done: impl Fn(u64) -> bool) -> u64 {
        if at >= self.length {
            return self.length;
        }
        let mut window = self.covering(at).start;
        while window < self.count() {
            if !is_done(window) {
                return (self.start(window).max(0) as u64).max(at);
            }
            window += 1;
        }
        self.length
    }
}
