//! Windows grouped into chunks, each of which is one job.

use super::window_plan::WindowPlan;
use super::windowing::Windowing;
use crate::tail::WindowCut;
use crate::units::ChunkIndex;
use serde::{Deserialize, Serialize};
use std::ops::Range;

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
            n if n >= self.count() => self.windows.length().get(),
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
