//! Kind `ensemble`: the mean of what several models predict for one stem, window by window.
//!
//! The mean is that of the samples (UVR's "Average", python-audio-separator's `avg_wave`), or that of the
//! magnitudes with the phase of the summed spectra. UVR itself takes no mean of spectra but their largest or
//! smallest bin ("Max Spec", "Min Spec": `ensembling` in its `lib_v5/spec_utils.py`); the mean lies between
//! these, and keeps what the members' phases would cancel in a mean of samples. The transform is UVR's there.

use super::family::with_weights;
use super::networks::numbers;
use super::separator::{SeparateError, Separator, check_buffers, mismatch};
use crate::runtime::Loader;
use crate::stft::{Framing, Rows, Stft};
use karaoke_core::manifest::{Kind, Mean};
use karaoke_core::{Manifest, ModelName};
use karaoke_models::Catalogue;
use std::ops::Range;

/// FFT length of the mean of spectra.
const N_FFT: usize = 6144;

/// Samples between its FFTs.
const HOP: usize = 1024;

/// The loaded members of an ensemble.
pub(super) struct EnsembleOf {
    members: Vec<Member>,
    window: usize,
    mean: Averager,
}

/// One model of an ensemble.
struct Member {
    separator: Box<dyn Separator>,
    part: Part,
    /// Its share of the mean; all shares add up to 1.
    share: f32,
    /// Its peak as a share of the ensemble's; none when it does not care for the level.
    headroom: Option<f32>,
    /// What it predicts.
    out: Vec<f32>,
}

/// How the ensemble's stem follows from what a member predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// It is the predicted stem of this index.
    Stem(usize),
    /// It is what all predicted stems leave of the mix.
    Rest,
}

/// Takes the mean of the members' stems.
enum Averager {
    /// Of samples.
    Waveform,
    /// Of magnitudes.
    Spectrum(Box<Spectra>),
}

struct Spectra {
    stft: Stft,
    /// The sum of a channel's spectra.
    sum: Rows,
    /// The sum of their magnitudes, in the same order.
    magnitudes: Vec<f32>,
    bins: usize,
}

impl EnsembleOf {
    /// Loads all members; refuses ones that do not go together.
    pub(super) fn open(
        loader: &Loader,
        catalogue: &Catalogue,
        manifest: &Manifest,
    ) -> Result<Self, SeparateError> {
        let numbers = numbers(manifest.ensemble.as_ref(), manifest)?;
        let [stem] = &manifest.stems[..] else {
            return Err(mismatch(format!("ensemble `{}` must predict one stem", manifest.name)));
        };
        let open = |(name, share): (&ModelName, f32)| {
            Member::open(loader, catalogue, manifest, stem, (catalogue.get(name)?, share))
        };
        let members =
            numbers.members.iter().zip(numbers.shares()).map(open).collect::<Result<Vec<_>, _>>()?;
        let window = members.first().map_or(0, |member| member.separator.window());
        for (member, name) in members.iter().zip(&numbers.members) {
            let own = member.separator.window();
            if own != window {
                let first = &numbers.members[0];
                let problem = format!("`{name}` has windows of {own} frames, `{first}` of {window}");
                return Err(mismatch(format!("ensemble `{}`: {problem}", manifest.name)));
            }
        }
        let mean = match numbers.mean {
            Mean::Waveform => Averager::Waveform,
            Mean::Spectrum => Averager::Spectrum(Box::new(Spectra::new(window))),
        };
        Ok(Self { members, window, mean })
    }
}

impl Separator for EnsembleOf {
    fn window(&self) -> usize {
        self.window
    }

    fn stems(&self) -> usize {
        1
    }

    fn separate(&mut self, input: [&[f32]; 2], gain: f32, out: &mut [f32]) -> Result<(), SeparateError> {
        self.separate_edge(input, 0..self.window(), gain, out)
    }

    fn separate_edge(
        &mut self,
        input: [&[f32]; 2],
        sound: Range<usize>,
        gain: f32,
        out: &mut [f32],
    ) -> Result<(), SeparateError> {
        check_buffers(self, input, out)?;
        for member in &mut self.members {
            member.separate(input, sound.clone(), gain)?;
        }
        match &mut self.mean {
            Averager::Waveform => mean_of_samples(&self.members, out),
            Averager::Spectrum(spectra) => spectra.mean(&self.members, out)?,
        }
        // The members have refused what is not a number.
        Ok(())
    }

    fn infer(&mut self) -> Result<(), SeparateError> {
        self.members.iter_mut().try_for_each(|member| member.separator.infer())
    }
}

impl Member {
    fn open(
        loader: &Loader,
        catalogue: &Catalogue,
        ensemble: &Manifest,
        stem: &str,
        (manifest, share): (&Manifest, f32),
    ) -> Result<Self, SeparateError> {
        let refuse = |problem: String| {
            mismatch(format!("ensemble `{}`: member `{}` {problem}", ensemble.name, manifest.name))
        };
        if manifest.kind == Kind::Ensemble {
            return Err(refuse("is an ensemble itself; name its members instead".to_owned()));
        }
        if manifest.sample_rate != ensemble.sample_rate {
            let (own, all) = (manifest.sample_rate, ensemble.sample_rate);
            return Err(refuse(format!("works at {own} Hz, the ensemble at {all} Hz")));
        }
        let part = Part::of(manifest, stem).ok_or_else(|| refuse(format!("has no stem `{stem}`")))?;
        let headroom = headroom(manifest.peak, ensemble.peak).map_err(refuse)?;
        let separator = with_weights(loader, &catalogue.weights(manifest)?, manifest)?;
        let out = vec![0.0; 2 * separator.stems() * separator.window()];
        Ok(Self { separator, part, share, headroom, out })
    }

