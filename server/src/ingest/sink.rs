//! Takes decoded frames, mixes them to stereo, trims, checks, measures and writes them.

use super::downmix::{Downmix, Speaker};
use super::file::{FrameFile, FrameWriter};
use super::resample::{FrameSource, Resampled, frames_at};
use super::{IngestError, Limits};
use karaoke_core::audio::FRAME_BYTES;
use std::path::{Path, PathBuf};

/// Louder than any scaling mistake of an honest encoder (+96 dB covers integers stored as floats).
const ABSURD: f32 = 1e6;

/// What the container says about the sound's place in its packets, in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Frames of encoder delay to drop at the start.
    pub skip: u64,
    /// The exact length after that, where it is known.
    pub length: Option<u64>,
    /// A length that is only good for limits and for noticing truncation.
    pub announced: Option<u64>,
}

/// A file that is removed when nobody needs it any more.
struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Span {
    /// The same span, from frames at the rate `from` to frames at `to`.
    pub fn at_rate(self, from: u32, to: u32) -> Self {
        let scale = |frames| frames_at(frames, from, to);
        Self { skip: scale(self.skip), length: self.length.map(scale), announced: self.announced.map(scale) }
    }
}

/// The stereo file in the making.
pub struct Sink {
    writer: FrameWriter,
    downmix: Downmix,
    rate: u32,
    limits: Limits,
    span: Span,
    skip: u64,
    peak: f32,
    /// Peak of what lies beyond the exact length: padding, unless that length was a lie.
    peak_beyond: f32,
    mixed: Vec<f32>,
    speakers: Vec<Speaker>,
    /// Sound at another rate, for as long as that lasts; it is resampled when it ends.
    run: Option<Run>,
    run_path: PathBuf,
}

/// Frames at a rate that is not the file's.
struct Run {
    rate: u32,
    writer: FrameWriter,
    file: TemporaryFile,
}

impl Sink {
    /// Creates `mix`. Beside it lies, while it is made, what has to be resampled.
    ///
    /// # Errors
    /// `TooLong` or `TooLarge` when the container already says so.
    pub fn create(
        mix: &Path,
        speakers: &[Speaker],
        rate: u32,
        span: Span,
        limits: Limits,
    ) -> Result<Self, IngestError> {
        if let Some(frames) = span.length.or(span.announced) {
            check_limits(frames, rate, &limits)?;
        }
        Ok(Self {
            writer: FrameWriter::create(mix)?,
            downmix: Downmix::new(speakers),
            speakers: speakers.to_vec(),
            run: None,
            run_path: mix.with_extension("run"),
            rate,
            limits,
            span,
            skip: span.skip,
            peak: 0.0,
            peak_beyond: 0.0,
            mixed: Vec::new(),
        })
    }

    /// Source rate in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Frames written so far.
    pub fn frames(&self) -> u64 {
        self.writer.frames()
    }

    /// Another stream follows, of unknown length, with its own `delay` to drop.
    pub fn unbound(&mut self, delay: u64) {
        (self.span.length, self.span.announced, self.skip) = (None, None, delay);
    }

    /// Appends interleaved frames at `rate` Hz, of channels for these speakers.
    pub fn push(&mut self, interleaved: &[f32], rate: u32, speakers: &[Speaker]) -> Result<(), IngestError> {
        if interleaved.iter().any(|s| !s.is_finite() || s.abs() > ABSURD) {
            return Err(IngestError::NotFinite);
        }
        if self.speakers != speakers {
            (self.downmix, self.speakers) = (Downmix::new(speakers), speakers.to_vec());
        }
        let mut mixed = std::mem::take(&mut self.mixed);
        mixed.clear();
        self.downmix.mix(interleaved, &mut mixed);
        let result = self.append_at(&mixed, rate);
        self.mixed = mixed;
        result
    }

    /// Appends `frames` of silence at `rate` Hz, in place of what could not be decoded.
    pub fn silence(&mut self, frames: u64, rate: u32) -> Result<(), IngestError> {
        let block = [0.0; 2048];
        let mut left = frames;
        while left > 0 {
            let count = left.min(1024);
            self.append_at(&block[..count as usize * 2], rate)?;
            left -= count;
        }
        Ok(())
    }

