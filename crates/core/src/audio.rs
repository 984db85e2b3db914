//! Stereo f32 sample buffers and their byte layouts: planar on the wire, interleaved on disk.

/// Bytes of one stereo frame of f32 samples.
pub const FRAME_BYTES: usize = 8;

/// A planar stereo buffer: both channels always have the same length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stereo {
    /// Left channel, nominally −1…1.
    pub left: Vec<f32>,
    /// Right channel, nominally −1…1.
    pub right: Vec<f32>,
}

impl Stereo {
    /// A silent buffer of `frames` frames.
    pub fn silence(frames: usize) -> Self {
        Self { left: vec![0.0; frames], right: vec![0.0; frames] }
    }

    /// Number of frames (samples per channel).
    pub fn frames(&self) -> usize {
        self.left.len()
    }

    /// Both channels, left first.
    pub fn channels(&self) -> [&[f32]; 2] {
        [&self.left, &self.right]
    }
}

/// Writes interleaved frames (`[l, r, l, r, …]`) into planar halves of `out`: left first, then right.
///
/// `out` and `interleaved` must have the same, even length.
pub fn deinterleave(interleaved: &[f32], out: &mut [f32]) {
    let (left, right) = out.split_at_mut(interleaved.len() / 2);
    for ((frame, l), r) in interleaved.chunks_exact(2).zip(left).zip(right) {
        (*l, *r) = (frame[0], frame[1]);
    }
}

/// Writes planar channels into interleaved frames; `out` must hold twice as many samples as `left`.
pub fn interleave(left: &[f32], right: &[f32], out: &mut [f32]) {
    for ((frame, l), r) in out.chunks_exact_mut(2).zip(left).zip(right) {
        (frame[0], frame[1]) = (*l, *r);
    }
}

/// Samples as little-endian bytes.
pub fn to_le_bytes(samples: &[f32]) -> Vec<u8> {
    // Not `extend`, which the compiler makes bytes one by one of.
    let mut bytes = vec![0; samples.len() * 4];
    for (b, s) in bytes.as_chunks_mut().0.iter_mut().zip(samples) {
        *b = s.to_le_bytes();
    }
    bytes
}

/// Little-endian bytes as samples; a trailing partial sample is ignored.
pub fn from_le_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

/// Reads little-endian samples from `bytes` into `out`, as many as both hold.
pub fn read_le_bytes(bytes: &[u8], out: &mut [f32]) {
    for (b, s) in bytes.as_chunks().0.iter().zip(out) {
        *s = f32::from_le_bytes(*b);
    }
}

/// The complementary stem: what is left of `mix` without the `predicted` stems, sample by sample.
///
/// Subtracts in the order given, so that every reader gets the same bits.
pub fn subtract(mix: &mut [f32], predicted: &[f32]) {
    for (m, p) in mix.iter_mut().zip(predicted) {
        *m -= p;
    }
}

/// Adds a stem to a sum of stems, sample by sample; sums round, so the order of the stems has to be the same
/// for every reader.
pub fn add(sum: &mut [f32], stem: &[f32]) {
    for (s, x) in sum.iter_mut().zip(stem) {
        *s += x;
    }
}

/// The gain that brings `peak` down to `ceiling`; 1 when it is already below (or silent).
pub fn gain_to_ceiling(peak: f32, ceiling: Option<f32>) -> f32 {
    match ceiling {
        Some(ceiling) if peak > ceiling => ceiling / peak,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn layouts_round_trip(frames in proptest::collection::vec(any::<(f32, f32)>(), 0..50)) {
            let interleaved: Vec<f32> = frames.iter().flat_map(|(l, r)| [*l, *r]).collect();
            let mut planar = vec![0.0; interleaved.len()];
            deinterleave(&interleaved, &mut planar);
            let mut back = vec![0.0; interleaved.len()];
            let (left, right) = planar.split_at(frames.len());
            interleave(left, right, &mut back);
            let bits = |v: &[f32]| v.iter().map(|s| s.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back), bits(&interleaved));
            prop_assert_eq!(bits(&from_le_bytes(&to_le_bytes(&back))), bits(&back));
        }

        #[test]
        fn stems_add_up_to_the_mix(pairs in proptest::collection::vec((-1f32..1.0, -1f32..1.0), 1..50)) {
            let mut rest: Vec<f32> = pairs.iter().map(|p| p.0).collect();
            let stem: Vec<f32> = pairs.iter().map(|p| p.1).collect();
            subtract(&mut rest, &stem);
            for ((mix, _), (r, s)) in pairs.iter().zip(rest.iter().zip(&stem)) {
                prop_assert!((r + s - mix).abs() <= 2.0 * f32::EPSILON);
            }
        }
    }

    #[test]
    fn gain_only_ever_lowers() {
        assert_eq!(gain_to_ceiling(0.5, Some(0.9)), 1.0);
        assert_eq!(gain_to_ceiling(1.8, Some(0.9)), 0.5);
        assert_eq!(gain_to_ceiling(1.8, None), 1.0);
        assert_eq!(gain_to_ceiling(0.0, Some(0.9)), 1.0);
    }
}
