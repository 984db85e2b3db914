//! Stems as integers that add up to the mix, to the bit.
//!
//! Each stem rounded for itself, the sum of two is off by a step now and then, and by thousands where one of them
//! goes beyond full scale and is clipped. Here every part but one is rounded, and that one takes what is left of the
//! mix; where it would clip, the others give way. Nothing is lost by it: no part is further from its rounded value
//! than it has to be for all of them to fit.

use crate::Manifest;

/// A sample as an integer of `bits` bits: x·2^(bits−1), half away from zero, clamped; NaN becomes 0.
pub fn quantise(sample: f32, bits: u32) -> i32 {
    let scale = f64::from(1u32 << (bits - 1));
    let exact = f64::from(sample) * scale;
    // `round`, without a call for each sample: a product of 24 significant bits and a half are exact in 53.
    (exact + 0.5_f64.copysign(exact)).clamp(-scale, scale - 1.0) as i32
}

/// An integer of `bits` bits (at most 24) as the sample that [`quantise`] makes it of; exact.
pub fn sample(integer: i32, bits: u32) -> f32 {
    (f64::from(integer) / f64::from(1u32 << (bits - 1))) as f32
}

/// How a model's stems add up: which parts there are, which of them takes the rest, and which are summed.
///
/// ```
/// use karaoke_core::Manifest;
/// use karaoke_core::quantise::{ExactSum, quantise};
///
/// let text = "name='m'\ntitle='M'\nkind='waveform'\nfile='m.onnx'\nlicence='MIT'\nsample_rate=44100\noverlap=0.25\n\
///     sha256='aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\n\
///     stems=['vocals']\ncomplement='instrumental'\n[waveform]\nsegment=1000\n";
/// let exact = ExactSum::new(&Manifest::parse(text).unwrap(), None, 16).unwrap();
/// let mut stems = [0; 3];
/// // A voice beyond full scale.
/// exact.split(0.9, &[1.25, 0.0], &mut stems);
/// assert_eq!((stems[0], stems[0] + stems[1]), (32_767, quantise(0.9, 16)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExactSum {
    bits: u32,
    /// Number of parts; together they are the mix.
    parts: usize,
    /// The part that is what the others leave of the mix.
    rest: usize,
    /// Parts that are a stem together, if the model has such a stem.
    group: Vec<usize>,
    /// The parts outside the group, and then the group, which stands behind the parts.
    outside: Vec<usize>,
}

impl ExactSum {
    /// For the stems of a model, in the order of [`Manifest::parts`]; `sum` is the stem that is a sum of parts and is
    /// to be exact as well. `None` for a model whose stems are not the whole song.
    pub fn new(manifest: &Manifest, sum: Option<&str>, bits: u32) -> Option<Self> {
        let parts: Vec<&str> = manifest.parts().collect();
        let at = |name: &str| parts.iter().position(|part| *part == name);
        let members = sum.and_then(|sum| manifest.sums.get(sum));
        let group = members.into_iter().flatten().filter_map(|name| at(name)).collect();
        Some(Self::of(bits, parts.len(), at(manifest.rest()?)?, group))
    }

    fn of(bits: u32, parts: usize, rest: usize, group: Vec<usize>) -> Self {
        let mut outside: Vec<usize> = (0..parts).filter(|part| !group.contains(part)).collect();
        if !group.is_empty() {
            outside.push(parts);
        }
        Self { bits, parts, rest, group, outside }
    }

    /// The integers of one sample of the mix: those of the parts, and behind them that of the group.
    ///
    /// `parts` holds a sample for each part; that of the rest is not looked at. The integers of the parts add up to
    /// the mix as [`quantise`] makes it, and so do the group and the parts outside it. `exact` has room for one
    /// integer more than there are parts.
    pub fn split(&self, mix: f32, parts: &[f32], exact: &mut [i32]) {
        let (mut left, half) = (i64::from(quantise(mix, self.bits)), 1i64 << (self.bits - 1));
        for (at, (integer, part)) in exact.iter_mut().zip(parts).enumerate() {
            if at != self.rest || !self.group.is_empty() {
                *integer = quantise(*part, self.bits);
                left -= i64::from(*integer);
            }
        }
        // Almost always what is left fits, and is the rest.
        if self.group.is_empty() && (-half..half).contains(&left) {
            exact[self.rest] = left as i32;
            return;
        }
        exact[self.parts] = quantise(self.group.iter().map(|part| parts[*part]).sum(), self.bits);
        let mix = quantise(mix, self.bits);
        let Some(last) = self.group.last() else { return self.balance(exact, &self.outside, self.rest, mix) };
        let is_inside = self.group.contains(&self.rest);
        let taker = if is_inside { self.parts } else { self.rest };
        self.balance(exact, &self.outside, taker, mix);
        let taker = if is_inside { self.rest } else { *last };
        let group = exact[self.parts];
        self.balance(exact, &self.group, taker, group);
    }

