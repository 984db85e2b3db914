//! The transform against the formula, against another implementation, and against itself.

use super::{bits, noise};
use crate::stft::Stft;
use karaoke_core::manifest::Mdx;
use proptest::prelude::*;
use std::f64::consts::PI;

type Complex = (f64, f64);

/// Sample `i` of a channel that is reflected at both ends.
fn reflected(x: &[f32], i: i64) -> f64 {
    let last = x.len() as i64 - 1;
    let i = i.abs();
    f64::from(x[if i > last { 2 * last - i } else { i } as usize])
}

fn hann(n: usize, i: usize) -> f64 {
    0.5 - 0.5 * (2.0 * PI * i as f64 / n as f64).cos()
}

/// The windowed samples of frame `t`.
fn frame(x: &[f32], numbers: Mdx, t: usize) -> Vec<f64> {
    let begin = (t * numbers.hop) as i64 - (numbers.n_fft / 2) as i64;
    (0..numbers.n_fft).map(|i| reflected(x, begin + i as i64) * hann(numbers.n_fft, i)).collect()
}

/// X(f) = Σ x(i)·e^(−2πi·f·i/n), the definition.
fn dft(frame: &[f64], f: usize) -> Complex {
    let n = frame.len();
    let angle = |i: usize| -2.0 * PI * ((f * i) % n) as f64 / n as f64;
    let sum = |part: fn(f64) -> f64| frame.iter().enumerate().map(|(i, x)| x * part(angle(i))).sum();
    (sum(f64::cos), sum(f64::sin))
}

/// A recursive complex FFT for powers of two, in f64.
fn fft(x: &[Complex]) -> Vec<Complex> {
    let n = x.len();
    if n == 1 {
        return x.to_vec();
    }
    let half = |odd: usize| fft(&x.iter().skip(odd).step_by(2).copied().collect::<Vec<_>>());
    let (even, odd) = (half(0), half(1));
    let mut out = vec![(0.0, 0.0); n];
    for k in 0..n / 2 {
        let (sin, cos) = (-2.0 * PI * k as f64 / n as f64).sin_cos();
        let turned = (odd[k].0 * cos - odd[k].1 * sin, odd[k].0 * sin + odd[k].1 * cos);
        out[k] = (even[k].0 + turned.0, even[k].1 + turned.1);
        out[k + n / 2] = (even[k].0 - turned.0, even[k].1 - turned.1);
    }
    out
}

/// The inverse by its definition: inverse DFT, window, overlap-add, divided by the summed squared windows.
fn naive_inverse(re: &[f32], im: &[f32], numbers: Mdx) -> Vec<f64> {
    let Mdx { n_fft, hop, dim_f, dim_t } = numbers;
    let (window, half) = (hop * (dim_t - 1), n_fft / 2);
    let (mut sum, mut weight) = (vec![0.0; window], vec![0.0; window]);
    for t in 0..dim_t {
        for i in 0..n_fft {
            let Some(at) = (t * hop + i).checked_sub(half).filter(|at| *at < window) else { continue };
            let mut sample = 0.0;
            for f in 0..dim_f {
                let (re, im) = (f64::from(re[f * dim_t + t]), f64::from(im[f * dim_t + t]));
                let (sin, cos) = (2.0 * PI * ((f * i) % n_fft) as f64 / n_fft as f64).sin_cos();
                // A real signal: every bin but the first and the last has a mirror image.
                let single = f == 0 || f == half;
                sample += if single { re * cos } else { 2.0 * (re * cos - im * sin) };
            }
            sum[at] += sample / n_fft as f64 * hann(n_fft, i);
            weight[at] += hann(n_fft, i).powi(2);
        }
    }
    sum.iter().zip(&weight).map(|(s, w)| s / w).collect()
}

fn forward(numbers: Mdx, channel: &[f32], gain: f32) -> (Vec<f32>, Vec<f32>) {
    let mut stft = Stft::new(numbers);
    let (mut re, mut im) = (vec![f32::NAN; stft.plane()], vec![f32::NAN; stft.plane()]);
    stft.forward(channel, gain, &mut re, &mut im).unwrap();
    (re, im)
}

fn round_trip(numbers: Mdx, channel: &[f32]) -> Vec<f32> {
    let (re, im) = forward(numbers, channel, 0.5);
    let mut out = vec![f32::NAN; channel.len()];
    Stft::new(numbers).inverse(&re, &im, 2.0, &mut out).unwrap();
    out
}

