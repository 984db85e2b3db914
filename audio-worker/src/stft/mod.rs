//! The short-time Fourier transform of one window of sound and its inverse, in the layout an MDX-Net takes.
//!
//! The same transform as `torch.stft(center=True, window=hann(periodic))` and `torch.istft`, which
//! python-audio-separator uses: each end is extended by `n_fft / 2` reflected samples, nothing is scaled on
//! the way in, and the inverse is divided by the sum of the squared windows that meet at a sample.

mod transpose;

use karaoke_core::manifest::Mdx;
use realfft::num_complex::Complex;
use realfft::{ComplexToReal, FftError, RealFftPlanner, RealToComplex};
use std::sync::Arc;
use transpose::{BLOCK, Columns};

/// Input below this (−240 dB of full scale) counts as silence, so that neither the transform nor a network
/// that squares its input meets subnormal numbers, which many processors handle a hundred times slower.
const SILENCE: f32 = 1e-12;

/// A planned transform with its buffers; transforming allocates nothing.
pub struct Stft {
    numbers: Mdx,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// Periodic Hann window.
    hann: Vec<f32>,
    /// The same, divided by `n_fft`: the inverse FFT is not normalised.
    synthesis: Vec<f32>,
    /// One over the sum of the squared windows that meet at each sample.
    envelope: Vec<f32>,
    /// A channel with its reflected ends.
    padded: Vec<f32>,
    frame: Vec<f32>,
    /// `BLOCK` spectra of `n_fft / 2 + 1` bins.
    spectra: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Stft {
    /// Plans the transform of windows of `hop · (dim_t − 1)` samples, which must be more than `n_fft` (as
    /// the manifest's check ensures).
    pub fn new(numbers: Mdx) -> Self {
        let Mdx { n_fft, hop, dim_t, .. } = numbers;
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(n_fft), planner.plan_fft_inverse(n_fft));
        let scratch = forward.get_scratch_len().max(inverse.get_scratch_len());
        let hann = hann(n_fft);
        Self {
            numbers,
            synthesis: hann.iter().map(|w| (w / n_fft as f64) as f32).collect(),
            envelope: inverse_envelope(&hann, hop, dim_t),
            hann: hann.iter().map(|w| *w as f32).collect(),
            padded: vec![0.0; numbers_window(numbers) + n_fft],
            frame: vec![0.0; n_fft],
            spectra: vec![Complex::default(); BLOCK * (n_fft / 2 + 1)],
            scratch: vec![Complex::default(); scratch],
            forward,
            inverse,
        }
    }

    /// Samples in a window.
    pub fn window(&self) -> usize {
        numbers_window(self.numbers)
    }

    /// Values in one plane, `dim_f · dim_t`.
    pub fn plane(&self) -> usize {
        self.numbers.dim_f * self.numbers.dim_t
    }

    /// Transforms `channel` (one window of samples), times `gain`, into the real and imaginary planes `re`
    /// and `im`, each `[dim_f, dim_t]`; bins from `dim_f` on are dropped.
    ///
    /// Fails only when a slice has another length.
    pub fn forward(
        &mut self,
        channel: &[f32],
        gain: f32,
        re: &mut [f32],
        im: &mut [f32],
    ) -> Result<(), FftError> {
        check_length(channel.len(), self.window())?;
        check_length(re.len(), self.plane())?;
        check_length(im.len(), self.plane())?;
        self.pad(channel, gain);
        for block in self.blocks() {
            self.analyse(block.first, block.count)?;
            block.scatter(&self.spectra, re, im);
        }
        Ok(())
    }

    /// Transforms the planes `re` and `im` back into one window of samples, times `factor`; bins from
    /// `dim_f` on are zero, and so are the imaginary parts that a real signal cannot have.
    ///
    /// Fails only when a slice has another length.
    pub fn inverse(&mut self, re: &[f32], im: &[f32], factor: f32, out: &mut [f32]) -> Result<(), FftError> {
        check_length(out.len(), self.window())?;
        check_length(re.len(), self.plane())?;
        check_length(im.len(), self.plane())?;
        out.fill(0.0);
        for block in self.blocks() {
            block.gather(&mut self.spectra, re, im);
            self.complete(block.count);
            self.synthesise(block.first, block.count, out)?;
        }
        for (sample, scale) in out.iter_mut().zip(&self.envelope) {
            *sample *= scale * factor;
        }
        Ok(())
    }

