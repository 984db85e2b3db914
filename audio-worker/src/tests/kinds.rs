//! Every kind with networks that are formulas (`networks/make.py`), so that the result is known in closed form.

use super::{bits, noise, runtime};
use crate::kinds::{self, SeparateError, Separator};
use crate::runtime::{Loader, RuntimeError};
use karaoke_core::Manifest;
use karaoke_models::{Catalogue, Weights, sha256};
use std::f32::consts::PI;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const MDX: &str = "[mdx]\nn_fft = 64\nhop = 16\ndim_f = 33\ndim_t = 40\n";
const SPLEETER: &str = "[spleeter]\nn_fft = 64\nhop = 16\ndim_f = 33\ndim_t = 64\nframes = 50\n";
const UMX: &str = "[umx]\nn_fft = 512\nhop = 128\ndim_t = 64\n";
/// Long enough transforms for the tones to have nothing in the lowest bin, which is zeroed.
const ROFORMER: &str = "[roformer]\nn_fft = 512\nhop = 128\ndim_t = 64\n";
const HYBRID: &str = "[waveform]\nsegment = 2000\nnormalise = true\nspectrum = { n_fft = 256, hop = 64 }\n";

fn network(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/networks").join(format!("{name}.onnx"))
}

/// A manifest of the kind that the table of numbers is of.
fn manifest(name: &str, network_name: &str, stems: &str, numbers: &str) -> String {
    let kind = &numbers[1..numbers.find(']').unwrap()];
    let sha256 = sha256(&network(network_name)).unwrap();
    format!(
        "name = '{name}'\ntitle = 'T'\nkind = '{kind}'\nfile = '{network_name}.onnx'\nsha256 = '{sha256}'\n\
         licence = 'MIT'\nsample_rate = 44100\noverlap = 0.25\n{stems}\n{numbers}"
    )
}

/// A folder of models: manifests, and the networks they name.
fn catalogue(manifests: &[String]) -> (TempDir, Catalogue) {
    let dir = tempfile::tempdir().unwrap();
    for text in manifests {
        let manifest = Manifest::parse(text).unwrap();
        std::fs::write(dir.path().join(format!("{}.toml", manifest.name)), text).unwrap();
        std::fs::copy(network(manifest.file.trim_end_matches(".onnx")), dir.path().join(&manifest.file))
            .unwrap();
    }
    let catalogue = Catalogue::open(dir.path()).unwrap();
    (dir, catalogue)
}

/// Opens a model of one network.
fn open(network_name: &str, stems: &str, numbers: &str) -> Result<Box<dyn Separator>, SeparateError> {
    let (_dir, catalogue) = catalogue(&[manifest("m", network_name, stems, numbers)]);
    kinds::open(&Loader::new(runtime(), 1), &catalogue, catalogue.get("m").unwrap())
}

/// Opens a model of several networks.
fn open_all(networks: &[&str], stems: &str, numbers: &str) -> Result<Box<dyn Separator>, SeparateError> {
    let manifest = Manifest::parse(&manifest("m", networks[0], stems, numbers)).unwrap();
    let weights: Vec<_> = networks.iter().map(|name| Weights::File(network(name))).collect();
    kinds::with_weights(&Loader::new(runtime(), 1), &weights, &manifest)
}

/// An ensemble of the models in `members`, with more lines of TOML for it.
fn ensemble(members: &[String], more: &str) -> Result<Box<dyn Separator>, SeparateError> {
    let (_dir, catalogue) = catalogue(members);
    let names: Vec<String> =
        members.iter().map(|text| format!("'{}'", Manifest::parse(text).unwrap().name)).collect();
    let text = format!(
        "name = 'e'\ntitle = 'E'\nkind = 'ensemble'\nlicence = 'MIT'\nsample_rate = 44100\noverlap = 0.25\n\
         stems = ['vocals']\n{more}\nmembers = [{}]\n",
        names.join(", ")
    );
    kinds::open(&Loader::new(runtime(), 1), &catalogue, &Manifest::parse(&text).unwrap())
}

fn refusal(result: Result<Box<dyn Separator>, SeparateError>) -> SeparateError {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error,
    }
}

fn separate(separator: &mut dyn Separator, input: &[Vec<f32>; 2], gain: f32) -> Vec<f32> {
    let mut out = vec![f32::NAN; 2 * separator.stems() * separator.window()];
    separator.separate([&input[0], &input[1]], gain, &mut out).unwrap();
    out
}

