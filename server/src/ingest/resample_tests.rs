//! What the resampler promises: bits that depend on position alone, alignment, and −100 dB.

use super::*;
use proptest::prelude::*;
use std::f64::consts::TAU;

struct Memory(Vec<f32>);

impl FrameSource for Memory {
    fn read(&mut self, start: i64, out: &mut [f32]) -> io::Result<()> {
        for (i, sample) in out.iter_mut().enumerate() {
            let at = start * 2 + i as i64;
            *sample = usize::try_from(at).ok().and_then(|at| self.0.get(at)).copied().unwrap_or(0.0);
        }
        Ok(())
    }
}

fn noise(frames: usize, seed: u64) -> Vec<f32> {
    let mut state = seed | 1;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 40) as f32 / (1 << 23) as f32 - 1.0) * 0.5
    };
    (0..frames * 2).map(|_| next()).collect()
}

/// A sum of sines, the second channel with other phases; band-limited by construction.
fn tones(frames: usize, rate: u32, top: f64) -> Vec<f32> {
    let partials: Vec<(f64, f64)> =
        (0..40).map(|k| (20.0 + (top - 20.0) * k as f64 / 39.0, k as f64)).collect();
    let at = |t: f64, shift: f64| {
        partials.iter().map(|(f, p)| (TAU * f * t + p * p + shift).sin()).sum::<f64>() / 40.0
    };
    (0..frames)
        .flat_map(|n| [at(n as f64 / f64::from(rate), 0.0), at(n as f64 / f64::from(rate), 1.0)])
        .map(|s| s as f32)
        .collect()
}

fn sweep(frames: usize, rate: u32, top: f64) -> Vec<f32> {
    let length = frames as f64 / f64::from(rate);
    (0..frames)
        .flat_map(|n| {
            let t = n as f64 / f64::from(rate);
            let s = (TAU * (20.0 * t + (top - 20.0) * t * t / (2.0 * length))).sin() * 0.7;
            [s as f32, -s as f32]
        })
        .collect()
}

/// Error against `reference` in dB, leaving out `edge` frames at each end (the material starts abruptly).
fn error_db(got: &[f32], reference: &[f32], edge: usize) -> f64 {
    assert_eq!(got.len(), reference.len());
    let inside = edge * 2..got.len() - edge * 2;
    let (mut error, mut power) = (0.0, 0.0);
    for (a, b) in got[inside.clone()].iter().zip(&reference[inside]) {
        error += (f64::from(*a) - f64::from(*b)).powi(2);
        power += f64::from(*b).powi(2);
    }
    10.0 * (error / power).log10()
}

fn all<S: FrameSource>(mut source: Resampled<S>) -> Vec<f32> {
    let mut out = vec![0.0; source.length() as usize * 2];
    source.read(0, &mut out).unwrap();
    out
}

fn convert(samples: Vec<f32>, from: u32, to: u32) -> Vec<f32> {
    let frames = samples.len() as u64 / 2;
    all(Resampled::new(Memory(samples), from, to, frames).unwrap())
}

#[test]
fn agrees_with_the_signal_itself_at_every_rate() {
    for (from, to) in [
        (48000, 44100),
        (44100, 48000),
        (8000, 44100),
        (22050, 44100),
        (96000, 44100),
        (192000, 44100),
        (44100, 8000),
        (44100, 22050),
        (44100, 96000),
        (44100, 192000),
    ] {
        let top = 20000.0_f64.min(f64::from(from.min(to)) * 0.45);
        let got = convert(tones(from as usize, from, top), from, to);
        let db = error_db(&got, &tones(to as usize, to, top), to as usize / 10);
        println!("{from} -> {to}: {db:.1} dB");
        assert!(db < -100.0, "{from} -> {to}: {db:.1} dB");
    }
}

#[test]
fn there_and_back_is_below_minus_100_db() {
    let frames = 48000 * 2 + 77;
    for (name, signal) in [
        ("tones", tones(frames, 48000, 20000.0)),
        ("sweep", sweep(frames, 48000, 20000.0)),
        ("band-limited noise", filtered(&noise(frames, 3))),
    ] {
        let length = signal.len() as u64 / 2;
        let down = convert(signal.clone(), 48000, 44100);
        let frames_down = down.len() as u64 / 2;
        let up = Resampled::new(Memory(down), 44100, 48000, frames_down).unwrap().with_length(length);
        let db = error_db(&all(up), &signal, 4800);
        println!("48000 -> 44100 -> 48000, {name}: {db:.1} dB");
        assert!(db < -100.0, "{name}: {db:.1} dB");
    }
}