    /// [`Self::split`] for a whole block: `out` gets, as samples, the integers of the stems in `chosen` added up.
    ///
    /// `mix`, `out` and each of the `parts` are equally long.
    pub fn split_block(&self, mix: &[f32], parts: &[Vec<f32>], chosen: &[usize], out: &mut [f32]) {
        let half = 1i32 << (self.bits - 1);
        let mut slow = 0..mix.len();
        if self.group.is_empty() {
            let mut left: Vec<i32> = mix.iter().map(|mix| quantise(*mix, self.bits)).collect();
            let mut sum = vec![0; mix.len()];
            for (at, part) in parts.iter().enumerate().filter(|(at, _)| *at != self.rest) {
                let taken = i32::from(chosen.contains(&at));
                for ((left, sum), part) in left.iter_mut().zip(&mut sum).zip(part) {
                    let integer = quantise(*part, self.bits);
                    *left -= integer;
                    *sum += integer * taken;
                }
            }
            let taken = i32::from(chosen.contains(&self.rest));
            for ((out, left), sum) in out.iter_mut().zip(&left).zip(&sum) {
                *out = sample(sum + left * taken, self.bits);
            }
            let clips = |left: &i32| !(-half..half).contains(left);
            // Almost always nothing does.
            let Some(first) = left.iter().position(clips) else { return };
            let last = left.iter().rposition(clips).unwrap_or(first);
            slow = first..last + 1;
        }
        let (mut row, mut integers) = (vec![0.0; parts.len()], vec![0; parts.len() + 1]);
        for at in slow {
            row.iter_mut().zip(parts).for_each(|(sample, part)| *sample = part[at]);
            self.split(mix[at], &row, &mut integers);
            out[at] = sample(chosen.iter().map(|chosen| integers[*chosen]).sum(), self.bits);
        }
    }

