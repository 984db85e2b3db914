//! Kind `waveform`: networks that take `[1, 2, N]` samples to `[1, stems, 2, N]`, as Demucs does.

use super::networks::{numbers, only};
use super::normalisation::Normalisation;
use super::separator::{SeparateError, Separator, check_buffers, check_finite};
use crate::runtime::{Loader, Network};
use karaoke_core::Manifest;
use karaoke_core::manifest::Waveform;
use karaoke_models::Weights;
use std::ops::Range;

/// A loaded waveform network.
pub(super) struct WaveformNet {
    network: Network,
    numbers: Waveform,
    stems: usize,
    compensation: f32,
}

impl WaveformNet {
    /// Loads the network; refuses one whose shapes do not fit the manifest.
    pub(super) fn open(
        loader: &Loader,
        weights: &[Weights],
        manifest: &Manifest,
    ) -> Result<Self, SeparateError> {
        let numbers = numbers(manifest.waveform, manifest)?;
        let (segment, stems) = (numbers.segment, manifest.stems.len());
        let (input, output) = ([1, 2, segment], [1, stems, 2, segment]);
        let network = loader.open(only(weights, manifest)?, &[&input], &[&output])?;
        Ok(Self { network, numbers, stems, compensation: manifest.compensation })
    }
}

impl Separator for WaveformNet {
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
        let planes = self.network.input(0).chunks_exact_mut(self.numbers.segment);
        for (channel, plane) in input.iter().zip(planes) {
            normalisation.remove(channel, &sound, gain, plane);
        }
        let output = self.network.run()?;
        out.copy_from_slice(output.samples(0)?);
        normalisation.restore(self.compensation / gain, out);
        check_finite(out)
    }

    fn infer(&mut self) -> Result<(), SeparateError> {
        self.network.run()?;
        Ok(())
    }
}