/// Low-pass at 20 kHz (48 kHz): a windowed sinc of 1023 taps.
fn filtered(signal: &[f32]) -> Vec<f32> {
    let taps: Vec<f64> = (0..1023)
        .map(|n| {
            let x = n as f64 - 511.0;
            let sinc = if x == 0.0 {
                2.0 * 19500.0 / 48000.0
            } else {
                (TAU * 19500.0 / 48000.0 * x).sin() / (TAU / 2.0 * x)
            };
            let w = n as f64 / 1022.0 * TAU;
            sinc * (0.35875 - 0.48829 * w.cos() + 0.14128 * (2.0 * w).cos() - 0.01168 * (3.0 * w).cos())
        })
        .collect();
    let frames = signal.len() / 2;
    let mut out = vec![0.0; signal.len()];
    for n in 0..frames {
        for c in 0..2 {
            let sum: f64 = taps
                .iter()
                .enumerate()
                .filter_map(|(k, t)| {
                    (n + 511).checked_sub(k).filter(|i| *i < frames).map(|i| t * f64::from(signal[i * 2 + c]))
                })
                .sum();
            out[n * 2 + c] = sum as f32;
        }
    }
    out
}

#[test]
fn lengths_and_alignment() {
    assert_eq!(frames_at(48000, 48000, 44100), 44100);
    assert_eq!(frames_at(1, 48000, 44100), 1);
    assert_eq!(frames_at(0, 8000, 192000), 0);
    assert_eq!(frames_at(u64::from(u32::MAX) * 100, 48000, 44100), 394_600_120_228);
    let mut impulse = vec![0.0; 9600 * 2];
    (impulse[4800 * 2], impulse[4800 * 2 + 1]) = (1.0, 1.0);
    let out = convert(impulse, 48000, 44100);
    let peak = (0..out.len() / 2).max_by(|a, b| out[a * 2].total_cmp(&out[b * 2])).unwrap();
    assert_eq!(peak, 4410);
}

#[test]
fn outside_is_silence_and_equal_rates_pass_through() {
    let signal = noise(100, 1);
    let mut same = Resampled::new(Memory(signal.clone()), 44100, 44100, 100).unwrap();
    let mut out = vec![1.0; 204];
    same.read(-1, &mut out).unwrap();
    assert_eq!(out[..2], [0.0; 2]);
    assert_eq!(out[2..202], signal);
    assert_eq!(out[202..], [0.0; 2]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_read_gives_the_same_bits(
        rates in prop::sample::select(vec![(48000u32, 44100u32), (44100, 48000), (22050, 44100), (96000, 44100), (44100, 8000)]),
        frames in 1usize..20000,
        reads in prop::collection::vec((0.0f64..1.0, 1usize..5000), 1..12),
    ) {
        let signal = noise(frames, 7);
        let whole = convert(signal.clone(), rates.0, rates.1);
        let mut source = Resampled::new(Memory(signal.clone()), rates.0, rates.1, frames as u64).unwrap();
        for (place, count) in reads {
            let start = ((whole.len() / 2) as f64 * place) as usize;
            let end = (start + count).min(whole.len() / 2);
            let mut out = vec![0.0; (end - start) * 2];
            source.read(start as i64, &mut out).unwrap();
            let bits = |v: &[f32]| v.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&out), bits(&whole[start * 2..end * 2]));
        }
    }

    #[test]
    fn a_read_looks_at_no_more_than_it_says(start in 0u64..9000, count in 1u64..3000) {
        struct Watch(Range<i64>);
        impl FrameSource for Watch {
            fn read(&mut self, start: i64, out: &mut [f32]) -> io::Result<()> {
                self.0 = self.0.start.min(start)..self.0.end.max(start + out.len() as i64 / 2);
                Ok(())
            }
        }
        let inside = needed(start..start + 1, 48000, 44100).start;
        let mut watched = Resampled::new(Watch(inside..inside), 48000, 44100, 20000).unwrap();
        watched.read(start as i64, &mut vec![0.0; count as usize * 2]).unwrap();
        prop_assert_eq!(watched.source.0, needed(start..start + count, 48000, 44100));
    }
}
