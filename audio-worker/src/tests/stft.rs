//! The transform against the formula, against another implementation, and against itself.

use super::{bits, noise};
use crate::stft::{Block, Framing, Planes, Rows, Stft};
use karaoke_core::manifest::Branch;
use proptest::prelude::*;
use realfft::num_complex::Complex;
use std::f64::consts::PI;

type Pair = (f64, f64);

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
fn frame(x: &[f32], framing: Framing, t: usize) -> Vec<f64> {
    let begin = (t * framing.hop) as i64 - framing.before as i64;
    (0..framing.n_fft).map(|i| reflected(x, begin + i as i64) * hann(framing.n_fft, i)).collect()
}

/// X(f) = Σ x(i)·e^(−2πi·f·i/n), the definition.
fn dft(frame: &[f64], f: usize) -> Pair {
    let n = frame.len();
    let angle = |i: usize| -2.0 * PI * ((f * i) % n) as f64 / n as f64;
    let sum = |part: fn(f64) -> f64| frame.iter().enumerate().map(|(i, x)| x * part(angle(i))).sum();
    (sum(f64::cos), sum(f64::sin))
}

/// A recursive complex FFT for powers of two, in f64.
fn fft(x: &[Pair]) -> Vec<Pair> {
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

/// Where the transform puts sample `i` of FFT `t`, if that is in the window.
fn place(framing: Framing, t: i64, i: usize) -> Option<usize> {
    let at = t * framing.hop as i64 + i as i64 - framing.before as i64;
    usize::try_from(at).ok().filter(|at| *at < framing.window)
}

/// The inverse by its definition: inverse DFT, window, overlap-add, divided by the summed squared windows, which
/// count as a 32nd of their largest sum at least.
fn naive_inverse(re: &[f32], im: &[f32], framing: Framing, kept: usize) -> Vec<f64> {
    let Framing { n_fft, frames, window, around, .. } = framing;
    let (mut sum, mut weight) = (vec![0.0; window], vec![0.0f64; window]);
    let (first, last) = (-(around as i64), (frames + around) as i64);
    for (t, i) in (first..last).flat_map(|t| (0..n_fft).map(move |i| (t, i))) {
        let Some(at) = place(framing, t, i) else { continue };
        weight[at] += hann(n_fft, i).powi(2);
        let Some(t) = usize::try_from(t).ok().filter(|t| *t < frames) else { continue };
        let mut sample = 0.0;
        for f in 0..kept {
            let (re, im) = (f64::from(re[f * frames + t]), f64::from(im[f * frames + t]));
            let (sin, cos) = (2.0 * PI * ((f * i) % n_fft) as f64 / n_fft as f64).sin_cos();
            // A real signal: every bin but the first and the last has a mirror image.
            let single = f == 0 || f == n_fft / 2;
            sample += if single { re * cos } else { 2.0 * (re * cos - im * sin) };
        }
        sum[at] += sample / n_fft as f64 * hann(n_fft, i);
    }
    let least = weight.iter().copied().fold(0.0, f64::max) / 32.0;
    sum.iter().zip(&weight).map(|(s, w)| s / w.max(least)).collect()
}

/// The lowest `kept` bins as planes of real and imaginary parts.
fn forward(framing: Framing, kept: usize, channel: &[f32], gain: f32) -> (Vec<f32>, Vec<f32>) {
    let layout = Planes { rows: kept, pitch: framing.frames };
    let (mut re, mut im) = (vec![f32::NAN; kept * framing.frames], vec![f32::NAN; kept * framing.frames]);
    let take = |block: Block, spectra: &[Complex<f32>]| {
        layout.scatter(block, spectra, [&mut re, &mut im], |bin| [bin.re, bin.im]);
    };
    Stft::new(framing, kept).forward(channel, gain, take).unwrap();
    (re, im)
}

fn inverse(framing: Framing, kept: usize, planes: (&[f32], &[f32]), factor: f32) -> Vec<f32> {
    let layout = Planes { rows: kept, pitch: framing.frames };
    let mut out = vec![f32::NAN; framing.window];
    let give = |block: Block, spectra: &mut [Complex<f32>]| {
        layout.gather(block, spectra, [planes.0, planes.1], |bin, [re, im]| *bin = Complex { re, im });
    };
    Stft::new(framing, kept).inverse(factor, &mut out, give).unwrap();
    out
}

fn round_trip(framing: Framing, channel: &[f32]) -> Vec<f32> {
    let (re, im) = forward(framing, framing.bins(), channel, 0.5);
    inverse(framing, framing.bins(), (&re, &im), 2.0)
}

/// All four ways in which FFTs can lie, and how many bins are kept.
fn any_framing() -> impl Strategy<Value = (Framing, usize)> {
    (4usize..20, 1usize..9, 1usize..40, 0usize..4, any::<prop::sample::Index>()).prop_map(
        |(half, hop, extra, way, kept)| {
            let (n_fft, hop) = (2 * half, hop.min(half));
            let frames = n_fft / hop + 1 + extra;
            let framing = match way {
                0 => Framing::centred(n_fft, hop, frames),
                1 => Framing::inside(n_fft, hop, frames),
                2 => Framing::covering(n_fft, hop, hop * (frames - 1) + extra % hop),
                _ => Framing::demucs(Branch { n_fft: 4 * hop, hop }, 8 * hop + extra),
            };
            (framing, kept.index(framing.bins()) + 1)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn forward_is_the_formula((framing, kept) in any_framing(), seed in any::<u64>()) {
        let x = noise(seed, framing.window);
        let (re, im) = forward(framing, kept, &x, 1.0);
        for t in 0..framing.frames {
            let frame = frame(&x, framing, t);
            for f in 0..kept {
                let (a, b) = dft(&frame, f);
                let at = f * framing.frames + t;
                let error = (f64::from(re[at]) - a).hypot(f64::from(im[at]) - b);
                prop_assert!(error < 1e-5, "bin {} of frame {}: {}", f, t, error);
            }
        }
    }

    #[test]
    fn inverse_is_the_formula((framing, kept) in any_framing(), seed in any::<u64>()) {
        let plane = kept * framing.frames;
        let (re, im) = (noise(seed, plane), noise(seed ^ 1, plane));
        let out = inverse(framing, kept, (&re, &im), 1.0);
        for (i, (got, want)) in out.iter().zip(naive_inverse(&re, &im, framing, kept)).enumerate() {
            prop_assert!((f64::from(*got) - want).abs() < 1e-4, "sample {}: {} for {}", i, got, want);
        }
    }

    #[test]
    fn all_bins_give_the_signal_back((framing, _) in any_framing(), seed in any::<u64>()) {
        let x = noise(seed, framing.window);
        // At the ends of FFTs that are not centred, or with silent ones around, something is missing.
        let ends = if framing.before == framing.n_fft / 2 { 0 } else { framing.n_fft };
        let whole = ends..framing.window.saturating_sub(ends).max(ends);
        for (got, want) in round_trip(framing, &x)[whole.clone()].iter().zip(&x[whole]) {
            prop_assert!((got - want).abs() < 1e-5);
        }
    }

    #[test]
    fn rows_give_back_what_they_keep((framing, kept) in any_framing(), seed in any::<u64>()) {
        let x = noise(seed, framing.window);
        let (mut stft, mut rows) = (Stft::new(framing, kept), Rows::new(framing.frames, kept));
        stft.forward(&x, 1.0, |block, spectra| rows.store(block, spectra)).unwrap();
        let mut out = vec![f32::NAN; framing.window];
        stft.inverse(1.0, &mut out, |block, spectra| rows.load(block, spectra)).unwrap();
        let (re, im) = forward(framing, kept, &x, 1.0);
        prop_assert_eq!(bits(&out), bits(&inverse(framing, kept, (&re, &im), 1.0)));
    }
}

#[test]
fn agrees_with_another_fft_at_full_size() {
    let framing = Framing::centred(4096, 1024, 256);
    let x = noise(3, 1024 * 255);
    let (re, im) = forward(framing, framing.bins(), &x, 1.0);
    let (mut error, mut power) = (0.0, 0.0);
    for t in [0, 1, 2, 15, 16, 100, 253, 254, 255] {
        let frame: Vec<Pair> = frame(&x, framing, t).into_iter().map(|s| (s, 0.0)).collect();
        for (f, (a, b)) in fft(&frame).into_iter().take(framing.bins()).enumerate() {
            let at = f * framing.frames + t;
            error += (f64::from(re[at]) - a).powi(2) + (f64::from(im[at]) - b).powi(2);
            power += a * a + b * b;
        }
    }
    assert!(10.0 * (error / power).log10() < -130.0, "{} dB", 10.0 * (error / power).log10());
}

#[test]
fn round_trips_at_the_public_models_sizes() {
    for n_fft in [4096, 5120, 6144, 7680] {
        let x = noise(n_fft as u64, 1024 * 255);
        let back = round_trip(Framing::centred(n_fft, 1024, 256), &x);
        let error: f64 = back.iter().zip(&x).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        let power: f64 = x.iter().map(|a| f64::from(*a).powi(2)).sum();
        assert!(10.0 * (error / power).log10() < -130.0, "n_fft {n_fft}");
    }
}

#[test]
fn silence_and_what_nobody_can_hear_become_exact_zeros() {
    let faint: Vec<f32> = noise(1, 16 * 19).iter().map(|s| s * 1e-13).collect();
    let (re, im) = forward(Framing::centred(64, 16, 20), 33, &faint, 1.0);
    assert!(bits(&re).iter().chain(&bits(&im)).all(|b| b << 1 == 0));
}

#[test]
fn buffers_of_another_length_are_refused() {
    let mut stft = Stft::new(Framing::centred(64, 16, 20), 33);
    let mut samples = vec![0.0; stft.window() + 1];
    assert!(stft.forward(&samples, 1.0, |_, _| {}).is_err());
    assert!(stft.inverse(1.0, &mut samples, |_, _| {}).is_err());
}

#[test]
fn the_ends_of_ffts_that_are_not_centred_do_not_blow_up() {
    // Spectra that no window has shaped: as if a mask had moved all there is to the edges of the FFTs.
    let framing = Framing::inside(4096, 1024, 64);
    let click = |_: Block, spectra: &mut [Complex<f32>]| spectra.fill(Complex { re: 1.0, im: 0.0 });
    let mut out = vec![0.0; framing.window];
    Stft::new(framing, framing.bins()).inverse(1.0, &mut out, click).unwrap();
    let largest = out.iter().fold(0.0f32, |largest, sample| largest.max(sample.abs()));
    assert!(largest < 5.0, "{largest}");
}

#[test]
fn transforming_allocates_nothing() {
    let framing = Framing::centred(512, 128, 40);
    let (mut stft, mut rows) = (Stft::new(framing, 257), Rows::new(40, 257));
    let (x, mut out) = (noise(1, framing.window), vec![0.0; framing.window]);
    let counted = allocation_counter::measure(|| {
        stft.forward(&x, 1.0, |block, spectra| rows.store(block, spectra)).unwrap();
        stft.inverse(1.0, &mut out, |block, spectra| rows.load(block, spectra)).unwrap();
    });
    assert_eq!(counted.count_total, 0);
}
