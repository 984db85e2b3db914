//! With the identity model, what comes out is what went in.

use karaoke_core::Manifest;
use karaoke_tests::program::root;
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::{Program, Settings};
use reqwest::Method;

#[tokio::test]
async fn at_the_models_rate_the_stem_is_the_input_bit_for_bit() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let song = song(20.0, 44_100);
    let track = api.accepted("song.wav", song.wav_float(), "identity").await;
    let view = api.until_state(&track, "done").await;
    assert_eq!(view["samples"], song.frames());
    let out = Sound::from_wav(&api.stem(&track, "instrumental.wav?bits=float").await);
    assert_eq!(out.rate, 44_100);
    assert!(out.bits() == song.bits(), "the stem differs from the song");
    let vocals = Sound::from_wav(&api.stem(&track, "vocals.wav?bits=float").await);
    assert!(vocals.samples.iter().all(|s| *s == 0.0), "the complement of everything is silence");
}

#[tokio::test]
async fn at_another_rate_length_is_exact_and_the_error_below_100_db() {
    let program = Program::start(Settings::default());
    let api = program.api();
    for (rate, seconds) in [(48_000, 12.34567), (32_000, 3.3), (96_000, 4.0)] {
        let song = song(seconds, rate);
        let track = api.accepted("song.wav", song.wav_float(), "identity").await;
        api.until_state(&track, "done").await;
        let out = Sound::from_wav(&api.stem(&track, "instrumental.wav?bits=float").await);
        assert_eq!((out.rate, out.frames()), (rate, song.frames()));
        let error = inside(&out.minus(&song)).level_db();
        assert!(error < -100.0, "{rate} Hz: error {error:.1} dB");
    }
}

#[tokio::test]
async fn a_file_too_short_for_one_sample_at_the_models_rate_ends_all_the_same() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let one = Sound { rate: 96_000, samples: vec![0.5, 0.5] };
    let track = api.accepted("one.wav", one.wav_float(), "identity").await;
    api.until_state(&track, "done").await;
    let out = Sound::from_wav(&api.stem(&track, "vocals.wav?bits=float").await);
    assert_eq!((out.rate, out.frames()), (96_000, 1));
}

/// The identity model, but shown windows behind the end of a song as Demucs is.
fn centred() -> tempfile::TempDir {
    let (dir, models) = (tempfile::tempdir().unwrap(), root().join("models"));
    let text = std::fs::read_to_string(models.join("identity.toml")).unwrap() + "tail = \"centred\"\n";
    assert_eq!(Manifest::parse(&text).unwrap().windowing(0.25).tail, karaoke_core::tail::Tail::Centred);
    std::fs::write(dir.path().join("identity.toml"), text).unwrap();
    std::fs::copy(models.join("identity.onnx"), dir.path().join("identity.onnx")).unwrap();
    dir
}

#[tokio::test]
async fn windows_that_are_moved_back_at_the_end_change_no_bit_of_songs_of_any_length() {
    const WINDOW: usize = 65_536;
    let models = centred();
    // Seven eighths: at the end up to eight windows stick out.
    for (overlap, windows_per_chunk) in [(0.25, 1), (0.25, 3), (0.875, 5)] {
        let settings = Settings::default()
            .models(models.path())
            .set("models.default", "identity")
            .set("chunking.overlap", overlap)
            .set("chunking.windows_per_chunk", windows_per_chunk)
            // With one window a chunk, no more than that fits a message.
            .set("chunking.max_message_bytes", if windows_per_chunk == 1 { WINDOW * 8 } else { 1 << 22 });
        let program = Program::start(settings);
        let api = program.api();
        let song = song(6.0, 44_100);
        for frames in [1, 2, 1001, WINDOW - 1, WINDOW, WINDOW + 1, 3 * WINDOW / 4 + 1, 4 * WINDOW, 264_599] {
            let cut = Sound { rate: song.rate, samples: song.samples[..2 * frames].to_vec() };
            let track = api.accepted("song.wav", cut.wav_float(), "identity").await;
            api.until_state(&track, "done").await;
            let out = Sound::from_wav(&api.stem(&track, "instrumental.wav?bits=float").await);
            assert!(out.bits() == cut.bits(), "overlap {overlap}: {frames} frames came back changed");
        }
    }
}

/// Without the first and last 50 ms, where a resampler sees the silence around the song.
fn inside(sound: &Sound) -> Sound {
    let edge = sound.rate as usize / 20 * 2;
    Sound { rate: sound.rate, samples: sound.samples[edge..sound.samples.len() - edge].to_vec() }
}

#[tokio::test]
async fn sixteen_bit_files_come_back_bit_for_bit_as_wav_and_flac() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let wav = song(5.0, 44_100).wav_16();
    let track = api.accepted("song.wav", wav.clone(), "identity").await;
    let out = api.stem(&track, "instrumental.wav").await;
    assert_eq!(Sound::from_wav(&out), Sound::from_wav(&wav));
    let flac = api.stem(&track, "instrumental.flac").await;
    assert_eq!(&flac[..4], b"fLaC");
    assert_eq!(decode(&flac), Sound::from_wav(&wav));
}

#[tokio::test]
async fn mp3_is_as_long_as_the_song_and_sounds_like_it() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let song = song(5.0, 44_100);
    let track = api.accepted("song.wav", song.wav_float(), "identity").await;
    let out = decode(&api.stem(&track, "instrumental.mp3").await);
    assert_eq!(out.frames(), song.frames());
    let snr = song.level_db() - out.minus(&song).level_db();
    assert!(snr > 20.0, "SNR {snr:.1} dB");
}

/// Decodes with an independent decoder.
fn decode(bytes: &[u8]) -> Sound {
    let dir = tempfile::tempdir().expect("a folder");
    let (from, to) = (dir.path().join("in"), dir.path().join("out.wav"));
    std::fs::write(&from, bytes).expect("written");
    let status = std::process::Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(&from)
        .args(["-c:a", "pcm_f32le"])
        .arg(&to)
        .status()
        .expect("ffmpeg (make test installs it)");
    assert!(status.success());
    Sound::from_wav(&std::fs::read(to).expect("decoded"))
}

#[tokio::test]
async fn any_range_of_a_wav_is_that_part_of_the_whole() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let song = song(3.0, 44_100);
    let track = api.accepted("song.wav", song.wav_float(), "identity").await;
    for file in ["instrumental.wav", "instrumental.wav?bits=24", "vocals.wav?bits=float", "instrumental.mp3"]
    {
        let whole = api.stem(&track, file).await;
        let n = whole.len();
        for (from, to) in [(0, 0), (0, 43), (40, 60), (1001, 70_001), (n - 7, n - 1)] {
            let request = api.about(Method::GET, &track, &format!("/stems/{file}"));
            let answer =
                request.header("range", format!("bytes={from}-{to}")).send().await.expect("an answer");
            assert_eq!(answer.status(), 206);
            assert_eq!(answer.headers()["content-range"], format!("bytes {from}-{to}/{n}"));
            assert!(answer.bytes().await.expect("a body") == whole[from..=to], "{file} {from}-{to}");
        }
        let beyond = api.about(Method::GET, &track, &format!("/stems/{file}"));
        let answer = beyond.header("range", format!("bytes={n}-")).send().await.expect("an answer");
        assert_eq!(answer.status(), 416);
    }
}