/// Two tones, different left and right, that fade in and out: next to nothing at 0 Hz and the highest bin, and
/// nothing at the ends.
fn tones(length: usize) -> [Vec<f32>; 2] {
    let tone = |cycles: f32, i: usize| (2.0 * PI * cycles * i as f32 / length as f32).sin();
    let fade = |i: usize| tone(0.5, i).powi(4);
    let channel = |a: f32, b: f32| {
        (0..length).map(|i| fade(i) * (0.5 * tone(a, i) + 0.3 * tone(b, i))).collect::<Vec<f32>>()
    };
    let (low, high) = (length as f32 / 7.3, length as f32 / 4.1);
    [channel(low, high), channel(low * 0.9, high * 1.1)]
}

/// How far `got`, a stem, is from `factor` times the input, in dB of the input.
fn error_db(got: &[f32], input: &[Vec<f32>; 2], factor: f32) -> f64 {
    let energy = |x: &mut dyn Iterator<Item = f32>| x.map(|s| f64::from(s).powi(2)).sum::<f64>();
    let mix = || input.iter().flatten();
    let error = energy(&mut got.iter().zip(mix()).map(|(got, mix)| got - factor * mix));
    10.0 * (error.max(1e-30) / energy(&mut mix().copied())).log10()
}

/// Every stem of the model is that factor times the input, at −100 dB and at any gain.
fn assert_scales(mut separator: Box<dyn Separator>, factors: &[f32]) {
    let window = separator.window();
    let input = tones(window);
    assert_eq!(separator.stems(), factors.len());
    for gain in [1.0, 0.3] {
        let out = separate(&mut *separator, &input, gain);
        for (stem, factor) in out.chunks_exact(2 * window).zip(factors) {
            let error = error_db(stem, &input, *factor);
            assert!(error < -100.0, "{factor} at gain {gain}: {error:.1} dB");
        }
    }
}

#[test]
fn mdx_scales_what_its_network_scales() {
    // The lowest three bins of 33 are muted, which the tones' sidelobes reach: hence longer transforms.
    let numbers = "[mdx]\nn_fft = 1024\nhop = 256\ndim_f = 513\ndim_t = 40\n";
    assert_scales(open("whole", "stems = ['vocals']", numbers).unwrap(), &[1.0]);
    assert_scales(open("half", "stems = ['vocals']\ncompensation = 1.5", numbers).unwrap(), &[0.75]);
}

#[test]
fn spleeter_shares_the_mix_out() {
    let stems = "stems = ['vocals', 'accompaniment']";
    assert_scales(open_all(&["whole", "nothing"], stems, SPLEETER).unwrap(), &[1.0, 0.0]);
    assert_scales(open_all(&["half", "half"], stems, SPLEETER).unwrap(), &[0.5, 0.5]);
    assert_scales(open_all(&["nothing", "nothing"], stems, SPLEETER).unwrap(), &[0.5, 0.5]);
    // Squares: 1 against 1/4.
    assert_scales(open_all(&["whole", "half"], stems, SPLEETER).unwrap(), &[0.8, 0.2]);
    let three = "stems = ['a', 'b', 'c']";
    assert_scales(open_all(&["nothing", "nothing", "nothing"], three, SPLEETER).unwrap(), &[1.0 / 3.0; 3]);
}

#[test]
fn one_network_may_estimate_all_stems_of_a_spleeter() {
    let stems = "stems = ['vocals', 'accompaniment']";
    assert_scales(open("both", stems, SPLEETER).unwrap(), &[0.8, 0.2]);
    let centred = SPLEETER.replace("frames = 50\n", "");
    let separator = open("both", stems, &centred).unwrap();
    assert_eq!(separator.window(), 16 * 63, "as an MDX-Net of as many FFTs");
    assert_scales(separator, &[0.8, 0.2]);
    let refused = refusal(open("half", stems, SPLEETER));
    assert!(refused.to_string().contains("output"), "{refused}");
}

#[test]
fn above_the_bins_that_it_sees_spleeter_follows_the_highest_of_them() {
    let numbers = SPLEETER.replace("dim_f = 33", "dim_f = 16");
    let mut separator = open_all(&["whole", "half"], "stems = ['a', 'b']", &numbers).unwrap();
    let window = separator.window();
    let tone: Vec<f32> =
        (0..window).map(|i| (PI * 0.9 * i as f32).sin() + (PI * 0.4 * i as f32).sin()).collect();
    let out = separate(&mut *separator, &[tone.clone(), tone.clone()], 1.0);
    let middle = window / 4..window / 2;
    for (sample, mix) in out[middle.clone()].iter().zip(&tone[middle]) {
        assert!((sample - 0.8 * mix).abs() < 1e-3, "{sample} of {mix}");
    }
}

