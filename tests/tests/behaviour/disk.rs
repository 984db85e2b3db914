//! Room on the disk: old songs go for new ones, kept ones never, and what has no room is refused before it is taken.

use karaoke_tests::sound::song;
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings, Track};
use reqwest::Method;
use serde_json::Value;

async fn done(api: &Api, name: &str, seconds: f64) -> Track {
    let track = api.accepted(name, song(seconds, 44_100).wav_16(), "identity").await;
    api.until_state(&track, "done").await;
    track
}

async fn status(api: &Api, track: &Track) -> u16 {
    api.about(Method::GET, track, "").send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_oldest_finished_song_makes_room_and_kept_ones_stay() {
    // Five seconds take 2 × 1.8 MB when they are done, and twice as much with their layers before.
    let program = Program::start(Settings::default().set("store.max_bytes", 16_000_000));
    let api = program.api();
    let kept = done(&api, "kept.wav", 5.0).await;
    let answer = api.about(Method::PUT, &kept, "/keep").send().await.unwrap();
    assert_eq!(answer.json::<Value>().await.unwrap()["kept"], true);
    let oldest = done(&api, "oldest.wav", 5.0).await;
    let mut others = Vec::new();
    for n in 0..4 {
        others.push(done(&api, &format!("{n}.wav"), 5.0).await);
    }
    until("there is room again", || async { (status(&api, &oldest).await == 404).then_some(()) }).await;
    assert_eq!(status(&api, &kept).await, 200, "it was older, and is kept");
    assert_eq!(status(&api, others.last().unwrap()).await, 200);
    assert!(program.log().contains("removed to make room"), "the log says so");
    let bytes: u64 =
        program.audio_files().iter().filter_map(|path| path.metadata().ok()).map(|m| m.len()).sum();
    assert!(bytes <= 16_000_000, "{bytes}");
    // It may go again.
    api.about(Method::DELETE, &kept, "/keep").send().await.unwrap();
    for n in 0..4 {
        done(&api, &format!("more {n}.wav"), 5.0).await;
    }
    assert_eq!(status(&api, &kept).await, 404);
}

#[tokio::test]
async fn what_has_no_room_is_refused_before_it_is_taken_and_nothing_is_removed_for_it() {
    let program = Program::start(Settings::default().set("store.max_bytes", 12_000_000));
    let api = program.api();
    let here = done(&api, "here.wav", 5.0).await;
    let large = song(100.0, 44_100).wav_16();
    let refused = api.upload_raw("large.wav", large.clone(), "identity").await;
    let (code, title, detail) = Api::problem(refused).await;
    assert_eq!((code, title.as_str()), (507, "No room"), "{detail}");
    let begun = api.request(Method::POST, "/api/v1/uploads").header("tus-resumable", "1.0.0");
    let begun = begun.header("upload-length", large.len().to_string()).send().await.unwrap();
    assert_eq!(begun.status(), 507);
    // Small as a file, and too large for its stems: known once it is decoded.
    let refused = api.upload_raw("long.wav", song(24.0, 44_100).wav_16(), "identity").await;
    assert_eq!(Api::problem(refused).await.0, 507);
    assert_eq!(status(&api, &here).await, 200, "it would not have helped");
    done(&api, "short.wav", 5.0).await;
}

#[tokio::test]
async fn the_operator_may_decide_alone_what_is_kept() {
    let settings = Settings::default().set("store.owners_keep", false).set("http.admin_key", "admin-key");
    let program = Program::start(settings);
    let api = program.api();
    let track = done(&api, "a.wav", 1.0).await;
    let refused = api.about(Method::PUT, &track, "/keep").send().await.unwrap();
    assert_eq!(Api::problem(refused).await.1, "Not offered");
    let request = api.about(Method::PUT, &track, "/keep").header("x-admin-key", "admin-key");
    assert_eq!(request.send().await.unwrap().status(), 200);
    assert_eq!(api.show(&track).await["kept"], true);
}