    /// Lets the `taker` among the `stems` be what the others leave of `total`; where that does not fit, the others
    /// give way, in their order. `total` is within the range of one stem, so that there is always room.
    fn balance(&self, exact: &mut [i32], stems: &[usize], taker: usize, total: i32) {
        let (low, high) = (-(1i64 << (self.bits - 1)), (1i64 << (self.bits - 1)) - 1);
        let others = stems.iter().filter(|stem| **stem != taker);
        let own = i64::from(total) - others.clone().map(|stem| i64::from(exact[*stem])).sum::<i64>();
        let kept = own.clamp(low, high);
        exact[taker] = kept as i32;
        let mut left = own - kept;
        for stem in others {
            if left == 0 {
                return;
            }
            let before = i64::from(exact[*stem]);
            let after = (before + left).clamp(low, high);
            exact[*stem] = after as i32;
            left -= after - before;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(exact: &ExactSum, mix: f32, parts: &[f32]) -> (Vec<i32>, i32) {
        let mut integers = vec![4711; parts.len() + 1];
        exact.split(mix, parts, &mut integers);
        let group = integers.pop().unwrap();
        (integers, group)
    }

    #[test]
    fn integers_and_samples_are_the_same() {
        for bits in [16, 24] {
            let (low, high) = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1);
            for n in [low, low + 1, -1, 0, 1, 4711, high - 1, high] {
                assert_eq!(quantise(sample(n, bits), bits), n);
            }
        }
        assert_eq!([quantise(1.5, 16), quantise(-1.5, 16), quantise(f32::NAN, 16)], [32767, -32768, 0]);
        assert_eq!([quantise(0.5 / 32768.0, 16), quantise(-0.5 / 32768.0, 16)], [1, -1]);
    }

    #[test]
    fn what_would_clip_goes_to_the_other_stem() {
        let two = ExactSum::of(16, 2, 1, vec![]);
        let two = |mix, parts: &[f32]| split(&two, mix, parts).0;
        // The voice goes beyond full scale, the band against it.
        assert_eq!(two(0.9, &[1.25, 0.0]), [32767, 29491 - 32767]);
        assert_eq!(two(-1.0, &[0.5, 0.0]), [0, -32768]);
        assert_eq!(two(0.25, &[0.1, 9.0]), [3277, 8192 - 3277]);
    }

    /// Mixes and parts of every size, also far beyond full scale.
    fn samples() -> impl Strategy<Value = f32> {
        prop_oneof![-1.0f32..1.0, -4.0f32..4.0, Just(1.0), Just(-1.0), Just(0.0), Just(f32::NAN)]
    }

    proptest! {
        #[test]
        fn rounds_half_away_from_zero(x in any::<f32>(), n in -(1i32 << 16)..1 << 16, bits in prop_oneof![Just(16u32), Just(24)]) {
            let scale = f64::from(1u32 << (bits - 1));
            // Also exactly between two integers.
            for x in [x, n as f32 / 65_536.0, (n as f32 + 0.5) / 32_768.0] {
                let want = (f64::from(x) * scale).round().clamp(-scale, scale - 1.0) as i32;
                prop_assert_eq!(quantise(x, bits), want);
            }
        }

        #[test]
        fn a_block_is_split_as_each_of_its_samples(
            bits in prop_oneof![Just(16u32), Just(24)],
            rows in prop::collection::vec((samples(), prop::collection::vec(samples(), 3)), 0..40),
            rest in 0usize..3,
            grouped in prop::collection::vec(any::<bool>(), 3),
            is_chosen in prop::collection::vec(any::<bool>(), 3),
        ) {
            let group: Vec<usize> = (0..3).filter(|part| grouped[*part]).collect();
            let exact = ExactSum::of(bits, 3, rest, group);
            let chosen: Vec<usize> = (0..3).filter(|part| is_chosen[*part]).collect();
            let mix: Vec<f32> = rows.iter().map(|row| row.0).collect();
            let parts: Vec<Vec<f32>> = (0..3).map(|part| rows.iter().map(|row| row.1[part]).collect()).collect();
            let mut out = vec![9.0; mix.len()];
            exact.split_block(&mix, &parts, &chosen, &mut out);
            for (row, out) in rows.iter().zip(&out) {
                let integers = split(&exact, row.0, &row.1).0;
                let want = sample(chosen.iter().map(|part| integers[*part]).sum(), bits);
                prop_assert_eq!(out.to_bits(), want.to_bits());
            }
        }

        #[test]
        fn stems_always_add_up_and_move_no_further_than_they_must(
            bits in prop_oneof![Just(16u32), Just(24)],
            mix in samples(),
            parts in prop::collection::vec(samples(), 1..7),
            rest in 0usize..7,
            grouped in prop::collection::vec(any::<bool>(), 7),
        ) {
            let rest = rest % parts.len();
            let group: Vec<usize> = (0..parts.len()).filter(|part| grouped[*part]).collect();
            let (stems, sum_stem) = split(&ExactSum::of(bits, parts.len(), rest, group.clone()), mix, &parts);
            let (low, high) = (-(1i32 << (bits - 1)), (1i32 << (bits - 1)) - 1);
            prop_assert!(stems.iter().chain([&sum_stem]).all(|stem| (low..=high).contains(stem)));
            let sum = |of: &dyn Fn(&usize) -> bool| -> i64 {
                (0..parts.len()).filter(of).map(|part| i64::from(stems[part])).sum()
            };
            let mix = i64::from(quantise(mix, bits));
            prop_assert_eq!(sum(&|_| true), mix);
            if !group.is_empty() {
                prop_assert_eq!(sum(&|part| group.contains(part)), i64::from(sum_stem));
            } else {
                // Nobody but the rest moves unless the rest is at an end of its range.
                let moved = (0..parts.len()).any(|p| p != rest && stems[p] != quantise(parts[p], bits));
                prop_assert!(!moved || [low, high].contains(&stems[rest]));
            }
        }
    }
}