#[test]
fn umx_gives_what_it_estimates_the_phase_of_the_mix() {
    assert_scales(open("whole", "stems = ['vocals']", UMX).unwrap(), &[1.0]);
    let four = "stems = ['vocals', 'drums', 'bass', 'other']";
    let networks = ["half", "nothing", "whole", "turned_half"];
    assert_scales(open_all(&networks, four, UMX).unwrap(), &[0.5, 0.0, 1.0, -0.5]);
}

#[test]
fn umx_sees_magnitudes() {
    // y = |x|², so that a mix twice as loud gives four times as much.
    let mut separator = open("square", "stems = ['vocals']", UMX).unwrap();
    let input = tones(separator.window());
    let louder = input.clone().map(|channel| channel.iter().map(|s| 2.0 * s).collect::<Vec<_>>());
    let (once, twice) = (separate(&mut *separator, &input, 1.0), separate(&mut *separator, &louder, 1.0));
    let once = [once[..input[0].len()].to_vec(), once[input[0].len()..].to_vec()];
    assert!(error_db(&twice, &once, 4.0) < -100.0);
}

#[test]
fn roformer_masks_the_spectrum() {
    assert_scales(open("mask_whole", "stems = ['vocals']", ROFORMER).unwrap(), &[1.0]);
}

#[test]
fn roformers_masks_are_complex() {
    let stems = "stems = ['vocals', 'other']";
    let mut separator = open("mask_half_and_turned", stems, ROFORMER).unwrap();
    let window = separator.window();
    let phase = |i: usize| 2.0 * PI * 0.11 * i as f32;
    let channel = |of: fn(f32) -> f32| (0..window).map(|i| of(phase(i))).collect::<Vec<f32>>();
    let (cos, sin) = (channel(f32::cos), channel(f32::sin));
    let out = separate(&mut *separator, &[cos.clone(), sin.clone()], 1.0);
    // Times i turns cos into −sin and sin into cos; away from the ends, where the tones are not reflected.
    let middle = window / 4..window * 3 / 4;
    let wants = [(&cos, 0.5), (&sin, 0.5), (&sin, -1.0), (&cos, 1.0)];
    for (got, (want, factor)) in out.chunks_exact(window).zip(wants) {
        for (got, want) in got[middle.clone()].iter().zip(&want[middle.clone()]) {
            assert!((got - factor * want).abs() < 1e-3, "{got} for {factor} times {want}");
        }
    }
}

#[test]
fn the_branches_of_a_hybrid_are_added() {
    let separator = open("branches", "stems = ['a', 'b', 'c']", HYBRID).unwrap();
    assert_scales(separator, &[1.0, 1.0, 0.75]);
    // A segment that is no whole number of hops.
    let odd = HYBRID.replace("2000", "1987").replace("normalise = true", "normalise = false");
    assert_scales(open("branches", "stems = ['a', 'b', 'c']", &odd).unwrap(), &[1.0, 1.0, 0.75]);
}

#[test]
fn at_an_end_of_the_track_the_level_is_that_of_the_sound_alone() {
    let stems = "stems = ['a', 'b', 'vocals']";
    let members = ["x", "y"].map(|name| manifest(name, "branches", stems, HYBRID));
    let both = ensemble(&members, "[ensemble]").unwrap();
    for (mut separator, stem) in [(open("branches", stems, HYBRID).unwrap(), 2), (both, 0)] {
        let (window, sound) = (separator.window(), 600..1400);
        let part: Vec<f32> = noise(1, window).iter().map(|s| 0.5 + 0.1 * s).collect();
        let mut input = vec![0.0; window];
        input[sound.clone()].copy_from_slice(&part[sound.clone()]);
        let mean = part[sound.clone()].iter().sum::<f32>() / sound.len() as f32;
        let mut out = vec![f32::NAN; 2 * separator.stems() * window];
        separator.separate_edge([&input, &input], sound.clone(), 1.0, &mut out).unwrap();
        for (at, got) in out[2 * stem * window..][..window].iter().enumerate() {
            // Three quarters of what is left without the level, which is put back everywhere.
            let want = if sound.contains(&at) { 0.75 * (part[at] - mean) + mean } else { mean };
            // The highest bin is not seen, and noise has some of it; the level of the window would be off by 0.3.
            assert!((got - want).abs() < 0.01, "stem {stem} at {at}: {got}, not {want}");
        }
    }
}

