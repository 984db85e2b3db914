//! Sample-rate conversion with random access: each output frame is a pure function of its position.
//!
//! The source is cut on a fixed grid of blocks that starts at frame 0. Output block `u` is the overlap-add
//! of the transforms of source blocks `u − 1` and `u`, and of nothing else: so a jump that computes those
//! two gives the same bits as reading everything from the start.

use karaoke_stages::Stage;
use rubato::{Fft, FixedSync, Resampler, WindowFunction, audioadapter_buffers::direct::InterleavedSlice};
use std::{io, ops::Range};

/// Interleaved stereo frames that can be read at any position.
pub trait FrameSource {
    /// Fills `out` (interleaved) with the frames from `start` on; outside the track it gives silence.
    fn read(&mut self, start: i64, out: &mut [f32]) -> io::Result<()>;
}

impl<S: FrameSource + ?Sized> FrameSource for &mut S {
    fn read(&mut self, start: i64, out: &mut [f32]) -> io::Result<()> {
        (**self).read(start, out)
    }
}

/// Shorter blocks would widen the filter's transition band; this one keeps 20 kHz flat at 44.1 kHz.
const MIN_BLOCK: u64 = 2048;

/// A track's length at rate `to`: `length · to / from`, rounded to the nearest frame.
pub fn frames_at(length: u64, from: u32, to: u32) -> u64 {
    let (from, to) = (u128::from(from.max(1)), u128::from(to));
    ((u128::from(length) * to + from / 2) / from) as u64
}

/// The source frames that a read of target frames `range` looks at (they may lie outside the track).
pub fn needed(range: Range<u64>, from: u32, to: u32) -> Range<i64> {
    if range.is_empty() {
        return 0..0;
    }
    if from == to {
        return range.start as i64..range.end as i64;
    }
    let grid = Grid::new(from, to);
    let first = grid.block_of(range.start as i64);
    let last = grid.block_of(range.end as i64 - 1);
    (first - 1) * grid.source..(last + 1) * grid.source
}

/// Block sizes in frames of the source and of the target; both even, so that the delay is whole.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grid {
    source: i64,
    target: i64,
}

impl Grid {
    fn new(from: u32, to: u32) -> Self {
        let (from, to) = (u64::from(from.max(1)), u64::from(to.max(1)));
        let divisor = gcd(from, to);
        let (source, target) = (from / divisor, to / divisor);
        let times = MIN_BLOCK.div_ceil(source.min(target)).next_multiple_of(2);
        Self { source: (source * times) as i64, target: (target * times) as i64 }
    }

    /// The filter delays by half a block; block `u` starts that much before `u · target`.
    fn start_of(&self, block: i64) -> i64 {
        block * self.target - self.target / 2
    }

    fn block_of(&self, frame: i64) -> i64 {
        (frame + self.target / 2).div_euclid(self.target)
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A source read at another sample rate, aligned with it (no delay).
pub struct Resampled<S> {
    source: S,
    length: u64,
    filter: Option<Filter>,
}

impl<S: FrameSource> Resampled<S> {
    /// Reads `source` (`length` frames at rate `from`) at rate `to`; equal rates pass through untouched.
    ///
    /// # Errors
    /// A rate of zero.
    pub fn new(source: S, from: u32, to: u32, length: u64) -> io::Result<Self> {
        let filter = if from == to { None } else { Some(Filter::new(from, to)?) };
        Ok(Self { source, length: frames_at(length, from, to), filter })
    }

    /// Sets the target length: rounding twice may be one frame off on the way back to a known length.
    pub fn with_length(mut self, frames: u64) -> Self {
        self.length = frames;
        self
    }

    /// Length in target frames.
    pub fn length(&self) -> u64 {
        self.length
    }
}

impl<S: FrameSource> FrameSource for Resampled<S> {
    fn read(&mut self, start: i64, out: &mut [f32]) -> io::Result<()> {
        out.fill(0.0);
        let end = start.saturating_add((out.len() / 2) as i64).min(self.length as i64);
        let first = start.max(0);
        if end <= first {
            return Ok(());
        }
        let inside = &mut out[(first - start) as usize * 2..(end - start) as usize * 2];
        match &mut self.filter {
            None => self.source.read(first, inside),
            Some(filter) => filter.read(&mut self.source, first, inside),
        }
    }
}

/// The transform and the last block it made.
struct Filter {
    grid: Grid,
    fft: Fft<f32>,
    /// The source block that continues the transform's state.
    next: Option<i64>,
    /// The block that `made` holds.
    block: Option<i64>,
    made: Vec<f32>,
    input: Vec<f32>,
}

impl Filter {
    fn new(from: u32, to: u32) -> io::Result<Self> {
        let grid = Grid::new(from, to);
        let fft = Fft::new_custom(
            from as usize,
            to as usize,
            grid.source as usize,
            1,
            2,
            WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .map_err(io::Error::other)?;
        let (made, input) = (vec![0.0; grid.target as usize * 2], vec![0.0; grid.source as usize * 2]);
        Ok(Self { grid, fft, next: None, block: None, made, input })
    }

    fn read(&mut self, source: &mut dyn FrameSource, start: i64, out: &mut [f32]) -> io::Result<()> {
        let _stage = Stage::Resample.enter();
        let mut done = 0;
        while done < out.len() {
            let frame = start + (done / 2) as i64;
            let block = self.grid.block_of(frame);
            self.make(source, block)?;
            let offset = (frame - self.grid.start_of(block)) as usize * 2;
            let count = (self.made.len() - offset).min(out.len() - done);
            out[done..done + count].copy_from_slice(&self.made[offset..offset + count]);
            done += count;
        }
        Ok(())
    }

    fn make(&mut self, source: &mut dyn FrameSource, block: i64) -> io::Result<()> {
        if self.block == Some(block) {
            return Ok(());
        }
        if self.next != Some(block) {
            self.fft.reset();
            self.transform(source, block - 1)?;
        }
        self.transform(source, block)
    }

    fn transform(&mut self, source: &mut dyn FrameSource, block: i64) -> io::Result<()> {
        // Until it has succeeded, neither the state nor the block can be relied on.
        (self.next, self.block) = (None, None);
        source.read(block * self.grid.source, &mut self.input)?;
        let (frames_in, frames_out) = (self.grid.source as usize, self.grid.target as usize);
        let input = InterleavedSlice::new(&self.input, 2, frames_in).map_err(io::Error::other)?;
        let mut output =
            InterleavedSlice::new_mut(&mut self.made, 2, frames_out).map_err(io::Error::other)?;
        self.fft.process_into_buffer(&input, &mut output, None).map_err(io::Error::other)?;
        (self.next, self.block) = (Some(block + 1), Some(block));
        Ok(())
    }
}

#[cfg(test)]
#[path = "resample_tests.rs"]
mod tests;
