//! Kind `waveform`: networks that take `[1, 2, N]` samples to `[1, stems, 2, N]`, as Demucs does.

use super::{SeparateError, Separator, check_buffers, check_finite, numbers, only};
use crate::runtime::{Loader, Network};
use karaoke_core::Manifest;
use karaoke_core::manifest::Waveform;
use karaoke_models::Weights;

/// Keeps the deviation of silence from being a divisor of zero; the same number as in Demucs.
const LEAST_DEVIATION: f64 = 1e-8;

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
        check_buffers(self, input, out)?;
        let level = if self.numbers.normalise { Level::of(input, gain) } else { Level::NEUTRAL };
        let planes = self.network.input(0).chunks_exact_mut(self.numbers.segment);
        for (channel, plane) in input.iter().zip(planes) {
            level.remove(channel, gain, plane);
        }
        let output = self.network.run()?;
        level.restore(output.samples(0)?, self.compensation / gain, out);
        check_finite(out)
    }

    fn infer(&mut self) -> Result<(), SeparateError> {
        self.network.run()?;
        Ok(())
    }
}

/// Mean and deviation of a window's mono sum.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Level {
    mean: f32,
    deviation: f32,
}

impl Level {
    /// Changes nothing: subtracting +0 and dividing or multiplying by 1 keep every bit.
    const NEUTRAL: Self = Self { mean: 0.0, deviation: 1.0 };

    /// That of `(left + right) / 2 · gain`, with the unbiased deviation, as in Demucs.
    fn of(input: [&[f32]; 2], gain: f32) -> Self {
        let count = input[0].len().max(1) as f64;
        let mono = || input[0].iter().zip(input[1]).map(|(l, r)| f64::from(*l + *r) / 2.0 * f64::from(gain));
        let mean = mono().sum::<f64>() / count;
        let variance = mono().map(|s| (s - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        Self { mean: mean as f32, deviation: (variance.sqrt() + LEAST_DEVIATION) as f32 }
    }

    fn remove(self, from: &[f32], gain: f32, to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = (from * gain - self.mean) / self.deviation;
        }
    }

    fn restore(self, from: &[f32], factor: f32, to: &mut [f32]) {
        // Adding a mean of +0 would turn −0 into +0.
        let add = self != Self::NEUTRAL;
        for (to, from) in to.iter_mut().zip(from) {
            let sample = from * self.deviation;
            *to = (if add { sample + self.mean } else { sample }) * factor;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn without_normalisation_every_bit_stays(samples in proptest::collection::vec(-1e3f32..1e3, 1..50)) {
            let samples: Vec<f32> = samples.into_iter().chain([-0.0, 0.0, 1e-40]).collect();
            let (mut there, mut back) = (samples.clone(), samples.clone());
            Level::NEUTRAL.remove(&samples, 1.0, &mut there);
            Level::NEUTRAL.restore(&there, 1.0, &mut back);
            let bits = |v: &[f32]| v.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back), bits(&samples));
        }

        #[test]
        fn what_is_taken_out_is_put_back(
            samples in proptest::collection::vec(-1f32..1.0, 2..50), gain in 0.1f32..1.0,
        ) {
            let level = Level::of([&samples, &samples], gain);
            let (mut there, mut back) = (samples.clone(), samples.clone());
            level.remove(&samples, gain, &mut there);
            level.restore(&there, 1.0 / gain, &mut back);
            for (a, b) in back.iter().zip(&samples) {
                prop_assert!((a - b).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn silence_has_a_level() {
        let level = Level::of([&[0.0; 4], &[0.0; 4]], 1.0);
        assert_eq!(level, Level { mean: 0.0, deviation: 1e-8 });
    }

    #[test]
    fn the_deviation_is_the_unbiased_one() {
        let level = Level::of([&[1.0, 3.0], &[1.0, 3.0]], 1.0);
        assert_eq!((level.mean, level.deviation), (2.0, 2f32.sqrt()));
    }
}
