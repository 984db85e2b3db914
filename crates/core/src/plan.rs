//! The window plan: which stretches of a track a model sees, and how windows are grouped into chunks.
//!
//! Positions are frames in the track, at the model's sample rate. A window may begin before the track (its
//! first `lead` frames are silence) and reach beyond its end. The windows depend on the track's length and
//! the model alone; chunks only group them, so the result never depends on the chunking.

use crate::tail::{self, Tail, WindowCut};
use crate::units::{ChunkIndex, Frames};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The shape of the cross-fade between neighbouring windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Taper {
    /// Symmetric Hann over the window's actual length (`numpy.hanning`), as python-audio-separator does.
    Hann,
    /// A triangle over the model's full window, cut where the track ends, as Demucs does.
    Triangle,
}

/// How a model's windows lie along a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windowing {
    /// Frames in a window.
    pub window: usize,
    /// Frames from one window's start to the next; at least 1, at most `window`.
    pub step: usize,
    /// Frames of silence before the track, inside the first window.
    pub lead: usize,
    /// The padded length is rounded up to a multiple of this (plus `lead` on both sides); 0 pads nothing.
    pub granule: usize,
    /// The cross-fade.
    pub taper: Taper,
    /// Where windows that stick out behind the track are taken from.
    #[serde(default)]
    pub tail: Tail,
}

impl Windowing {
    /// MDX-Net as python-audio-separator (0.30 and later) lays it out: `n_fft / 2` frames of silence in front,
    /// and behind at least that, up to a whole number of trimmed windows.
    ///
    /// `overlap` is a fraction of the window, 0 ≤ overlap < 1.
    pub fn mdx(n_fft: usize, hop: usize, dim_t: usize, overlap: f64) -> Self {
        let window = hop * (dim_t - 1);
        let lead = n_fft / 2;
        let (step, granule) = (step_of(window, overlap), window - 2 * lead);
        Self { window, step, lead, granule, taper: Taper::Hann, tail: Tail::Silent }
    }

    /// A model that takes plain waveforms of `segment` frames, as Demucs does.
    pub fn waveform(segment: usize, overlap: f64) -> Self {
        let (step, taper) = (step_of(segment, overlap), Taper::Triangle);
        Self { window: segment, step, lead: 0, granule: 0, taper, tail: Tail::Silent }
    }

    /// The same windows with another overlap.
    pub fn overlapping(self, overlap: f64) -> Self {
        Self { step: step_of(self.window, overlap), ..self }
    }

    /// How many windows can meet at one frame.
    pub fn max_cover(&self) -> usize {
        self.window.div_ceil(self.step)
    }
}

fn step_of(window: usize, overlap: f64) -> usize {
    (((1.0 - overlap) * window as f64) as usize).clamp(1, window)
}

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
    fn sound_from(&self, index: u64) -> Option<u64> {
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

/// Windows grouped into chunks: chunk `c` holds windows `c·per_chunk` up to the next chunk's first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkPlan {
    windows: WindowPlan,
    per_chunk: u32,
}

/// A job does not fit the limit even with one window a chunk, and a reply not even with one stem of it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "one window of this model makes messages of {needed} bytes, over the limit of {limit}: raise chunking.max_message_bytes"
)]
pub struct TooLarge {
    /// Bytes of the message.
    pub needed: usize,
    /// Bytes allowed.
    pub limit: usize,
}

impl ChunkPlan {
    /// Groups `windows` by `per_chunk` (at least 1).
    pub fn new(windows: WindowPlan, per_chunk: u32) -> Self {
        Self { windows, per_chunk: per_chunk.max(1) }
    }

    /// The largest number of windows a chunk may hold so that its job does not exceed `limit` bytes of samples.
    /// Its reply then goes in parts where it has to: one window of one stem is no larger than a job.
    pub fn largest(windowing: &Windowing, limit: usize) -> Result<u32, TooLarge> {
        let job = |n: usize| ((n - 1) * windowing.step + windowing.window) * crate::audio::FRAME_BYTES;
        match limit.checked_sub(job(1)) {
            None => Err(TooLarge { needed: job(1), limit }),
            Some(rest) => {
                let more = rest / (windowing.step * crate::audio::FRAME_BYTES);
                Ok(u32::try_from(more).unwrap_or(u32::MAX).saturating_add(1))
            }
        }
    }

