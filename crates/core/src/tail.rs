//! The tail of a track: where the windows that stick out behind its end are taken from.
//!
//! Such a window holds less of the track than a network takes. Its result lies at the same place whatever the
//! network is shown beside it; so this is about what goes in, and the overlap-add knows nothing of it.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What a network is shown of a window that sticks out behind the track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tail {
    /// The window where it is: what it holds of the track, then silence.
    #[default]
    Silent,
    /// The window moved back until what it holds of the track lies in its middle: the sound that came before,
    /// what it holds, silence. A track shorter than a window has silence on both sides. So does Demucs
    /// (`TensorChunk.padded` and `center_trim` in its `apply.py`), which has its networks begin nothing at the
    /// end of a track that they have heard nothing before.
    Centred,
}

/// How the windows of a chunk are cut out of its samples.
///
/// The samples begin where the first window is taken from and end where the last one does. All numbers are
/// frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowCut {
    /// Number of windows, at least 1.
    pub windows: u32,
    /// Frames in a window.
    pub window: usize,
    /// Frames from one window's place in the track to the next; at least 1, at most `window`.
    pub step: usize,
    /// Where the sound ends, from the first window's place: a window that sticks out behind it is moved back.
    /// More than `(windows − 1) · step`, for every window holds something; [`WindowCut::whole`] moves none.
    pub end: usize,
    /// Silence in front of the samples, because the first window was moved back beyond the track's beginning.
    pub lead: usize,
}

impl WindowCut {
    /// The `end` that moves no window; a larger one says no more.
    pub fn whole(windows: u32, window: usize, step: usize) -> usize {
        (windows as usize).saturating_sub(1) * step + window
    }

    /// Whether there is such a cut; what travels is refused otherwise.
    pub fn is_possible(&self) -> bool {
        let Self { windows, window, step, end, lead } = *self;
        let steps = (1..=window).contains(&step);
        let whole = Self::whole(windows, window, step);
        windows > 0 && steps && (whole - window + 1..=whole).contains(&end) && lead <= self.moved(0)
    }

    /// By how many frames window `index` of the chunk is moved back: in what a network makes of it, the window's
    /// place begins so much later.
    pub fn moved(&self, index: u32) -> usize {
        moved(self.window, self.end.saturating_sub(index as usize * self.step) as u64)
    }

    /// The frames of window `index`, as it is cut out, that lie in the track: around them is silence. All of them
    /// when windows are not moved, whatever they hold.
    pub fn sound(&self, index: u32) -> Range<usize> {
        let rest = self.end.saturating_sub(index as usize * self.step);
        self.lead.saturating_sub(self.at(index))..self.moved(index) + rest.min(self.window)
    }

    /// Where window `index` begins in the chunk's samples.
    pub fn at(&self, index: u32) -> usize {
        // A window is moved by no more than half of what it begins later, so this never goes below 0.
        self.moved(0) + index as usize * self.step - self.moved(index)
    }

    /// Frames in the chunk's samples: `whole`, or fewer when windows are moved.
    pub fn frames(&self) -> usize {
        self.at(self.windows.saturating_sub(1)) + self.window
    }
}