#[test]
fn a_refined_model_sees_the_mix_and_what_its_base_makes_of_it() {
    let numbers = "[spleeter]\nn_fft = 1024\nhop = 256\ndim_f = 300\ndim_t = 40\nlevel = 0.1\n";
    let base = manifest("base", "both", "stems = ['vocals', 'accompaniment']", numbers);
    let digest = sha256(&network("both")).unwrap();
    let refined = |digest: &str, dim_t: usize| {
        let numbers = format!(
            "[refined]\nbase = 'base'\nbase_sha256 = '{digest}'\nn_fft = 1024\nhop = 256\ndim_f = 513\ndim_t = {dim_t}\n"
        );
        catalogue(&[base.clone(), manifest("m", "share", "stems = ['vocals']", &numbers)])
    };
    let (_dir, catalogue) = refined(&digest, 40);
    let own = catalogue.get("m").unwrap();
    assert_eq!(catalogue.files(own).iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["base", "m"]);
    // The base gives its input, and half of it.
    assert_scales(kinds::open(&Loader::new(runtime(), 1), &catalogue, own).unwrap(), &[2.0 / 3.0]);
    for (digest, dim_t, why) in [("0".repeat(64), 40, "another file"), (digest, 44, "numbers")] {
        let (_dir, catalogue) = refined(&digest, dim_t);
        let [broken] = catalogue.broken() else { panic!("{:?}", catalogue.broken()) };
        assert!(broken.reason.contains(why), "{}", broken.reason);
    }
}

#[test]
fn the_level_that_networks_are_shown_a_window_at_is_always_the_same() {
    let numbers = "[spleeter]\nn_fft = 64\nhop = 16\ndim_f = 33\ndim_t = 64\nlevel = 0.2\n";
    let mut separator = open_all(&["square", "whole"], "stems = ['a', 'b']", numbers).unwrap();
    let loud = tones(separator.window());
    let quiet = loud.clone().map(|channel| channel.iter().map(|s| s * 0.01).collect::<Vec<_>>());
    let [of_loud, of_quiet] = [loud, quiet].map(|input| separate(&mut *separator, &input, 1.0));
    let error = of_loud.iter().zip(&of_quiet).map(|(a, b)| (a * 0.01 - b).abs()).fold(0.0, f32::max);
    assert!(error < 1e-7, "{error}: a mask of squares depends on the level");
    let silence = [vec![0.0; separator.window()], vec![0.0; separator.window()]];
    assert!(separate(&mut *separator, &silence, 1.0).iter().all(|s| *s == 0.0));
}

#[test]
fn members_of_an_ensemble_count_what_their_weights_say() {
    let [whole, half] = ["whole", "half"].map(|name| manifest(name, name, "stems = ['vocals']", UMX));
    let of = |more: &str| ensemble(&[whole.clone(), half.clone()], more).unwrap();
    assert_scales(of("[ensemble]\nweights = [3, 1]"), &[0.875]);
    assert_scales(of("[ensemble]\nweights = [0.1, 0.4]\nmean = 'spectrum'"), &[0.6]);
    for wrong in ["[1]", "[1, 0]", "[1, -1]", "[1, inf]"] {
        let error = Manifest::parse(&format!(
            "name = 'e'\ntitle = 'E'\nkind = 'ensemble'\nlicence = ''\nsample_rate = 44100\noverlap = 0.25\n\
             stems = ['vocals']\n[ensemble]\nmembers = ['a', 'b']\nweights = {wrong}\n"
        ));
        assert!(error.unwrap_err().to_string().contains("weights"), "{wrong}");
    }
}

#[test]
fn an_ensemble_is_the_mean_of_its_members() {
    let whole = manifest("whole", "whole", "stems = ['vocals']", UMX);
    let half = manifest("half", "half", "stems = ['vocals']\ncompensation = 1.5", UMX);
    assert_scales(ensemble(&[whole.clone(), half], "[ensemble]").unwrap(), &[0.875]);
    // One that predicts the other stem, and one whose stem is not its first.
    let rest = manifest("rest", "half", "stems = ['instrumental']\ncomplement = 'vocals'", UMX);
    let second = manifest("second", "mask_half_and_turned", "stems = ['vocals', 'x']", ROFORMER);
    assert_scales(ensemble(&[whole.clone(), rest, second], "[ensemble]").unwrap(), &[2.0 / 3.0]);
    // What is neither of two stems.
    let neither = manifest("neither", "branches", "stems = ['a', 'b', 'c']\ncomplement = 'vocals'", HYBRID);
    let wave = HYBRID.replace("n_fft = 256, hop = 64", "n_fft = 512, hop = 128");
    let other = manifest("other", "branches", "stems = ['vocals', 'a', 'b']", &wave);
    assert_scales(ensemble(&[neither, other], "[ensemble]").unwrap(), &[(1.0 - 2.75 + 1.0) / 2.0]);
}

