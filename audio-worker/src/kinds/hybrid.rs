//! Kind `waveform` in two branches: HTDemucs exported without its Fourier transforms, which are done here.
//!
//! Window normalised → network, with its spectrogram beside it → inverse of the spectrograms + waveforms → normalisation
//! restored. The transform is that of `HTDemucs._spec`, `_magnitude`, `_mask` and `_ispec` (demucs 4, complex as
//! channels): scaled to keep the energy, the highest bin dropped and zero on the way back.

use super::networks::{numbers, only};
use super::normalisation::Normalisation;
use super::separator::{SeparateError, Separator, check_buffers, check_finite, mismatch};
use crate::runtime::{Loader, Network};
use crate::stft::{Framing, Planes, Stft};
use karaoke_core::Manifest;
use karaoke_core::manifest::Waveform;
use karaoke_models::Weights;
use realfft::num_complex::Complex;
use std::ops::Range;

/// A loaded network of two branches.
pub(super) struct HybridNet {
    network: Network,
    stft: Stft,
    layout: Planes,
    /// √n_fft: a transform that keeps the energy is divided by it, its inverse multiplied.
    scale: f32,
    numbers: Waveform,
    stems: usize,
    compensation: f32,
    /// A channel without its normalisation.
    levelled: Vec<f32>,
}

impl HybridNet {
    /// Loads the network; refuses one whose shapes do not fit the manifest.
    pub(super) fn open(
        loader: &Loader,
        weights: &[Weights],
        manifest: &Manifest,
    ) -> Result<Self, SeparateError> {
        let numbers = numbers(manifest.waveform, manifest)?;
        let missing = || mismatch(format!("model `{}` lacks the numbers of its spectrum", manifest.name));
        let branch = numbers.spectrum.ok_or_else(missing)?;
        let framing = Framing::demucs(branch, numbers.segment);
        let (segment, stems) = (numbers.segment, manifest.stems.len());
        let (bins, frames) = (branch.n_fft / 2, framing.frames);
        let inputs: [&[usize]; 2] = [&[1, 2, segment], &[1, 4, bins, frames]];
        let outputs: [&[usize]; 2] = [&[1, stems, 2, segment], &[1, stems, 4, bins, frames]];
        Ok(Self {
            network: loader.open(only(weights, manifest)?, &inputs, &outputs)?,
            stft: Stft::new(framing, bins),
            layout: Planes { rows: bins, pitch: frames },
            scale: (branch.n_fft as f32).sqrt(),
            numbers,
            stems,
            compensation: manifest.compensation,
            levelled: vec![0.0; segment],
        })
    }

    /// Fills both inputs with the window without its normalisation.
    fn present(
        &mut self,
        input: [&[f32]; 2],
        sound: &Range<usize>,
        normalisation: Normalisation,
        gain: f32,
    ) -> Result<(), SeparateError> {
        let (segment, layout) = (self.numbers.segment, self.layout);
        let plane = layout.rows * layout.pitch;
        for (channel, samples) in input.iter().enumerate() {
            normalisation.remove(samples, sound, gain, &mut self.levelled);
            self.network.input(0)[channel * segment..][..segment].copy_from_slice(&self.levelled);
            let planes = &mut self.network.input(1)[channel * 2 * plane..][..2 * plane];
            let (re, im) = planes.split_at_mut(plane);
            self.stft.forward(&self.levelled, 1.0 / self.scale, |block, spectra| {
                layout.scatter(block, spectra, [&mut *re, &mut *im], |bin| [bin.re, bin.im]);
            })?;
        }
        Ok(())
    }
}

impl Separator for HybridNet {
    fn window(&self) -> usize {
        self.numbers.segment
    }

    fn stems(&self) -> usize {
        self.stems
    }

    fn separate(&mut self, input: [&[f32]; 2], gain: f32, out: &mut [f32]) -> Result<(), SeparateError> {
        self.separate_edge(input, 0..self.window(), gain, out)
    }

    fn separate_edge(
        &mut self,
        input: [&[f32]; 2],
        sound: Range<usize>,
        gain: f32,
        out: &mut [f32],
    ) -> Result<(), SeparateError> {
        check_buffers(self, input, out)?;
        let normalisation =
            Normalisation::of(input.map(|channel| &channel[sound.clone()]), gain, self.numbers.normalise);
        self.present(input, &sound, normalisation, gain)?;
        let (segment, layout) = (self.numbers.segment, self.layout);
        let plane = layout.rows * layout.pitch;
        let output = self.network.run()?;
        let (waves, spectra) = (output.samples(0)?, output.samples(1)?);
        let branches = waves.chunks_exact(segment).zip(spectra.chunks_exact(2 * plane));
        for ((wave, planes), channel) in branches.zip(out.chunks_exact_mut(segment)) {
            let (re, im) = planes.split_at(plane);
            self.stft.inverse(self.scale, channel, |block, spectra| {
                layout.gather(block, spectra, [re, im], |bin, [re, im]| *bin = Complex { re, im });
            })?;
            for (sample, wave) in channel.iter_mut().zip(wave) {
                *sample += wave;
            }
            normalisation.restore(self.compensation / gain, channel);
        }
        check_finite(out)
    }

    fn infer(&mut self) -> Result<(), SeparateError> {
        self.network.run()?;
        Ok(())
    }
}
