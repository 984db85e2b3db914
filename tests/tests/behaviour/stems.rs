//! A model with six stems, whose replies go in parts, and a stem that is the sum of five: bit for bit.

use karaoke_tests::program::{command, root};
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::{Program, Settings};
use reqwest::Method;

/// What the stems are of the song; the last is the sum of all but the first.
const FRACTIONS: [(&str, f32); 7] = [
    ("vocals", 0.5),
    ("drums", 0.25),
    ("bass", 0.125),
    ("guitar", 0.0625),
    ("piano", 0.03125),
    ("other", 0.03125),
    ("instrumental", 0.5),
];

fn six() -> Settings {
    Settings::default().models(&root().join("tests/models")).set("models.default", "six")
}

/// A song of 16-bit samples: products and sums with these fractions are exact.
fn a_song(seconds: f64) -> (Vec<u8>, Sound) {
    let wav = song(seconds, 44_100).wav_16();
    let sound = Sound::from_wav(&wav);
    (wav, sound)
}

fn is_fraction(stem: &Sound, fraction: f32, of: &Sound) -> bool {
    stem.samples.len() == of.samples.len()
        && stem.samples.iter().zip(&of.samples).all(|(got, s)| got.to_bits() == (s * fraction).to_bits())
}

#[tokio::test]
async fn every_stem_of_six_and_their_sum_come_back_bit_for_bit() {
    // One stem of one window fits the default message, six do not.
    let program = Program::start(six().set("simulation.double_replies", 0.3));
    let api = program.api();
    let (wav, sound) = a_song(25.0);
    let track = api.accepted("song.wav", wav, "six").await;
    // Asked for while it is being separated: the sum is streamed as any stem.
    let early = Sound::from_wav(&api.stem(&track, "instrumental.wav?bits=float").await);
    let view = api.until_state(&track, "done").await;
    let names: Vec<_> =
        view["stems"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["instrumental", "vocals", "drums", "bass", "guitar", "piano", "other"]);
    for (stem, fraction) in FRACTIONS {
        let got = Sound::from_wav(&api.stem(&track, &format!("{stem}.wav?bits=float")).await);
        assert!(is_fraction(&got, fraction, &sound), "{stem} is not {fraction} of the song");
    }
    assert!(is_fraction(&early, 0.5, &sound), "the sum was another while the song was separated");
    assert!(program.log().contains("part kept"), "replies went in parts");
    let flac = api.stem(&track, "instrumental.flac").await;
    assert_eq!(&flac[..4], b"fLaC");
    let unknown = api.about(Method::GET, &track, "/stems/choir.wav").send().await.unwrap();
    assert_eq!(unknown.status(), 404);
}

#[tokio::test]
async fn parts_that_are_lost_are_asked_for_again() {
    let lossy =
        six().set("simulation.drop_replies", 0.15).set("simulation.seed", 3).set("dispatch.lease_s", 1);
    let program = Program::start(lossy);
    let api = program.api();
    let (wav, sound) = a_song(25.0);
    let track = api.accepted("song.wav", wav, "six").await;
    api.until_state(&track, "done").await;
    for (stem, fraction) in FRACTIONS {
        let got = Sound::from_wav(&api.stem(&track, &format!("{stem}.wav?bits=float")).await);
        assert!(is_fraction(&got, fraction, &sound), "{stem} is not {fraction} of the song");
    }
    assert!(
        program.log().contains("copy is sent") || program.log().contains("sent again"),
        "nothing was lost"
    );
}

#[test]
fn the_command_line_writes_every_stem_and_the_sum() {
    let dir = tempfile::tempdir().unwrap();
    let (wav, sound) = a_song(9.0);
    std::fs::write(dir.path().join("song.wav"), wav).unwrap();
    // Several windows a chunk, and several stems a message.
    let settings = six()
        .set("chunking.windows_per_chunk", 3)
        .set("chunking.max_message_bytes", 9_000_000)
        .set("worker.workers", 2);
    let arguments = ["separate", "song.wav", "-o", "out", "--bits", "float", "-q"];
    let out = command(&settings).current_dir(dir.path()).args(arguments).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    for (stem, fraction) in FRACTIONS {
        let name = format!("out/song ({}{}).wav", stem[..1].to_uppercase(), &stem[1..]);
        let got = Sound::from_wav(&std::fs::read(dir.path().join(name)).unwrap());
        assert!(is_fraction(&got, fraction, &sound), "{stem} is not {fraction} of the song");
    }
}

/// A loud song of 16 bits that its maker has driven into clipping, and its samples.
fn a_clipped_song(seconds: f64) -> (Vec<u8>, Vec<i32>) {
    let mut sound = song(seconds, 44_100);
    sound.samples.iter_mut().for_each(|s| *s = (*s * 4.0).clamp(-1.0, 32_767.0 / 32_768.0));
    let wav = sound.wav_16();
    let samples = hound::WavReader::new(&wav[..]).unwrap().into_samples::<i16>();
    (wav.clone(), samples.map(|s| i32::from(s.unwrap())).collect())
}

#[test]
fn stems_of_a_clipped_song_add_up_to_the_bit() {
    let dir = tempfile::tempdir().unwrap();
    let (wav, song) = a_clipped_song(9.0);
    std::fs::write(dir.path().join("song.wav"), wav).unwrap();
    for (format, bits, scale) in
        [("wav", "16", 1), ("flac", "16", 1), ("wav", "24", 256), ("flac", "24", 256)]
    {
        let arguments = ["separate", "song.wav", "-o", "out", "-f", format, "--bits", bits, "-q", "--force"];
        let out = command(&Settings::default()).current_dir(dir.path()).args(arguments).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let [vocals, instrumental] = ["Vocals", "Instrumental"].map(|stem| {
            // Another program's decoder is the judge.
            let file = dir.path().join(format!("out/song ({stem}).{format}"));
            let raw = std::process::Command::new("ffmpeg")
                .args(["-v", "error", "-i"])
                .arg(file)
                .args(["-f", "s32le", "-"])
                .output()
                .unwrap();
            let shift = if bits == "16" { 16 } else { 8 };
            raw.stdout.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b) >> shift).collect::<Vec<i32>>()
        });
        assert_eq!(vocals.len(), song.len(), "{format}, {bits} bits");
        let off =
            vocals.iter().zip(&instrumental).zip(&song).filter(|((v, i), s)| *v + *i != *s * scale).count();
        assert_eq!(off, 0, "{format}, {bits} bits: samples that do not add up");
        assert!(vocals.iter().any(|v| *v != 0), "there is a voice");
    }
}