#[test]
fn a_mean_of_spectra_is_one_of_magnitudes() {
    let long = "[umx]\nn_fft = 64\nhop = 16\ndim_t = 1000\n";
    let whole = manifest("whole", "whole", "stems = ['vocals']", long);
    let half = manifest("half", "half", "stems = ['vocals']", long);
    let turned = manifest("turned", "turned_half", "stems = ['vocals']", long);
    let spectrum = "[ensemble]\nmean = 'spectrum'";
    assert_scales(ensemble(&[whole.clone(), half], spectrum).unwrap(), &[0.75]);
    assert_scales(ensemble(&[whole.clone(), turned.clone()], spectrum).unwrap(), &[0.75]);
    assert_scales(ensemble(&[whole, turned], "[ensemble]").unwrap(), &[0.25]);
}

#[test]
fn members_that_do_not_go_together_are_refused() {
    let vocals = manifest("a", "whole", "stems = ['vocals']", UMX);
    let refuse = |other: String, more: &str, word: &str| {
        let refused = refusal(ensemble(&[vocals.clone(), other], more));
        assert!(
            matches!(refused, SeparateError::Mismatch(_)) && refused.to_string().contains(word),
            "{refused}"
        );
    };
    let longer = UMX.replace("dim_t = 64", "dim_t = 65");
    refuse(manifest("b", "whole", "stems = ['vocals']", &longer), "[ensemble]", "windows of 8192 frames");
    let slower = manifest("b", "whole", "stems = ['vocals']", UMX).replace("44100", "48000");
    refuse(slower, "[ensemble]", "48000 Hz");
    refuse(manifest("b", "whole", "stems = ['drums']", UMX), "[ensemble]", "no stem `vocals`");
    let loud = manifest("b", "whole", "stems = ['vocals']\npeak = 0.5", UMX);
    refuse(loud.clone(), "[ensemble]", "peak 0.5");
    refuse(loud.clone(), "peak = 0.9\n[ensemble]", "peak 0.5");
    ensemble(&[vocals.clone(), loud], "peak = 0.5\n[ensemble]").map(drop).unwrap();
}

#[test]
fn a_karaoke_model_may_predict_what_is_to_go_or_what_is_to_stay() {
    let numbers = "[mdx]\nn_fft = 1024\nhop = 256\ndim_f = 513\ndim_t = 40\n";
    // UVR_MDXNET_KARA predicts the lead voice, UVR_MDXNET_KARA_2 all the rest, backing vocals among it.
    let lead = manifest("lead", "half", "stems = ['vocals']\ncomplement = 'instrumental'", numbers);
    let rest = manifest("rest", "half", "stems = ['instrumental']\ncomplement = 'vocals'", numbers);
    for (text, stems) in [(&lead, ["vocals", "instrumental"]), (&rest, ["instrumental", "vocals"])] {
        let (_dir, catalogue) = catalogue(std::slice::from_ref(text));
        let manifest = catalogue.installed().next().unwrap();
        assert_eq!(manifest.all_stems().collect::<Vec<_>>(), stems);
        assert_scales(kinds::open(&Loader::new(runtime(), 1), &catalogue, manifest).unwrap(), &[0.5]);
    }
    // Both directions together: the lead voice is half of the mix by either.
    assert_scales(ensemble(&[lead, rest], "[ensemble]").unwrap(), &[0.5]);
}

/// A model of each kind, of networks that are no mere factors where that is possible.
fn one_of_each() -> Vec<(&'static str, Box<dyn Separator>)> {
    let one = "stems = ['vocals']";
    let square = manifest("square", "square", one, UMX);
    let rest = manifest("rest", "square", "stems = ['a']\ncomplement = 'vocals'", UMX);
    let members = [square, rest];
    vec![
        ("mdx", open("square", one, MDX).unwrap()),
        ("spleeter", open_all(&["square", "whole"], "stems = ['a', 'b']", SPLEETER).unwrap()),
        ("umx", open_all(&["square", "whole"], "stems = ['a', 'b']", UMX).unwrap()),
        ("roformer", open("mask_half_and_turned", "stems = ['a', 'b']", ROFORMER).unwrap()),
        ("hybrid", open("branches", "stems = ['a', 'b', 'c']", HYBRID).unwrap()),
        ("ensemble", ensemble(&members, "[ensemble]").unwrap()),
        ("ensemble of spectra", ensemble(&members, "[ensemble]\nmean = 'spectrum'").unwrap()),
    ]
}

