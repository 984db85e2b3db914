//! Which family a network looks like, by the shapes that it takes and gives.

use super::onnx::Port;
use karaoke_core::kind::{Branch, Kind};

/// What a network looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// The numbers of its kind that the shapes tell; `None` when it looks like nothing that is known here.
    pub numbers: Option<Numbers>,
    /// What speaks for it, in a sentence.
    pub why: String,
}

/// What the shapes tell of a kind's numbers; `None` where they leave it open.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Numbers {
    /// An MDX-Net.
    Mdx {
        /// Bins that it sees.
        dim_f: u64,
        /// FFTs in a window.
        dim_t: Option<u64>,
    },
    /// Waveforms in and out.
    Waveform {
        /// Frames in a window.
        segment: u64,
        /// Stems that it gives.
        stems: u64,
        /// The numbers of its spectral branch, if it has one.
        spectrum: Option<Branch>,
    },
    /// One of the networks of a Spleeter, or all in one.
    Spleeter {
        /// Bins that it sees.
        dim_f: u64,
        /// FFTs in a window.
        dim_t: u64,
        /// Stems whose magnitudes it gives.
        stems: u64,
    },
    /// Open-Unmix.
    Umx {
        /// FFT length.
        n_fft: u64,
        /// FFTs in a window.
        dim_t: Option<u64>,
    },
    /// A Roformer.
    Roformer {
        /// FFT length.
        n_fft: u64,
        /// FFTs in a window.
        dim_t: u64,
        /// Stems that it gives.
        stems: u64,
    },
}

impl Numbers {
    /// The kind whose numbers they are.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Mdx { .. } => Kind::Mdx,
            Self::Waveform { .. } => Kind::Waveform,
            Self::Spleeter { .. } => Kind::Spleeter,
            Self::Umx { .. } => Kind::Umx,
            Self::Roformer { .. } => Kind::Roformer,
        }
    }
}

/// The largest size that a sensible network has in one dimension.
const SENSIBLE: u64 = 1 << 26;

/// Guesses the family of a network with these ports.
pub(super) fn guess(inputs: &[Port], outputs: &[Port]) -> Family {
    let shapes = |ports: &[Port]| ports.iter().map(Port::fixed).collect::<Option<Vec<_>>>();
    let sensible = |shapes: &Vec<Vec<Option<u64>>>| shapes.iter().flatten().flatten().all(|d| *d <= SENSIBLE);
    let (Some(ins), Some(outs)) = (shapes(inputs).filter(sensible), shapes(outputs).filter(sensible)) else {
        return nothing("the file does not tell the shapes of what it takes and gives");
    };
    let ins: Vec<&[Option<u64>]> = ins.iter().map(Vec::as_slice).collect();
    let outs: Vec<&[Option<u64>]> = outs.iter().map(Vec::as_slice).collect();
    one_to_one(&ins, &outs)
        .or_else(|| magnitudes_of_all(&ins, &outs))
        .or_else(|| branches(&ins, &outs))
        .unwrap_or_else(|| nothing("no family known here takes and gives such shapes"))
}

fn nothing(why: &str) -> Family {
    Family { numbers: None, why: why.to_owned() }
}

fn found(numbers: Numbers, why: &str) -> Option<Family> {
    Some(Family { numbers: Some(numbers), why: why.to_owned() })
}

