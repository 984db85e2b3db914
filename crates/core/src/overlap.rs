//! Overlap-add that does not depend on the order in which windows arrive.
//!
//! Where windows meet, the output is the weighted mean of theirs, written as a cross-fade
//!
//! ```text
//! y = x₀ + Σₖ (xₖ − x₀) · wₖ / Σ w      k = 1 … in window order
//! ```
//!
//! which equals Σ wₖxₖ / Σ wₖ, and gives back x₀ exactly, bit for bit, where all windows agree: an identity
//! model returns its input. To make arrival order, duplicates and retries irrelevant, raw window outputs are
//! kept in *layers*: at every frame the first covering window writes layer 0, the second layer 1, and so on.
//! Each (frame, layer) has exactly one writer, so writing is idempotent; cross-fading happens on reading.

use crate::plan::{Segment, Taper, WindowPlan};

/// Cross-fades layers into the final samples of a track.
#[derive(Clone, Debug)]
pub struct OverlapAdd {
    plan: WindowPlan,
    /// Weights by position in a full window.
    taper: Vec<f64>,
    /// Share of the second of two full windows, by position in the overlap.
    fade: Vec<f32>,
}

impl OverlapAdd {
    /// Prepares the cross-fades of `plan`: one table of a window's length.
    pub fn new(plan: WindowPlan) -> Self {
        let w = plan.windowing();
        let taper: Vec<f64> = (0..w.window).map(|i| weight(w.taper, w.window, w.window, i)).collect();
        let fade =
            (w.step..w.window).map(|i| share(taper[i - w.step], taper[i] + taper[i - w.step])).collect();
        Self { plan, taper, fade }
    }

    /// The plan it blends.
    pub fn plan(&self) -> &WindowPlan {
        &self.plan
    }

    /// Blends one segment. `layers[k]` holds the output of window `segment.first + k` for the segment's
    /// frames, interleaved in `channels` channels; the result replaces `layers[0]`.
    ///
    /// Slices must hold `segment.frames() × channels` samples, and there must be `segment.cover` layers.
    pub fn blend(&self, segment: &Segment, layers: &mut [&mut [f32]], channels: usize) {
        let Some((first, others)) = layers.split_first_mut() else { return };
        match others {
            [] => {}
            [second] if self.is_plain(segment) => {
                let begin = self.offset(segment, 0) - self.plan.windowing().step;
                let frames = first.chunks_exact_mut(channels).zip(second.chunks_exact(channels));
                for ((x0, x1), t) in frames.zip(&self.fade[begin..]) {
                    for (a, b) in x0.iter_mut().zip(x1) {
                        *a += (b - *a) * t;
                    }
                }
            }
            _ => self.blend_general(segment, first, others, channels),
        }
    }

    /// Two full windows meet: the case for which the table was made.
    fn is_plain(&self, segment: &Segment) -> bool {
        let window = self.plan.windowing().window;
        (0..2).all(|k| self.plan.actual_len(segment.first + k) == window)
    }

    /// Where the segment begins inside its `k`-th window.
    fn offset(&self, segment: &Segment, k: usize) -> usize {
        (segment.start as i64 - self.plan.start(segment.first + k as u64)) as usize
    }

    fn blend_general(&self, segment: &Segment, first: &mut [f32], others: &[&mut [f32]], channels: usize) {
        let w = self.plan.windowing();
        let cover = others.len() + 1;
        let offsets: Vec<usize> = (0..cover).map(|k| self.offset(segment, k)).collect();
        let lens: Vec<usize> = (0..cover).map(|k| self.plan.actual_len(segment.first + k as u64)).collect();
        let mut weights = vec![0.0; cover];
        for frame in 0..segment.frames() {
            for k in 0..cover {
                let at = offsets[k] + frame;
                weights[k] =
                    if lens[k] == w.window { self.taper[at] } else { weight(w.taper, w.window, lens[k], at) };
            }
            let sum: f64 = weights.iter().sum();
            for sample in frame * channels..(frame + 1) * channels {
                let x0 = first[sample];
                for (layer, weight) in others.iter().zip(&weights[1..]) {
                    first[sample] += (layer[sample] - x0) * share(*weight, sum);
                }
            }
        }
    }
}

/// A window's share of the sum; the first window takes all where every weight is zero.
fn share(weight: f64, sum: f64) -> f32 {
    if sum > 0.0 { (weight / sum) as f32 } else { 0.0 }
}

/// The weight at `at` of a window of `window` frames of which `actual` lie in the padded track.
fn weight(taper: Taper, window: usize, actual: usize, at: usize) -> f64 {
    match taper {
        Taper::Hann if actual <= 1 => 1.0,
        Taper::Hann if at >= actual => 0.0,
        Taper::Hann => 0.5 - 0.5 * (2.0 * std::f64::consts::PI * at as f64 / (actual - 1) as f64).cos(),
        Taper::Triangle => {
            let half = window / 2;
            let (rise, fall) = (at + 1, window - at.min(window - 1));
            rise.min(fall) as f64 / (window - half) as f64
        }
    }
}