    fn append_at(&mut self, stereo: &[f32], rate: u32) -> Result<(), IngestError> {
        if self.run.as_ref().is_some_and(|run| run.rate != rate) {
            self.end_run()?;
        }
        if rate == self.rate {
            return self.append(stereo);
        }
        let run = match self.run.take() {
            Some(run) => run,
            None => {
                let file = TemporaryFile(self.run_path.clone());
                Run { rate, writer: FrameWriter::create(&file.0)?, file }
            }
        };
        let run = self.run.insert(run);
        let frames = run.writer.frames() + (stereo.len() / 2) as u64;
        check_limits(self.writer.frames() + frames_at(frames, rate, self.rate), self.rate, &self.limits)?;
        Ok(run.writer.write(stereo)?)
    }

    /// Brings what came at another rate to the file's, and appends it.
    fn end_run(&mut self) -> Result<(), IngestError> {
        let Some(Run { rate, writer, file }) = self.run.take() else { return Ok(()) };
        let frames = writer.frames();
        writer.finish(frames)?;
        let run = FrameFile::open(&file.0)?;
        let mut source = Resampled::new(run, rate, self.rate, frames)?;
        let (length, mut at) = (source.length(), 0);
        let mut block = vec![0.0; 2 << 14];
        while at < length {
            let count = (length - at).min(1 << 14) as usize;
            source.read(at as i64, &mut block[..count * 2])?;
            self.append(&block[..count * 2])?;
            at += count as u64;
        }
        Ok(())
    }

    fn append(&mut self, stereo: &[f32]) -> Result<(), IngestError> {
        let skipped = self.skip.min((stereo.len() / 2) as u64);
        self.skip -= skipped;
        let kept = &stereo[skipped as usize * 2..];
        check_limits(self.frames() + (kept.len() / 2) as u64, self.rate, &self.limits)?;
        self.measure(kept);
        Ok(self.writer.write(kept)?)
    }

    fn measure(&mut self, stereo: &[f32]) {
        let end = self.span.length.unwrap_or(u64::MAX);
        let inside = end.saturating_sub(self.frames()).min((stereo.len() / 2) as u64) as usize * 2;
        let peak = |samples: &[f32]| samples.iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
        self.peak = self.peak.max(peak(&stereo[..inside]));
        self.peak_beyond = self.peak_beyond.max(peak(&stereo[inside..]));
    }

    /// Cuts the padding off and closes the file; gives its frames and peak.
    ///
    /// `tail` is the last packet's own padding in frames, which counts where no length is known.
    ///
    /// # Errors
    /// `NoSamples`, or `Truncated` when more than a second and 2 % of what was announced is missing.
    pub fn finish(mut self, tail: u64) -> Result<(u64, f32), IngestError> {
        self.end_run()?;
        let written = self.frames();
        let announced = self.span.length.or(self.span.announced);
        let missing = announced.unwrap_or(0).saturating_sub(written);
        let rate = u64::from(self.rate);
        if missing > rate && missing > announced.unwrap_or(0) / 50 {
            let announced = announced.unwrap_or(0) / rate;
            return Err(IngestError::Truncated { announced, found: written / rate });
        }
        if written == 0 {
            return Err(IngestError::NoSamples);
        }
        // A header that disowns more than any encoder pads with is wrong: keep the music.
        let padding = self.span.length.map_or(tail.min(written), |length| written.saturating_sub(length));
        let (frames, peak) = if padding > rate.max(1 << 14) {
            (written, self.peak.max(self.peak_beyond))
        } else {
            (written - padding, self.peak)
        };
        if frames == 0 {
            return Err(IngestError::NoSamples);
        }
        self.writer.finish(frames)?;
        Ok((frames, peak))
    }
}

fn check_limits(frames: u64, rate: u32, limits: &Limits) -> Result<(), IngestError> {
    if frames > limits.max_duration_s.saturating_mul(u64::from(rate)) {
        return Err(IngestError::TooLong { limit: limits.max_duration_s });
    }
    if frames.saturating_mul(FRAME_BYTES as u64) > limits.max_bytes {
        return Err(IngestError::TooLarge { limit: limits.max_bytes >> 20 });
    }
    Ok(())
}
