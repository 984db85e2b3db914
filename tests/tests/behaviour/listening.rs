//! Hearing a song while it is being separated.

use karaoke_tests::sound::{Sound, song};
use karaoke_tests::{Api, Program, Settings, api::Track};
use reqwest::Method;

const HEADER: usize = 44;
const SECOND: usize = 44_100 * 4;

fn slow() -> Program {
    let settings = Settings::default().set("simulation.window_seconds", 0.25).set("worker.workers", 1);
    Program::start(settings.set("chunking.windows_per_chunk", 1))
}

async fn range(api: &Api, track: &Track, from: usize, to: usize) -> Vec<u8> {
    let request = api.about(Method::GET, track, "/stems/instrumental.wav");
    let answer = request.header("range", format!("bytes={from}-{}", to - 1)).send().await.unwrap();
    assert_eq!(answer.status(), 206);
    answer.bytes().await.unwrap().to_vec()
}

#[tokio::test]
async fn the_start_plays_long_before_the_end_is_done() {
    let program = slow();
    let api = program.api();
    let wav = song(60.0, 44_100).wav_16();
    let track = api.accepted("song.wav", wav.clone(), "identity").await;
    let first = range(&api, &track, 0, HEADER + SECOND).await;
    assert!(first == wav[..HEADER + SECOND], "header and first second are those of the song");
    let view = api.show(&track).await;
    assert_eq!(view["state"], "separating");
    assert!(
        view["ready_until_s"].as_f64().unwrap() >= 1.0 && view["progress"].as_f64().unwrap() < 0.5,
        "{view}"
    );
}

#[tokio::test]
async fn what_a_listener_seeks_to_is_separated_next() {
    let program = slow();
    let api = program.api();
    let wav = song(60.0, 44_100).wav_16();
    let track = api.accepted("song.wav", wav.clone(), "identity").await;
    api.until_state(&track, "separating").await;
    let from = HEADER + 50 * SECOND;
    assert!(range(&api, &track, from, from + SECOND).await == wav[from..from + SECOND]);
    let view = api.show(&track).await;
    assert!(view["progress"].as_f64().unwrap() < 0.5, "the rest can wait: {view}");
}

#[tokio::test]
async fn a_whole_download_begun_early_is_the_whole_stem() {
    let program = Program::start(Settings::default().set("simulation.window_seconds", 0.02));
    let api = program.api();
    let song = song(30.0, 44_100);
    let track = api.accepted("song.wav", song.wav_float(), "identity").await;
    api.until_state(&track, "separating").await;
    let (wav, mp3) =
        tokio::join!(api.stem(&track, "instrumental.wav?bits=float"), api.stem(&track, "instrumental.mp3"));
    assert!(Sound::from_wav(&wav).bits() == song.bits());
    assert!(mp3.len() > 30 * 20_000, "{}", mp3.len());
}

#[tokio::test]
async fn at_another_rate_early_and_late_listeners_get_the_same_bits() {
    let program = slow();
    let api = program.api();
    let track = api.accepted("song.wav", song(20.0, 48_000).wav_16(), "centre").await;
    api.until_state(&track, "separating").await;
    let early = api.stem(&track, "vocals.wav?bits=float").await;
    api.until_state(&track, "done").await;
    assert!(early == api.stem(&track, "vocals.wav?bits=float").await);
}

#[tokio::test]
async fn a_cancel_ends_a_waiting_request() {
    let program = slow();
    let api = program.api();
    let track = api.accepted("song.wav", song(60.0, 44_100).wav_16(), "identity").await;
    api.until_state(&track, "separating").await;
    let waiting = api.about(Method::GET, &track, "/stems/vocals.wav").send().await.unwrap();
    api.json(api.about(Method::POST, &track, "/cancel")).await;
    assert!(waiting.bytes().await.is_err(), "the rest will never come");
}