    /// The number of windows that a chunk holds unless somebody chooses another: as many as give a reply (with
    /// `stems` predicted stems) in one message of `limit` bytes, or one.
    pub fn usual(windowing: &Windowing, stems: usize, limit: usize) -> Result<u32, TooLarge> {
        let largest = Self::largest(windowing, limit)?;
        let in_one = limit / (windowing.window * stems.max(1) * crate::audio::FRAME_BYTES);
        Ok(u32::try_from(in_one).unwrap_or(u32::MAX).clamp(1, largest))
    }

    /// The windows underneath.
    pub fn windows(&self) -> &WindowPlan {
        &self.windows
    }

    /// Windows in a full chunk.
    pub fn per_chunk(&self) -> u32 {
        self.per_chunk
    }

    /// Number of chunks.
    pub fn count(&self) -> u64 {
        self.windows.count().div_ceil(u64::from(self.per_chunk))
    }

    /// All chunks, in order.
    pub fn chunks(&self) -> impl Iterator<Item = ChunkIndex> + use<> {
        (0..self.count()).map(ChunkIndex::new)
    }

    /// The windows of chunk `chunk`.
    pub fn windows_of(&self, chunk: ChunkIndex) -> Range<u64> {
        let n = u64::from(self.per_chunk);
        let chunk = chunk.get();
        chunk * n..((chunk + 1) * n).min(self.windows.count())
    }

    /// The chunk that holds `window`.
    pub fn chunk_of(&self, window: u64) -> ChunkIndex {
        ChunkIndex::new(window / u64::from(self.per_chunk))
    }

    /// How the windows of chunk `chunk` are cut out of its samples.
    pub fn cut(&self, chunk: ChunkIndex) -> WindowCut {
        let range = self.windows_of(chunk);
        let Windowing { window, step, .. } = *self.windows.windowing();
        let windows = (range.end - range.start) as u32;
        let whole = WindowCut::whole(windows, window, step);
        let rest = self.windows.sound_from(range.start).unwrap_or(u64::MAX);
        let (moved, before) = (self.windows.moved(range.start), range.start * step as u64);
        let lead = (moved as u64).saturating_sub(before) as usize;
        WindowCut { windows, window, step, end: rest.min(whole as u64) as usize, lead }
    }

    /// Where the samples of a chunk's job begin (maybe before the track), and how many frames they are.
    pub fn job_span(&self, chunk: ChunkIndex) -> (i64, usize) {
        let cut = self.cut(chunk);
        let place = self.windows.start(self.windows_of(chunk).start);
        (place - cut.moved(0) as i64, cut.frames())
    }

    /// The part of the track that a picture of the chunks gives to `chunk`: from where it begins to where
    /// the next one does.
    pub fn share(&self, chunk: ChunkIndex) -> Range<u64> {
        let begin = |c: ChunkIndex| match c.get() {
            0 => 0,
            n if n >= self.count() => self.windows.length,
            _ => self.windows.span(self.windows_of(c).start).start,
        };
        begin(chunk)..begin(chunk.next())
    }