fn any_numbers() -> impl Strategy<Value = Mdx> {
    (4usize..20, 1usize..9, 1usize..40, any::<prop::sample::Index>()).prop_map(|(half, hop, extra, dim_f)| {
        let (n_fft, hop) = (2 * half, hop.min(half));
        let dim_t = n_fft / hop + 1 + extra;
        Mdx { n_fft, hop, dim_f: dim_f.index(half + 1) + 1, dim_t }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn forward_is_the_formula(numbers in any_numbers(), seed in any::<u64>()) {
        let x = noise(seed, numbers.hop * (numbers.dim_t - 1));
        let (re, im) = forward(numbers, &x, 1.0);
        for t in 0..numbers.dim_t {
            let frame = frame(&x, numbers, t);
            for f in 0..numbers.dim_f {
                let (a, b) = dft(&frame, f);
                let at = f * numbers.dim_t + t;
                let error = (f64::from(re[at]) - a).hypot(f64::from(im[at]) - b);
                prop_assert!(error < 1e-5, "bin {} of frame {}: {}", f, t, error);
            }
        }
    }

    #[test]
    fn inverse_is_the_formula(numbers in any_numbers(), seed in any::<u64>()) {
        let plane = numbers.dim_f * numbers.dim_t;
        let (re, im) = (noise(seed, plane), noise(seed ^ 1, plane));
        let mut out = vec![f32::NAN; numbers.hop * (numbers.dim_t - 1)];
        Stft::new(numbers).inverse(&re, &im, 1.0, &mut out).unwrap();
        for (i, (got, want)) in out.iter().zip(naive_inverse(&re, &im, numbers)).enumerate() {
            prop_assert!((f64::from(*got) - want).abs() < 1e-4, "sample {}: {} for {}", i, got, want);
        }
    }

    #[test]
    fn all_bins_give_the_signal_back(numbers in any_numbers(), seed in any::<u64>()) {
        let numbers = Mdx { dim_f: numbers.n_fft / 2 + 1, ..numbers };
        let x = noise(seed, numbers.hop * (numbers.dim_t - 1));
        for (got, want) in round_trip(numbers, &x).iter().zip(&x) {
            prop_assert!((got - want).abs() < 1e-5);
        }
    }
}

#[test]
fn agrees_with_another_fft_at_full_size() {
    let numbers = Mdx { n_fft: 4096, hop: 1024, dim_f: 2049, dim_t: 256 };
    let x = noise(3, 1024 * 255);
    let (re, im) = forward(numbers, &x, 1.0);
    let (mut error, mut power) = (0.0, 0.0);
    for t in [0, 1, 2, 15, 16, 100, 253, 254, 255] {
        let frame: Vec<Complex> = frame(&x, numbers, t).into_iter().map(|s| (s, 0.0)).collect();
        for (f, (a, b)) in fft(&frame).into_iter().take(numbers.dim_f).enumerate() {
            let at = f * numbers.dim_t + t;
            error += (f64::from(re[at]) - a).powi(2) + (f64::from(im[at]) - b).powi(2);
            power += a * a + b * b;
        }
    }
    assert!(10.0 * (error / power).log10() < -130.0, "{} dB", 10.0 * (error / power).log10());
}

#[test]
fn round_trips_at_the_public_models_sizes() {
    for n_fft in [4096, 5120, 6144, 7680] {
        let numbers = Mdx { n_fft, hop: 1024, dim_f: n_fft / 2 + 1, dim_t: 256 };
        let x = noise(n_fft as u64, 1024 * 255);
        let back = round_trip(numbers, &x);
        let error: f64 = back.iter().zip(&x).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        let power: f64 = x.iter().map(|a| f64::from(*a).powi(2)).sum();
        assert!(10.0 * (error / power).log10() < -130.0, "n_fft {n_fft}");
    }
}

#[test]
fn silence_and_what_nobody_can_hear_become_exact_zeros() {
    let numbers = Mdx { n_fft: 64, hop: 16, dim_f: 33, dim_t: 20 };
    let faint: Vec<f32> = noise(1, 16 * 19).iter().map(|s| s * 1e-13).collect();
    let (re, im) = forward(numbers, &faint, 1.0);
    assert!(bits(&re).iter().chain(&bits(&im)).all(|b| b << 1 == 0));
}

#[test]
fn buffers_of_another_length_are_refused() {
    let numbers = Mdx { n_fft: 64, hop: 16, dim_f: 33, dim_t: 20 };
    let mut stft = Stft::new(numbers);
    let (mut re, mut im) = (vec![0.0; stft.plane()], vec![0.0; stft.plane()]);
    let mut samples = vec![0.0; stft.window() + 1];
    assert!(stft.forward(&samples, 1.0, &mut re, &mut im).is_err());
    assert!(stft.inverse(&re, &im[1..], 1.0, &mut samples[1..]).is_err());
}