/// By how many frames a window is moved back that has `rest` frames of the track from its place on: by half of
/// what it lacks, rounded down.
pub(crate) fn moved(window: usize, rest: u64) -> usize {
    (window - rest.min(window as u64) as usize) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::any_windowing;
    use crate::plan::{ChunkPlan, WindowPlan, Windowing};
    use proptest::prelude::*;

    /// A chunk of Demucs: `TensorChunk(mix, offset, window).padded(window)`, by frame of the track or silence,
    /// and where `center_trim` takes the result from.
    fn padded(offset: usize, window: usize, total: usize) -> (Vec<Option<usize>>, Range<usize>) {
        let length = window.min(total - offset);
        let delta = window - length;
        let start = offset as i64 - (delta / 2) as i64;
        let inside = |at: i64| usize::try_from(at).ok().filter(|at| *at < total);
        let frames = (start..start + window as i64).map(inside).collect();
        (frames, delta / 2..window - (delta - delta / 2))
    }

    fn centred() -> impl Strategy<Value = Windowing> {
        any_windowing().prop_map(|w| Windowing { lead: 0, granule: 0, tail: Tail::Centred, ..w })
    }

    proptest! {
        #[test]
        fn centred_windows_are_those_of_demucs(w in centred(), total in 1usize..300, per in 1u32..9) {
            let plan = ChunkPlan::new(WindowPlan::new(w, total as u64), per);
            let mut offsets = (0..total).step_by(w.step);
            for chunk in plan.chunks() {
                let (start, frames) = plan.job_span(chunk);
                let samples: Vec<Option<usize>> = (start..start + frames as i64)
                    .map(|at| usize::try_from(at).ok().filter(|at| *at < total))
                    .collect();
                let cut = plan.cut(chunk);
                prop_assert!(cut.is_possible() && cut.frames() == frames);
                for (index, window) in plan.windows_of(chunk).enumerate() {
                    let offset = offsets.next();
                    prop_assert_eq!(offset, Some(plan.windows().start(window) as usize));
                    let (want, trimmed) = padded(offset.unwrap(), w.window, total);
                    let (at, moved) = (cut.at(index as u32), cut.moved(index as u32));
                    prop_assert_eq!(&samples[at..at + w.window], &want[..]);
                    prop_assert_eq!(moved, plan.windows().moved(window));
                    let sound: Vec<_> = (0..w.window).filter(|i| want[*i].is_some()).collect();
                    prop_assert_eq!(cut.sound(index as u32).collect::<Vec<_>>(), sound);
                    let span = plan.windows().span(window);
                    prop_assert_eq!(moved..moved + (span.end - span.start) as usize, trimmed);
                }
            }
            prop_assert_eq!(offsets.next(), None, "Demucs has more windows");
        }

        #[test]
        fn no_window_is_moved_unless_asked(w in any_windowing(), length in 1u64..300, per in 1u32..9) {
            let plan = ChunkPlan::new(WindowPlan::new(Windowing { tail: Tail::Silent, ..w }, length), per);
            for chunk in plan.chunks() {
                let (windows, cut) = (plan.windows_of(chunk), plan.cut(chunk));
                let frames = (windows.end - windows.start - 1) as usize * w.step + w.window;
                prop_assert_eq!(plan.job_span(chunk), (plan.windows().start(windows.start), frames));
                for index in 0..cut.windows {
                    prop_assert_eq!((cut.at(index), cut.moved(index)), (index as usize * w.step, 0));
                    prop_assert_eq!(cut.sound(index), 0..w.window);
                }
            }
        }

        /// So a job with moved windows keeps to a message that one without them keeps to.
        #[test]
        fn windows_lie_in_the_samples_which_are_no_more(w in any_windowing(), length in 1u64..300, per in 1u32..9) {
            let plan = ChunkPlan::new(WindowPlan::new(w, length), per);
            for chunk in plan.chunks() {
                let cut = plan.cut(chunk);
                prop_assert!(cut.is_possible());
                prop_assert!(cut.frames() <= WindowCut::whole(cut.windows, cut.window, cut.step));
                for index in 0..cut.windows {
                    prop_assert!(cut.at(index) + cut.window <= cut.frames());
                    let sound = cut.sound(index);
                    prop_assert!(sound.start < sound.end && sound.end <= cut.window);
                    prop_assert!(index == 0 || cut.at(index - 1) <= cut.at(index));
                }
                prop_assert_eq!(cut.at(0), 0);
            }
        }
    }

    #[test]
    fn numbers_that_are_no_cut_are_told() {
        let good = WindowCut { windows: 3, window: 10, step: 7, end: 17, lead: 0 };
        assert!(good.is_possible());
        for end in [15, 24] {
            assert!(WindowCut { end, ..good }.is_possible(), "{end}");
        }
        for end in [0, 14, 25, usize::MAX] {
            assert!(!WindowCut { end, ..good }.is_possible(), "{end}");
        }
        for step in [0, 11] {
            assert!(!WindowCut { step, ..good }.is_possible(), "{step}");
        }
        // The first window lacks 4 of 10 frames and is moved by 2: no more silence can be in front.
        let short = WindowCut { windows: 1, window: 10, step: 7, end: 6, lead: 2 };
        assert!(short.is_possible() && short.sound(0) == (2..8));
        assert!(
            !WindowCut { lead: 3, ..short }.is_possible() && !WindowCut { lead: 1, ..good }.is_possible()
        );
        assert!(
            !WindowCut { windows: 0, ..good }.is_possible() && !WindowCut { window: 0, ..good }.is_possible()
        );
    }

    #[test]
    fn htdemucs_at_the_end_of_a_song() {
        let windowing = Windowing { tail: Tail::Centred, ..Windowing::waveform(343_980, 0.25) };
        // 18 s: two windows stick out, the last one holds 19 845 frames.
        let plan = WindowPlan::new(windowing, 18 * 44_100);
        let moved: Vec<_> = (0..plan.count()).map(|i| plan.moved(i)).collect();
        assert_eq!(moved, [0, 0, 33_075, 162_067]);
        // 3 s: silence on both sides.
        let plan = ChunkPlan::new(WindowPlan::new(windowing, 3 * 44_100), 8);
        assert_eq!((plan.count(), plan.job_span(0.into())), (1, (-105_840, 343_980)));
    }
}
