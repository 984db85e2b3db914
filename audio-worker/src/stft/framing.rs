//! Where the FFTs of a window of sound lie.

use karaoke_core::kind::Branch;

/// The frames of a window. FFT `t` takes the `n_fft` samples from `t · hop − before` on; where they lie before
/// or behind the window, the sound is reflected about its first or last sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// FFT length; even.
    pub n_fft: usize,
    /// Samples from one FFT to the next; at most `n_fft / 2`.
    pub hop: usize,
    /// Number of FFTs.
    pub frames: usize,
    /// Samples in a window; more than are reflected at either end.
    pub window: usize,
    /// Samples by which the first FFT begins before the window.
    pub before: usize,
    /// Silent FFTs on either side that the inverse counts as if they were there.
    pub around: usize,
}

impl Framing {
    /// As `torch.stft(center=True)` has it: FFT `t` has its centre at sample `t · hop`, the last one at the
    /// window's end.
    pub fn centred(n_fft: usize, hop: usize, frames: usize) -> Self {
        Self { n_fft, hop, frames, window: hop * (frames - 1), before: n_fft / 2, around: 0 }
    }

    /// The same for a window of any length: the last FFT may have its centre behind the end.
    pub fn covering(n_fft: usize, hop: usize, window: usize) -> Self {
        Self { window, ..Self::centred(n_fft, hop, window.div_ceil(hop) + 1) }
    }

    /// As `torch.stft(center=False)` has it: the first FFT begins where the window does, the last ends there.
    pub fn inside(n_fft: usize, hop: usize, frames: usize) -> Self {
        Self { n_fft, hop, frames, window: hop * (frames - 1) + n_fft, before: 0, around: 0 }
    }

    /// As HTDemucs has it: as many FFTs as hops, the first one half a hop after a centred one would be. Its
    /// inverse takes two silent ones on either side along (`HTDemucs._spec` and `_ispec` in demucs 4).
    pub fn demucs(branch: Branch, segment: usize) -> Self {
        let Branch { n_fft, hop } = branch;
        Self { n_fft, hop, frames: segment.div_ceil(hop), window: segment, before: hop / 2 * 3, around: 2 }
    }

    /// Bins of an FFT.
    pub fn bins(&self) -> usize {
        self.n_fft / 2 + 1
    }

    /// Samples that all FFTs span, those before and behind the window among them.
    pub(super) fn span(&self) -> usize {
        self.hop * (self.frames - 1) + self.n_fft
    }
}
