//! Any number of channels to stereo, by the coefficients of ITU-R BS.775.

use std::f32::consts::FRAC_1_SQRT_2;

/// Where a channel's loudspeaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// Front left.
    Left,
    /// Front right.
    Right,
    /// Front centre, or mono.
    Centre,
    /// Low-frequency effects: dropped.
    Lfe,
    /// Any side, rear, wide or top loudspeaker on the left.
    SurroundLeft,
    /// The same on the right.
    SurroundRight,
    /// Behind or above, in the middle.
    BackCentre,
}

impl Speaker {
    /// Weights in the left and the right output.
    fn weights(self) -> [f32; 2] {
        match self {
            Self::Left => [1.0, 0.0],
            Self::Right => [0.0, 1.0],
            Self::Centre => [FRAC_1_SQRT_2; 2],
            Self::Lfe => [0.0; 2],
            Self::SurroundLeft => [FRAC_1_SQRT_2, 0.0],
            Self::SurroundRight => [0.0, FRAC_1_SQRT_2],
            Self::BackCentre => [0.5; 2],
        }
    }
}

/// Weights of every channel of one layout.
#[derive(Clone, Debug, PartialEq)]
pub struct Downmix {
    weights: Vec<[f32; 2]>,
}

impl Downmix {
    /// For channels in this order. A single channel goes to both sides as it is; more are scaled so that
    /// full scale in every channel is full scale in the mix.
    pub fn new(speakers: &[Speaker]) -> Self {
        if speakers.len() == 1 {
            return Self { weights: vec![[1.0; 2]] };
        }
        let mut weights: Vec<[f32; 2]> = speakers.iter().map(|s| s.weights()).collect();
        let sum = |side: usize| weights.iter().map(|w| w[side]).sum::<f32>();
        let loudest = sum(0).max(sum(1));
        if loudest > 1.0 {
            weights.iter_mut().flatten().for_each(|w| *w /= loudest);
        }
        Self { weights }
    }

    /// Appends the stereo mix of interleaved frames to `out`.
    pub fn mix(&self, interleaved: &[f32], out: &mut Vec<f32>) {
        match self.weights[..] {
            // Plain stereo is copied, so that its bits stay what they are.
            [[1.0, 0.0], [0.0, 1.0]] => out.extend_from_slice(interleaved),
            [[1.0, 1.0]] => out.extend(interleaved.iter().flat_map(|s| [*s, *s])),
            _ => {
                for frame in interleaved.chunks_exact(self.weights.len()) {
                    let mut stereo = [0.0; 2];
                    for (sample, weight) in frame.iter().zip(&self.weights) {
                        stereo[0] += sample * weight[0];
                        stereo[1] += sample * weight[1];
                    }
                    out.extend(stereo);
                }
            }
        }
    }
}

/// What `count` channels without positions most likely are (the order of WAVE files).
pub fn guess(count: usize) -> Vec<Speaker> {
    use Speaker::*;
    let order: &[Speaker] = match count {
        1 => &[Centre],
        2 => &[Left, Right],
        3 => &[Left, Right, Centre],
        4 => &[Left, Right, SurroundLeft, SurroundRight],
        5 => &[Left, Right, Centre, SurroundLeft, SurroundRight],
        7 => &[Left, Right, Centre, Lfe, BackCentre, SurroundLeft, SurroundRight],
        _ => &[Left, Right, Centre, Lfe, SurroundLeft, SurroundRight, SurroundLeft, SurroundRight],
    };
    (0..count).map(|n| order.get(n).copied().unwrap_or(BackCentre)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_point_one_follows_bs_775_and_cannot_clip() {
        let downmix = Downmix::new(&guess(6));
        let mut out = Vec::new();
        downmix.mix(&[1.0; 6], &mut out);
        assert!(out.iter().all(|s| (s - 1.0).abs() < 1e-6));
        out.clear();
        downmix.mix(&[0.0, 0.0, 1.0, 9.0, 0.0, 0.0], &mut out);
        let expected = FRAC_1_SQRT_2 / (1.0 + 2.0 * FRAC_1_SQRT_2);
        assert!(out.iter().all(|s| (s - expected).abs() < 1e-6), "{out:?}");
    }

    #[test]
    fn mono_and_stereo_keep_their_bits() {
        let mut out = Vec::new();
        Downmix::new(&[Speaker::Centre]).mix(&[-0.0, 0.3], &mut out);
        assert_eq!(
            out.iter().map(|s| s.to_bits()).collect::<Vec<_>>(),
            [-0.0f32, -0.0, 0.3, 0.3].map(f32::to_bits)
        );
        out.clear();
        Downmix::new(&guess(2)).mix(&[0.1, 0.2], &mut out);
        assert_eq!(out, [0.1, 0.2]);
    }
}