    fn bins(&self) -> usize {
        self.numbers.n_fft / 2 + 1
    }

    /// Fills `padded` with the channel, its ends reflected about the first and the last sample.
    fn pad(&mut self, channel: &[f32], gain: f32) {
        let half = self.numbers.n_fft / 2;
        let (head, rest) = self.padded.split_at_mut(half);
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

    /// Transforms `count` frames of `padded` into `spectra`.
    fn analyse(&mut self, first: usize, count: usize) -> Result<(), FftError> {
        let Mdx { n_fft, hop, .. } = self.numbers;
        let bins = self.bins();
        for (k, spectrum) in self.spectra.chunks_exact_mut(bins).take(count).enumerate() {
            let begin = (first + k) * hop;
            let samples = &self.padded[begin..begin + n_fft];
            for ((to, from), w) in self.frame.iter_mut().zip(samples).zip(&self.hann) {
                *to = from * w;
            }
            self.forward.process_with_scratch(&mut self.frame, spectrum, &mut self.scratch)?;
        }
        Ok(())
    }

    /// Adds `count` frames, from their `spectra`, to the window `out`.
    fn synthesise(&mut self, first: usize, count: usize, out: &mut [f32]) -> Result<(), FftError> {
        let Mdx { n_fft, hop, .. } = self.numbers;
        let (bins, half) = (self.bins(), n_fft / 2);
        for (k, spectrum) in self.spectra.chunks_exact_mut(bins).take(count).enumerate() {
            self.inverse.process_with_scratch(spectrum, &mut self.frame, &mut self.scratch)?;
            // The frame begins half an FFT before its centre; what lies outside the window is cut off.
            let centre = (first + k) * hop;
            let skip = half.saturating_sub(centre);
            let begin = centre + skip - half;
            let end = (centre + half).min(out.len());
            let frame = self.frame[skip..].iter().zip(&self.synthesis[skip..]);
            for (to, (from, w)) in out[begin..end].iter_mut().zip(frame) {
                *to += from * w;
            }
        }
        Ok(())
    }

    /// Zeroes what the network has no say in: the bins it does not know, and the imaginary parts that a
    /// real signal cannot have.
    fn complete(&mut self, count: usize) {
        let bins = self.bins();
        for spectrum in self.spectra.chunks_exact_mut(bins).take(count) {
            spectrum[self.numbers.dim_f..].fill(Complex::default());
            spectrum[0].im = 0.0;
            spectrum[bins - 1].im = 0.0;
        }
    }

    /// The blocks of columns in a plane.
    fn blocks(&self) -> impl Iterator<Item = Columns> + use<> {
        let (Mdx { dim_f, dim_t, .. }, bins) = (self.numbers, self.bins());
        let block = move |first| Columns { first, count: BLOCK.min(dim_t - first), dim_t, dim_f, bins };
        (0..dim_t).step_by(BLOCK).map(block)
    }
}

fn numbers_window(numbers: Mdx) -> usize {
    numbers.hop * (numbers.dim_t - 1)
}

fn check_length(got: usize, want: usize) -> Result<(), FftError> {
    if got == want { Ok(()) } else { Err(FftError::InputBuffer(want, got)) }
}

/// The periodic Hann window.
fn hann(n: usize) -> Vec<f64> {
    let phase = |i: usize| 2.0 * std::f64::consts::PI * i as f64 / n as f64;
    (0..n).map(|i| 0.5 - 0.5 * phase(i).cos()).collect()
}

/// One over the sum of the squared windows of all `dim_t` frames, by sample of the window.
///
/// Zero where no frame reaches with any weight; with a hop of at most half an FFT there is no such sample.
fn inverse_envelope(hann: &[f64], hop: usize, dim_t: usize) -> Vec<f32> {
    let half = hann.len() / 2;
    let mut sum = vec![0.0; hop * (dim_t - 1) + hann.len()];
    for t in 0..dim_t {
        for (to, w) in sum[t * hop..].iter_mut().zip(hann) {
            *to += w * w;
        }
    }
    sum[half..sum.len() - half].iter().map(|s| if *s > 1e-11 { (1.0 / s) as f32 } else { 0.0 }).collect()
}