/// Networks with one input and one output.
fn one_to_one(ins: &[&[Option<u64>]], outs: &[&[Option<u64>]]) -> Option<Family> {
    let ([input], [output]) = (ins, outs) else { return None };
    match (*input, *output) {
        ([_, Some(4), Some(dim_f), dim_t], [_, Some(4), f, t]) if *f == Some(*dim_f) && t == dim_t => {
            let why = "it takes and gives four planes of a spectrogram: left and right, real and imaginary";
            found(Numbers::Mdx { dim_f: *dim_f, dim_t: *dim_t }, why)
        }
        ([_, Some(2), Some(segment)], [_, Some(stems), Some(2), n]) if *n == Some(*segment) => {
            let why = "it takes a stereo waveform and gives one for each stem";
            found(Numbers::Waveform { segment: *segment, stems: *stems, spectrum: None }, why)
        }
        ([_, Some(2), Some(bins), dim_t], [_, Some(2), b, t])
            if *b == Some(*bins) && t == dim_t && is_whole(*bins) =>
        {
            let why = "it takes and gives magnitudes of all bins of an FFT, for left and right";
            found(Numbers::Umx { n_fft: 2 * (bins - 1), dim_t: *dim_t }, why)
        }
        ([Some(2), _, Some(dim_t), Some(dim_f)], [_, _, t, f])
            if (*t, *f) == (Some(*dim_t), Some(*dim_f)) =>
        {
            let why = "it takes and gives magnitudes, left and right first, a network for each stem";
            found(Numbers::Spleeter { dim_f: *dim_f, dim_t: *dim_t, stems: 1 }, why)
        }
        ([_, Some(rows), Some(dim_t), Some(2)], [_, Some(stems), r, t, Some(2)])
            if *r == Some(*rows) && *t == Some(*dim_t) && rows % 2 == 0 && *rows > 4 =>
        {
            let why =
                "it takes the complex bins of both channels as rows, and gives a complex mask for each stem";
            found(Numbers::Roformer { n_fft: rows - 2, dim_t: *dim_t, stems: *stems }, why)
        }
        _ => None,
    }
}

/// A network with an output for each stem of a Spleeter.
fn magnitudes_of_all(ins: &[&[Option<u64>]], outs: &[&[Option<u64>]]) -> Option<Family> {
    let ([input], [first, _, ..]) = (ins, outs) else { return None };
    let ([Some(2), _, Some(dim_t), Some(dim_f)], [_, _, t, f]) = (*input, *first) else { return None };
    if !outs.iter().all(|out| out == first) || (*t, *f) != (Some(*dim_t), Some(*dim_f)) {
        return None;
    }
    let why = "it takes magnitudes, left and right first, and gives those of each stem";
    found(Numbers::Spleeter { dim_f: *dim_f, dim_t: *dim_t, stems: outs.len() as u64 }, why)
}

/// All bins of an FFT whose length is a power of two.
fn is_whole(bins: u64) -> bool {
    bins > 16 && (bins - 1).is_power_of_two()
}

/// Networks that work on a waveform and on its spectrogram, and give both.
fn branches(ins: &[&[Option<u64>]], outs: &[&[Option<u64>]]) -> Option<Family> {
    let segment = ins.iter().find_map(|s| if let [_, Some(2), n] = s { *n } else { None })?;
    let (rows, columns) =
        ins.iter().find_map(|s| if let [_, Some(4), f, t] = s { (*f).zip(*t) } else { None })?;
    let stems = outs.iter().find_map(|s| match s {
        [_, stems, Some(2), n] if *n == Some(segment) => *stems,
        _ => None,
    })?;
    let spectral = |s: &&[Option<u64>]| matches!(s, [_, n, Some(4), f, t] if (*n, *f, *t) == (Some(stems), Some(rows), Some(columns)));
    if !outs.iter().any(spectral) || rows == 0 || columns == 0 {
        return None;
    }
    let hop = [2, 4, 8]
        .map(|part| 2 * rows / part)
        .into_iter()
        .find(|hop| *hop > 0 && segment.div_ceil(*hop) == columns)?;
    let spectrum = Branch { n_fft: usize::try_from(2 * rows).ok()?, hop: usize::try_from(hop).ok()? };
    let why =
        "it takes a stereo waveform and its spectrogram, and gives both for each stem: their sum is the stem";
    found(Numbers::Waveform { segment, stems, spectrum: Some(spectrum) }, why)
}