    /// Separates the window, and leaves the ensemble's stem in the front of `out`, left then right.
    fn separate(&mut self, input: [&[f32]; 2], sound: Range<usize>, gain: f32) -> Result<(), SeparateError> {
        let own = self.headroom.map_or(1.0, |headroom| (gain * headroom).min(1.0));
        self.separator.separate_edge(input, sound, own, &mut self.out)?;
        let length = 2 * self.separator.window();
        match self.part {
            Part::Stem(index) => self.out.copy_within(index * length..(index + 1) * length, 0),
            Part::Rest => {
                let (first, others) = self.out.split_at_mut(length);
                for (at, (sample, mix)) in first.iter_mut().zip(input.into_iter().flatten()).enumerate() {
                    let others = others.iter().skip(at).step_by(length);
                    *sample = others.fold(mix - *sample, |rest, other| rest - other);
                }
            }
        }
        Ok(())
    }

    /// The ensemble's stem, after [`Member::separate`].
    fn stem(&self) -> &[f32] {
        &self.out[..2 * self.separator.window()]
    }
}

impl Part {
    fn of(manifest: &Manifest, stem: &str) -> Option<Self> {
        let predicted = manifest.stems.iter().position(|s| s == stem).map(Self::Stem);
        predicted.or_else(|| (manifest.complement.as_deref() == Some(stem)).then_some(Self::Rest))
    }
}

/// A member's peak as a share of the ensemble's. A job's gain comes from the ensemble's peak, so the member's
/// can be told from it as long as the ensemble's is not larger.
fn headroom(member: Option<f32>, ensemble: Option<f32>) -> Result<Option<f32>, String> {
    match (member, ensemble) {
        (None, _) => Ok(None),
        (Some(member), Some(ensemble)) if member >= ensemble => Ok(Some(member / ensemble)),
        (Some(member), _) => {
            Err(format!("has peak {member}: the ensemble must have the least peak of its members"))
        }
    }
}

fn mean_of_samples(members: &[Member], out: &mut [f32]) {
    out.fill(0.0);
    for member in members {
        for (sum, sample) in out.iter_mut().zip(member.stem()) {
            *sum += sample * member.share;
        }
    }
}

impl Spectra {
    fn new(window: usize) -> Self {
        let framing = Framing::covering(N_FFT, HOP, window);
        let (frames, bins) = (framing.frames, framing.bins());
        Self {
            stft: Stft::new(framing, bins),
            sum: Rows::new(frames, bins),
            magnitudes: vec![0.0; frames * bins],
            bins,
        }
    }

    fn mean(&mut self, members: &[Member], out: &mut [f32]) -> Result<(), SeparateError> {
        let window = self.stft.window();
        for (side, channel) in out.chunks_exact_mut(window).enumerate() {
            self.sum.clear();
            self.magnitudes.fill(0.0);
            for member in members {
                self.add(&member.stem()[side * window..][..window], member.share)?;
            }
            self.give(channel)?;
        }
        Ok(())
    }

    fn add(&mut self, channel: &[f32], share: f32) -> Result<(), SeparateError> {
        let Self { stft, sum, magnitudes, bins } = self;
        stft.forward(channel, share, |block, spectra| {
            let rows = sum.of_mut(block).zip(magnitudes[block.first * *bins..].chunks_exact_mut(*bins));
            for ((sums, magnitudes), spectrum) in rows.zip(spectra.chunks_exact(*bins)) {
                for ((sum, magnitude), bin) in sums.iter_mut().zip(magnitudes).zip(spectrum) {
                    *sum += bin;
                    *magnitude += bin.norm_sqr().sqrt();
                }
            }
        })?;
        Ok(())
    }

    fn give(&mut self, channel: &mut [f32]) -> Result<(), SeparateError> {
        let Self { stft, sum, magnitudes, bins } = self;
        stft.inverse(1.0, channel, |block, spectra| {
            sum.load(block, spectra);
            let rows = magnitudes[block.first * *bins..].chunks_exact(*bins).take(block.count);
            for (spectrum, magnitudes) in spectra.chunks_exact_mut(*bins).zip(rows) {
                for (bin, magnitude) in spectrum.iter_mut().zip(magnitudes) {
                    let sum = bin.norm_sqr().sqrt();
                    // Where the members cancel each other there is no phase: nothing is nearest to all.
                    *bin *= if sum > 0.0 { magnitude / sum } else { 0.0 };
                }
            }
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_members_gain_follows_from_that_of_the_ensemble() {
        assert_eq!(headroom(None, Some(0.9)), Ok(None));
        assert_eq!(headroom(Some(0.9), Some(0.9)), Ok(Some(1.0)));
        assert_eq!(headroom(Some(0.8), Some(0.4)), Ok(Some(2.0)));
        assert!(headroom(Some(0.8), Some(0.9)).is_err());
        assert!(headroom(Some(0.9), None).is_err());
    }
}
