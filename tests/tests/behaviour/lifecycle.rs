//! A track's life: uploads, refusals, events, cancelling, deleting, dying and coming back.

use karaoke_tests::sound::{Sound, song};
use karaoke_tests::sse::Events;
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings};
use reqwest::Method;

#[tokio::test]
async fn a_song_becomes_stems_that_add_up_to_it() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let song = song(20.0, 44_100);
    let track = api.accepted("My Song.wav", song.wav_float(), "centre").await;
    let view = api.until_state(&track, "done").await;
    assert_eq!(view["progress"], 1.0);
    assert_eq!(view["file_name"], "My Song.wav");
    let vocals = Sound::from_wav(&api.stem(&track, "vocals.wav?bits=float").await);
    let instrumental = Sound::from_wav(&api.stem(&track, "instrumental.wav?bits=float").await);
    let rest = song.minus(&instrumental).minus(&vocals);
    assert!(rest.peak() < 1e-6, "the stems do not add up: {}", rest.peak());
    assert!(vocals.level_db() > -50.0, "there is a voice in the middle: {}", vocals.level_db());
}
