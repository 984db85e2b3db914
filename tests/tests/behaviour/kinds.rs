//! Whatever the kind of a model, and however little its network sees: no sample of the song is in no stem.

use karaoke_tests::Settings;
use karaoke_tests::program::{command, root};
use karaoke_tests::sound::{Sound, song};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const STEREO_PAIR: &str = "stems = ['vocals']\ncomplement = 'instrumental'";
const TWO: &str = "stems = ['vocals', 'instrumental']";
const THREE: &str = "stems = ['vocals', 'drums', 'other']\nsums = { instrumental = ['drums', 'other'] }";

/// Name, networks, stems and numbers of a model of each kind. Those of spectra see half the band, where a kind can.
const MODELS: [(&str, &[&str], &str, &str); 6] = [
    ("mdx", &["half"], STEREO_PAIR, "[mdx]\nn_fft = 1024\nhop = 256\ndim_f = 256\ndim_t = 40\n"),
    (
        "spleeter",
        &["whole", "half"],
        TWO,
        "[spleeter]\nn_fft = 64\nhop = 16\ndim_f = 16\ndim_t = 64\nframes = 50\n",
    ),
    ("umx", &["half"], STEREO_PAIR, "[umx]\nn_fft = 512\nhop = 128\ndim_t = 64\n"),
    ("roformer", &["mask_half_and_turned"], TWO, "[roformer]\nn_fft = 512\nhop = 128\ndim_t = 64\n"),
    (
        "waveform",
        &["branches"],
        THREE,
        "[waveform]\nsegment = 2000\nnormalise = true\nspectrum = { n_fft = 256, hop = 64 }\n",
    ),
    ("ensemble", &[], STEREO_PAIR, "[ensemble]\nmembers = ['umx', 'umx']\n"),
];

/// A folder with all of them.
fn models() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let networks = root().join("audio-worker/src/tests/networks");
    for (name, files, stems, numbers) in MODELS {
        let paths: Vec<_> = files.iter().map(|file| networks.join(format!("{file}.onnx"))).collect();
        let (file, more) = match &paths[..] {
            [] => (String::new(), String::new()),
            [one] => {
                std::fs::copy(one, dir.path().join(format!("{name}.onnx"))).unwrap();
                (format!("{name}.onnx"), String::new())
            }
            several => {
                let zip = dir.path().join(format!("{name}.zip"));
                let made =
                    Command::new("python3").args(["-m", "zipfile", "-c"]).arg(&zip).args(several).status();
                assert!(made.is_ok_and(|status| status.success()));
                (format!("{name}.zip"), format!("networks = {files:?}\n"))
            }
        };
        let source = match file.as_str() {
            "" => String::new(),
            file => format!("file = '{file}'\nsha256 = '{}'\n", sha256(&dir.path().join(file))),
        };
        let text = format!(
            "name = '{name}'\ntitle = 'T'\nkind = '{name}'\n{source}{more}licence = 'MIT'\n\
             sample_rate = 44100\noverlap = 0.25\n{stems}\n{numbers}"
        );
        std::fs::write(dir.path().join(format!("{name}.toml")), text).unwrap();
    }
    dir
}

fn sha256(path: &Path) -> String {
    let out = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8_lossy(&out.stdout).split_whitespace().next().unwrap_or_default().to_owned()
}

fn stems(dir: &Path, models: &Path, model: &str, bits: &str) -> Vec<(String, Vec<f32>)> {
    let arguments = ["separate", "song.wav", "-m", model, "-o", "out", "-q", "--force", "--bits", bits];
    let settings = Settings::default().models(models);
    let out = command(&settings).current_dir(dir).args(arguments).output().unwrap();
    assert!(out.status.success(), "{model}: {}", String::from_utf8_lossy(&out.stderr));
    let paths = String::from_utf8_lossy(&out.stdout).into_owned();
    let read = |path: &str| Sound::from_wav(&std::fs::read(dir.join(path)).unwrap()).samples;
    paths.lines().map(|path| (path.to_owned(), read(path))).collect()
}

#[test]
fn models_of_every_kind_give_all_of_the_song() {
    let (models, dir) = (models(), tempfile::tempdir().unwrap());
    let wav = song(2.0, 44_100).wav_16();
    std::fs::write(dir.path().join("song.wav"), &wav).unwrap();
    let mix = Sound::from_wav(&wav).samples;
    for (model, _, _, _) in MODELS {
        for bits in ["16", "float"] {
            let stems = stems(dir.path(), models.path(), model, bits);
            let is_sum = |name: &str| model == "waveform" && name.contains("Instrumental");
            let sums = (0..mix.len()).map(|at| {
                stems
                    .iter()
                    .filter(|(name, _)| !is_sum(name))
                    .map(|(_, samples)| f64::from(samples[at]))
                    .sum::<f64>()
            });
            let worst = sums.zip(&mix).map(|(sum, mix)| (sum - f64::from(*mix)).abs()).fold(0.0, f64::max);
            // Integers are exact; floats are rounded once for each stem.
            let most = if bits == "16" { 0.0 } else { 1e-6 };
            assert!(worst <= most, "{model}, {bits}: {worst} of full scale is in no stem");
            let vocals = &stems.iter().find(|(name, _)| name.contains("Vocals")).unwrap().1;
            assert!(vocals.iter().any(|s| s.abs() > 0.01), "{model}: there is a voice");
        }
    }
}
