//! The short-time Fourier transform of one window of sound, and its inverse.
//!
//! The same transform as `torch.stft(window=hann(periodic))` and `torch.istft`, which the reference
//! implementations use: nothing is scaled on the way in, and the inverse is divided by the sum of the squared
//! windows that meet at a sample. Where FFTs lie is told by a [`Framing`]; how a network wants its spectra laid
//! out is up to whoever calls: spectra come and go in blocks of at most 16, and [`Planes`] and [`Rows`] move them.

mod framing;
mod rows;
mod transpose;

pub use framing::Framing;
use karaoke_stages::Stage;
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, FftError, RealFftPlanner, RealToComplex};
pub use rows::Rows;
use std::sync::Arc;
pub use transpose::{Block, Planes};

/// Spectra that are handed over together: 16 floats fill a cache line.
const BLOCK: usize = 16;

/// Input below this (−240 dB of full scale) counts as silence, so that neither the transform nor a network
/// that squares its input meets subnormal numbers, which many processors handle a hundred times slower.
const SILENCE: f32 = 1e-12;

/// The least that the sum of squared windows is divided by, as a share of its largest value. At the ends of a
/// window whose FFTs are not centred the sum goes to nothing: there the division would make what a mask has
/// left at the edges of an FFT arbitrarily loud; so it is at most about five times as loud. The cross-fade with
/// the neighbouring window, which is whole there, lets next to nothing of that through.
const LEAST_ENVELOPE: f64 = 1.0 / 32.0;

/// A planned transform with its buffers; transforming allocates nothing.
pub struct Stft {
    framing: Framing,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// Bins that the inverse takes, from 0 up; the rest are zero.
    kept: usize,
    /// Periodic Hann window.
    hann: Vec<f32>,
    /// The same, divided by `n_fft`: the inverse FFT is not normalised.
    synthesis: Vec<f32>,
    /// One over the sum of the squared windows that meet at each sample.
    envelope: Vec<f32>,
    /// A channel with its reflected ends.
    padded: Vec<f32>,
    frame: Vec<f32>,
    /// `BLOCK` spectra.
    spectra: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Stft {
    /// Plans the transform; the inverse takes the lowest `kept` bins (at most `n_fft / 2 + 1`).
    pub fn new(framing: Framing, kept: usize) -> Self {
        let n_fft = framing.n_fft;
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(n_fft), planner.plan_fft_inverse(n_fft));
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        let hann = hann(n_fft);
        Self {
            framing,
            kept: kept.min(framing.bins()),
            synthesis: hann.iter().map(|w| (w / n_fft as f64) as f32).collect(),
            envelope: inverse_envelope(&hann, framing),
            hann: hann.iter().map(|w| *w as f32).collect(),
            padded: vec![0.0; framing.span().max(framing.before + framing.window)],
            frame: vec![0.0; n_fft],
            spectra: vec![Complex::default(); BLOCK * framing.bins()],
            scratch: vec![Complex::default(); scratch],
            forward,
            inverse,
        }
    }

    /// Samples in a window.
    pub fn window(&self) -> usize {
        self.framing.window
    }

    /// Transforms `channel` (one window of samples), times `gain`, and hands the spectra to `take`, block by
    /// block in order.
    ///
    /// Fails only when the channel has another length.
    pub fn forward(
        &mut self,
        channel: &[f32],
        gain: f32,
        mut take: impl FnMut(Block, &[Complex<f32>]),
    ) -> Result<(), FftError> {
        let _stage = Stage::Stft.enter();
        check_length(channel.len(), self.window())?;
        self.pad(channel, gain);
        for block in blocks(self.framing) {
            self.analyse(block)?;
            take(block, &self.spectra);
        }
        Ok(())
    }

    /// Transforms the spectra that `give` writes, block by block in order, back into one window of samples,
    /// times `factor`. What `give` must write are the kept bins; the others are zero, and so are the imaginary
    /// parts that a real signal cannot have.
    ///
    /// Fails only when `out` has another length.
    pub fn inverse(
        &mut self,
        factor: f32,
        out: &mut [f32],
        mut give: impl FnMut(Block, &mut [Complex<f32>]),
    ) -> Result<(), FftError> {
        let _stage = Stage::InverseStft.enter();
        check_length(out.len(), self.window())?;
        out.fill(0.0);
        for block in blocks(self.framing) {
            give(block, &mut self.spectra);
            self.complete(block);
            self.synthesise(block, out)?;
        }
        for (sample, scale) in out.iter_mut().zip(&self.envelope) {
            *sample *= scale * factor;
        }
        Ok(())
    }

