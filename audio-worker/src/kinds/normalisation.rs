//! The normalisation of a window, which Demucs' networks are to see taken out.

use std::ops::Range;

/// Keeps the deviation of silence from being a divisor of zero; the same number as in Demucs.
const LEAST_DEVIATION: f64 = 1e-8;

/// Mean and deviation of a window's mono sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Normalisation {
    mean: f32,
    deviation: f32,
}

impl Normalisation {
    /// Changes nothing: subtracting +0 and dividing or multiplying by 1 keep every bit.
    const NEUTRAL: Self = Self { mean: 0.0, deviation: 1.0 };

    /// What is to be taken out of a window: its normalisation, or nothing when it is not to be normalised.
    pub(super) fn of(input: [&[f32]; 2], gain: f32, normalise: bool) -> Self {
        if normalise { Self::measure(input, gain) } else { Self::NEUTRAL }
    }

    /// That of `(left + right) / 2 · gain`, with the unbiased deviation, as in Demucs.
    fn measure(input: [&[f32]; 2], gain: f32) -> Self {
        let count = input[0].len().max(1) as f64;
        let mono = || input[0].iter().zip(input[1]).map(|(l, r)| f64::from(*l + *r) / 2.0 * f64::from(gain));
        let mean = mono().sum::<f64>() / count;
        let variance = mono().map(|s| (s - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        Self { mean: mean as f32, deviation: (variance.sqrt() + LEAST_DEVIATION) as f32 }
    }

    /// Takes it out of a channel times `gain`. What is not `sound` becomes silence, as in Demucs, which puts
    /// silence around a track after it has taken the normalisation out: else that would be a step of the mean.
    pub(super) fn remove(self, from: &[f32], sound: &Range<usize>, gain: f32, to: &mut [f32]) {
        to[..sound.start].fill(0.0);
        to[sound.end..].fill(0.0);
        for (to, from) in to[sound.clone()].iter_mut().zip(&from[sound.clone()]) {
            *to = (from * gain - self.mean) / self.deviation;
        }
    }

    /// Puts it back into what a network predicted, times `factor`.
    pub(super) fn restore(self, factor: f32, samples: &mut [f32]) {
        // Adding a mean of +0 would turn −0 into +0.
        let add = self != Self::NEUTRAL;
        for sample in samples {
            let scaled = *sample * self.deviation;
            *sample = (if add { scaled + self.mean } else { scaled }) * factor;
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
            let mut back = samples.clone();
            Normalisation::NEUTRAL.remove(&samples, &(0..samples.len()), 1.0, &mut back);
            Normalisation::NEUTRAL.restore(1.0, &mut back);
            let bits = |v: &[f32]| v.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back), bits(&samples));
        }

        #[test]
        fn what_is_taken_out_is_put_back(
            samples in proptest::collection::vec(-1f32..1.0, 2..50), gain in 0.1f32..1.0,
        ) {
            let normalisation = Normalisation::measure([&samples, &samples], gain);
            let mut back = samples.clone();
            normalisation.remove(&samples, &(0..samples.len()), gain, &mut back);
            normalisation.restore(1.0 / gain, &mut back);
            for (a, b) in back.iter().zip(&samples) {
                prop_assert!((a - b).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn around_the_sound_is_silence() {
        let mut out = [9.0; 5];
        Normalisation { mean: 1.0, deviation: 2.0 }.remove(
            &[0.0, 5.0, 7.0, 0.0, 0.0],
            &(1..3),
            1.0,
            &mut out,
        );
        assert_eq!(out, [0.0, 2.0, 3.0, 0.0, 0.0]);
    }

    #[test]
    fn silence_has_a_level() {
        let normalisation = Normalisation::measure([&[0.0; 4], &[0.0; 4]], 1.0);
        assert_eq!(normalisation, Normalisation { mean: 0.0, deviation: 1e-8 });
    }

    #[test]
    fn the_deviation_is_the_unbiased_one() {
        let normalisation = Normalisation::measure([&[1.0, 3.0], &[1.0, 3.0]], 1.0);
        assert_eq!((normalisation.mean, normalisation.deviation), (2.0, 2f32.sqrt()));
    }
}