#[test]
fn a_window_does_not_depend_on_the_windows_before_it() {
    for (kind, mut separator) in one_of_each() {
        let window = separator.window();
        let (input, other) = ([noise(1, window), noise(2, window)], [noise(3, window), noise(4, window)]);
        let first = separate(&mut *separator, &input, 0.7);
        separate(&mut *separator, &other, 1.0);
        assert_eq!(bits(&separate(&mut *separator, &input, 0.7)), bits(&first), "{kind}");
    }
}

#[test]
fn what_is_not_a_number_is_refused_and_forgotten() {
    for (kind, mut separator) in one_of_each() {
        let window = separator.window();
        let good = [noise(1, window), noise(2, window)];
        let want = separate(&mut *separator, &good, 1.0);
        let mut bad = good.clone();
        bad[1][window / 2] = f32::NAN;
        let mut out = vec![0.0; want.len()];
        let refused = separator.separate([&bad[0], &bad[1]], 1.0, &mut out).unwrap_err();
        assert!(matches!(refused, SeparateError::NotFinite), "{kind}: {refused}");
        assert_eq!(bits(&separate(&mut *separator, &good, 1.0)), bits(&want), "{kind}");
    }
}

#[test]
fn silence_stays_silence() {
    for (kind, mut separator) in one_of_each() {
        let silence = [vec![0.0; separator.window()], vec![0.0; separator.window()]];
        let out = separate(&mut *separator, &silence, 1.0);
        assert!(out.iter().all(|s| s.abs() < 1e-6), "{kind}");
    }
}

#[test]
fn buffers_of_another_length_are_refused() {
    for (kind, mut separator) in one_of_each() {
        let (window, samples) = (separator.window(), 2 * separator.stems() * separator.window());
        let (full, mut out) = (vec![0.0; window], vec![0.0; samples]);
        assert!(separator.separate([&full, &full[1..]], 1.0, &mut out).is_err(), "{kind}");
        assert!(separator.separate([&full, &full], 1.0, &mut out[1..]).is_err(), "{kind}");
    }
}

#[test]
fn nothing_but_the_networks_allocates() {
    for (kind, mut separator) in one_of_each() {
        let input = [noise(1, separator.window()), noise(2, separator.window())];
        let mut out = separate(&mut *separator, &input, 1.0);
        separator.infer().unwrap();
        let bare = allocation_counter::measure(|| separator.infer().unwrap());
        let whole = allocation_counter::measure(|| {
            separator.separate([&input[0], &input[1]], 1.0, &mut out).unwrap();
        });
        assert!(
            whole.count_total <= bare.count_total,
            "{kind}: {} for {}",
            whole.count_total,
            bare.count_total
        );
    }
}

#[test]
fn a_network_of_another_shape_is_refused() {
    for (network, numbers) in [
        ("mask_whole", UMX),
        ("whole", ROFORMER),
        ("mask_half_and_turned", ROFORMER),
        ("branches", HYBRID),
        ("whole", HYBRID),
        ("mask_whole", SPLEETER),
        ("branches", MDX),
    ] {
        let refused = refusal(open(network, "stems = ['vocals']", numbers));
        assert!(
            matches!(refused, SeparateError::Runtime(RuntimeError::Shape { .. })),
            "{network}: {refused}"
        );
    }
}

#[test]
fn a_model_needs_a_network_for_each_stem() {
    // A Spleeter's only network may give all stems, but has to.
    for (numbers, why) in [(SPLEETER, "1 outputs"), (UMX, "1 networks for 2 stems")] {
        let refused = refusal(open("whole", "stems = ['vocals', 'accompaniment']", numbers));
        assert!(refused.to_string().contains(why), "{refused}");
    }
    for numbers in [MDX, ROFORMER, HYBRID] {
        let refused = refusal(open_all(&["whole", "half"], "stems = ['vocals']", numbers));
        assert!(refused.to_string().contains("2 networks where one is needed"), "{refused}");
    }
}