    /// Fills `padded` with the channel, its ends reflected about the first and the last sample.
    fn pad(&mut self, channel: &[f32], gain: f32) {
        let (head, rest) = self.padded.split_at_mut(self.framing.before);
        let (body, tail) = rest.split_at_mut(channel.len());
        for (to, from) in body.iter_mut().zip(channel) {
            let sample = from * gain;
            *to = if sample.abs() < SILENCE { 0.0 } else { sample };
        }
        for (to, from) in head.iter_mut().rev().zip(&body[1..]) {
            *to = *from;
        }
        for (to, from) in tail.iter_mut().zip(body.iter().rev().skip(1)) {
            *to = *from;
        }
    }

    /// Transforms a block's frames of `padded` into `spectra`.
    fn analyse(&mut self, block: Block) -> Result<(), FftError> {
        let Framing { n_fft, hop, .. } = self.framing;
        for (k, spectrum) in self.spectra.chunks_exact_mut(block.bins).take(block.count).enumerate() {
            let begin = (block.first + k) * hop;
            let samples = &self.padded[begin..begin + n_fft];
            for ((to, from), w) in self.frame.iter_mut().zip(samples).zip(&self.hann) {
                *to = from * w;
            }
            self.forward.process_with_scratch(&mut self.frame, spectrum, &mut self.scratch)?;
        }
        Ok(())
    }

    /// Adds a block's frames, from their `spectra`, to the window `out`.
    fn synthesise(&mut self, block: Block, out: &mut [f32]) -> Result<(), FftError> {
        let Framing { n_fft, hop, before, .. } = self.framing;
        for (k, spectrum) in self.spectra.chunks_exact_mut(block.bins).take(block.count).enumerate() {
            self.inverse.process_with_scratch(spectrum, &mut self.frame, &mut self.scratch)?;
            // What lies outside the window is cut off.
            let at = (block.first + k) * hop;
            let skip = before.saturating_sub(at);
            let begin = (at + skip - before).min(out.len());
            let end = (at + n_fft).saturating_sub(before).min(out.len());
            let frame = self.frame[skip..].iter().zip(&self.synthesis[skip..]);
            for (to, (from, w)) in out[begin..end].iter_mut().zip(frame) {
                *to += from * w;
            }
        }
        Ok(())
    }

    /// Zeroes what nobody has a say in: the bins that are not kept, and the imaginary parts that a real
    /// signal cannot have.
    fn complete(&mut self, block: Block) {
        for spectrum in self.spectra.chunks_exact_mut(block.bins).take(block.count) {
            spectrum[self.kept..].fill(Complex::default());
            spectrum[0].im = 0.0;
            spectrum[block.bins - 1].im = 0.0;
        }
    }
}

fn blocks(framing: Framing) -> impl Iterator<Item = Block> {
    let block = move |first| Block { first, count: BLOCK.min(framing.frames - first), bins: framing.bins() };
    (0..framing.frames).step_by(BLOCK).map(block)
}

fn check_length(got: usize, want: usize) -> Result<(), FftError> {
    if got == want { Ok(()) } else { Err(FftError::InputBuffer(want, got)) }
}

/// The periodic Hann window.
fn hann(n: usize) -> Vec<f64> {
    let phase = |i: usize| 2.0 * std::f64::consts::PI * i as f64 / n as f64;
    (0..n).map(|i| 0.5 - 0.5 * phase(i).cos()).collect()
}

/// One over the sum of the squared windows of all frames, by sample of the window.
fn inverse_envelope(hann: &[f64], framing: Framing) -> Vec<f32> {
    let Framing { hop, frames, window, before, around, .. } = framing;
    let front = around * hop;
    let mut sum = vec![0.0; (front + before + window).max(hop * (frames + 2 * around - 1) + hann.len())];
    for t in 0..frames + 2 * around {
        for (to, w) in sum[t * hop..].iter_mut().zip(hann) {
            *to += w * w;
        }
    }
    let sum = &sum[front + before..][..window];
    let least = LEAST_ENVELOPE * sum.iter().copied().fold(0.0, f64::max);
    sum.iter().map(|s| (1.0 / s.max(least)) as f32).collect()
}