    /// The chunks whose windows cover frame `at`.
    pub fn covering(&self, at: u64) -> Range<ChunkIndex> {
        let windows = self.windows.covering(at);
        self.chunk_of(windows.start)..self.chunk_of(windows.end - 1).next()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn any_windowing() -> impl Strategy<Value = Windowing> {
        let sizes = (2usize..40, any::<prop::sample::Index>(), 0usize..20, 0usize..30);
        (sizes, any::<bool>(), any::<bool>()).prop_map(|((window, step, lead, granule), hann, centred)| {
            Windowing {
                window,
                step: step.index(window) + 1,
                lead: lead.min(window - 1),
                granule,
                taper: if hann { Taper::Hann } else { Taper::Triangle },
                tail: if centred { Tail::Centred } else { Tail::Silent },
            }
        })
    }

    proptest! {
        #[test]
        fn covering_is_what_the_definition_says(w in any_windowing(), length in 1u64..300) {
            let plan = WindowPlan::new(w, length);
            for at in 0..length {
                let slow: Vec<u64> = (0..plan.count()).filter(|&i| plan.span(i).contains(&at)).collect();
                prop_assert!(!slow.is_empty(), "frame {} is not covered", at);
                prop_assert_eq!(plan.covering(at).collect::<Vec<_>>(), slow);
            }
        }

        #[test]
        fn segments_tile_the_range(w in any_windowing(), length in 0u64..300, a in 0u64..300, b in 0u64..300) {
            let plan = WindowPlan::new(w, length);
            let mut at = a;
            for s in plan.segments(a..b) {
                prop_assert_eq!(s.start, at);
                prop_assert!(s.end > s.start && s.cover >= 1 && s.cover <= w.max_cover());
                for p in s.start..s.end {
                    prop_assert_eq!(plan.covering(p), s.first..s.first + s.cover as u64);
                }
                at = s.end;
            }
            prop_assert_eq!(at, a.max(b.min(length)));
        }

        #[test]
        fn ready_until_is_what_the_definition_says(
            w in any_windowing(), length in 1u64..200, seed in any::<u64>(), at in 0u64..200,
        ) {
            let plan = WindowPlan::new(w, length);
            let done = |i: u64| seed.rotate_left((i * 7 % 64) as u32) & 3 != 0;
            let at = at.min(length);
            let slow = (at..length).find(|&p| !plan.covering(p).all(done)).unwrap_or(length);
            prop_assert_eq!(plan.ready_until(at, done), slow);
        }

        #[test]
        fn chunks_tile_windows_and_track(w in any_windowing(), length in 0u64..300, per in 1u32..7) {
            let chunks = ChunkPlan::new(WindowPlan::new(w, length), per);
            let (mut window, mut frame) = (0, 0);
            for c in chunks.chunks() {
                prop_assert_eq!(chunks.windows_of(c).start, window);
                prop_assert!(!chunks.windows_of(c).is_empty());
                window = chunks.windows_of(c).end;
                prop_assert_eq!(chunks.share(c).start, frame);
                frame = chunks.share(c).end;
            }
            prop_assert_eq!((window, frame), (chunks.windows().count(), length));
        }

        #[test]
        fn the_largest_job_fits_and_one_more_window_does_not(w in any_windowing(), stems in 1usize..7, limit in 1usize..5000) {
            let job = |n: usize| ((n - 1) * w.step + w.window) * 8;
            let reply = |n: usize| n * w.window * stems * 8;
            match (ChunkPlan::largest(&w, limit), ChunkPlan::usual(&w, stems, limit)) {
                (Ok(largest), Ok(usual)) => {
                    let (largest, usual) = (largest as usize, usual as usize);
                    prop_assert!(job(largest) <= limit && job(largest + 1) > limit);
                    // In one message, if one can be; else one window, in parts of which the smallest fits.
                    prop_assert!(job(usual) <= limit && (reply(usual) <= limit || usual == 1));
                    prop_assert!(job(usual + 1).max(reply(usual + 1)) > limit);
                    prop_assert!(w.window * 8 <= limit);
                }
                (Err(e), Err(same)) => prop_assert!(e == same && e.needed > limit && job(1) > limit),
                _ => prop_assert!(false, "they disagree"),
            }
        }
    }

    #[test]
    fn edge_lengths_of_the_real_mdx_plan() {
        let w = Windowing::mdx(6144, 1024, 256, 0.25);
        assert_eq!((w.window, w.step, w.lead, w.granule), (261_120, 195_840, 3072, 254_976));
        let count = |length: u64| WindowPlan::new(w, length).count();
        assert_eq!(count(0), 0);
        assert_eq!(count(1), 1);
        assert_eq!(count(w.step as u64 - w.lead as u64), 1);
        assert_eq!(count(w.step as u64 - w.lead as u64 + 1), 2);
        let ten_hours = 36_000 * 44_100;
        let plan = WindowPlan::new(w, ten_hours);
        assert_eq!(plan.count(), (ten_hours + 3072).div_ceil(195_840));
        assert_eq!(plan.span(plan.count() - 1).end, ten_hours);
        assert_eq!(plan.span(0), 0..258_048);
    }

    #[test]
    fn the_last_window_is_as_long_as_the_padded_track_allows() {
        // n = 100 000: padded = 3072 + n + (254 976 + 3072 − n) = 261 120, one full window and a stub of 65 280.
        let plan = WindowPlan::new(Windowing::mdx(6144, 1024, 256, 0.25), 100_000);
        assert_eq!(plan.actual_len(0), 261_120);
        assert_eq!(plan.actual_len(1), 65_280);
        // The stub begins behind the end of the track, so it is not in the plan.
        assert_eq!(plan.count(), 1);
    }
}