/// The layer that window `index` writes in `segment`.
pub fn layer_of(segment: &Segment, index: u64) -> usize {
    (index - segment.first) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChunkIndex;
    use crate::plan::{ChunkPlan, Windowing};
    use proptest::prelude::*;

    /// A mono model: window samples in, window samples out, told the window's index.
    type Model = fn(u64, &[f32]) -> Vec<f32>;

    fn read(track: &[f32], start: i64, len: usize) -> Vec<f32> {
        (start..start + len as i64)
            .map(|i| usize::try_from(i).ok().and_then(|i| track.get(i)).copied().unwrap_or(0.0))
            .collect()
    }

    /// The pipeline in miniature: chunks answered in the order given, each written into layers, then blended.
    fn run(plan: ChunkPlan, track: &[f32], model: Model, order: &[ChunkIndex]) -> Vec<f32> {
        let windows = plan.windows();
        let mut layers = vec![vec![f32::NAN; track.len()]; windows.windowing().max_cover()];
        for &chunk in order {
            let (start, frames) = plan.job_span(chunk);
            let job = read(track, start, frames);
            let cut = plan.cut(chunk);
            for (j, index) in (0..).zip(plan.windows_of(chunk)) {
                let at = cut.at(j);
                let mut out = model(index, &job[at..at + cut.window]);
                out.rotate_left(cut.moved(j));
                for s in windows.segments(windows.span(index)) {
                    let from = (s.start as i64 - windows.start(index)) as usize;
                    layers[layer_of(&s, index)][s.start as usize..s.end as usize]
                        .copy_from_slice(&out[from..from + s.frames()]);
                }
            }
        }
        let blender = OverlapAdd::new(*windows);
        let mut out = Vec::new();
        for s in windows.segments(0..track.len() as u64) {
            let mut parts: Vec<Vec<f32>> =
                layers[..s.cover].iter().map(|l| l[s.start as usize..s.end as usize].to_vec()).collect();
            let mut slices: Vec<&mut [f32]> = parts.iter_mut().map(Vec::as_mut_slice).collect();
            blender.blend(&s, &mut slices, 1);
            out.extend_from_slice(&parts[0]);
        }
        out
    }

    fn bits(v: &[f32]) -> Vec<u32> {
        v.iter().map(|x| x.to_bits()).collect()
    }

    const WARP: Model = |index, x| {
        let dc = x.iter().sum::<f32>() * 0.01;
        x.iter()
            .enumerate()
            .map(|(i, s)| (s * 1.7 + dc).sin() + (i as f32 + index as f32).cos() * 0.1)
            .collect()
    };

    fn any_case() -> impl Strategy<Value = (Windowing, Vec<f32>)> {
        (crate::plan::tests::any_windowing(), proptest::collection::vec(-1f32..1.0, 0..200))
    }

    proptest! {
        #[test]
        fn any_chunking_order_and_duplication_gives_the_same_bits(
            (w, track) in any_case(), per in 1u32..9, seed in any::<u64>(),
        ) {
            let windows = WindowPlan::new(w, track.len() as u64);
            let whole = ChunkPlan::new(windows, u32::MAX);
            let single = run(whole, &track, WARP, &whole.chunks().collect::<Vec<_>>());
            let plan = ChunkPlan::new(windows, per);
            let half = plan.count() as usize / 2;
            let mut order: Vec<ChunkIndex> = plan.chunks().chain(plan.chunks().take(half)).collect();
            order.sort_by_key(|c| (c.get() ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31));
            prop_assert_eq!(bits(&run(plan, &track, WARP, &order)), bits(&single));
        }

        #[test]
        fn identity_gives_back_its_input((w, track) in any_case(), per in 1u32..9) {
            let plan = ChunkPlan::new(WindowPlan::new(w, track.len() as u64), per);
            let mut order: Vec<ChunkIndex> = plan.chunks().collect();
            order.reverse();
            prop_assert_eq!(bits(&run(plan, &track, |_, x| x.to_vec(), &order)), bits(&track));
        }

        #[test]
        fn blending_is_the_weighted_mean((w, track) in any_case()) {
            let windows = WindowPlan::new(w, track.len() as u64);
            let plan = ChunkPlan::new(windows, 1);
            let got = run(plan, &track, WARP, &plan.chunks().collect::<Vec<_>>());
            for (p, y) in got.iter().enumerate() {
                let (mut sum, mut norm, mut bound) = (0.0, 0.0, 0.0f64);
                let mut only = 0.0;
                let covering = windows.covering(p as u64);
                for i in covering.clone() {
                    let at = (p as i64 - windows.start(i)) as usize;
                    let (from, moved) = (windows.start(i) - windows.moved(i) as i64, windows.moved(i));
                    let x = f64::from(WARP(i, &read(&track, from, w.window))[at + moved]);
                    let weight = weight(w.taper, w.window, windows.actual_len(i), at);
                    (sum, norm) = (sum + weight * x, norm + weight);
                    (only, bound) = (x, bound.max(x.abs()));
                }
                // With a single window its weight cancels out, even where it is zero.
                prop_assume!(norm > 0.0 || covering.end - covering.start == 1);
                let want = if norm > 0.0 { sum / norm } else { only };
                prop_assert!((f64::from(*y) - want).abs() <= 1e-5 * (1.0 + bound), "{} at {}: {} ≠ {}", p, norm, y, want);
            }
        }
    }
}
