//! Deadlines: told at once whether they can be met, kept before other work, and shown when missed.

use karaoke_tests::sound::song;
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings, Track};
use reqwest::Method;
use serde_json::Value;

/// Two workers that take a fifth of a second for each window of 1.1 s.
fn slow() -> Settings {
    Settings::default()
        .set("worker.workers", 2)
        .set("chunking.windows_per_chunk", 1)
        .set("simulation.window_seconds", 0.2)
}

async fn upload(api: &Api, seconds: f64, deadline_s: u32) -> (Track, Value) {
    let deadline = deadline_s.to_string();
    let query = [("name", "song.wav"), ("model", "identity"), ("deadline_s", &deadline)];
    let request = api.request(Method::POST, "/api/v1/tracks").query(&query);
    let answer = request.body(song(seconds, 44_100).wav_16()).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let body: Value = answer.json().await.unwrap();
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    (Track { id: text("id"), passcode: text("passcode") }, body["deadline"].clone())
}

#[tokio::test]
async fn who_hands_a_song_in_learns_at_once_whether_it_will_be_in_time() {
    let program = Program::start(slow());
    let api = program.api();
    let first = api.accepted("first.wav", song(8.0, 44_100).wav_16(), "identity").await;
    let view = api.until_state(&first, "done").await;
    assert_eq!(view["deadline"], Value::Null, "nobody asked for one");

    let (easy, told) = upload(&api, 20.0, 3600).await;
    assert_eq!(told["status"], "likely", "{told}");
    assert!(told["expected_at"].as_str() < told["at"].as_str(), "{told}");
    assert_eq!(api.until_state(&easy, "done").await["deadline"]["status"], "met");

    // 109 windows of 0.2 s on two workers are 11 s.
    let (hard, told) = upload(&api, 120.0, 2).await;
    assert_eq!(told["status"], "unlikely", "{told}");
    until("it is missed", || async {
        (api.show(&hard).await["deadline"]["status"] == "missed").then_some(())
    })
    .await;
    assert_eq!(api.show(&hard).await["state"], "separating", "it goes on all the same");
    until("the log tells", || async { program.log().contains("deadline missed").then_some(()) }).await;
    assert_eq!(api.until_state(&hard, "done").await["deadline"]["status"], "missed");
}

#[tokio::test]
async fn the_nearest_deadline_goes_first_and_nobody_is_starved() {
    let program = Program::start(slow());
    let api = program.api();
    let patient = api.accepted("patient.wav", song(60.0, 44_100).wav_16(), "identity").await;
    api.until_state(&patient, "separating").await;
    let (later, _) = upload(&api, 12.0, 3600).await;
    let (sooner, _) = upload(&api, 12.0, 1800).await;
    api.until_state(&sooner, "done").await;
    let done = |view: &Value| view["chunks_done"].as_u64().unwrap();
    let (of_later, of_patient) = (api.show(&later).await, api.show(&patient).await);
    assert!(done(&of_later) < of_later["chunks_total"].as_u64().unwrap(), "{of_later}");
    assert!(done(&of_patient) > 0 && of_patient["state"] == "separating", "{of_patient}");
    api.until_state(&later, "done").await;
    assert_eq!(api.show(&patient).await["state"], "separating");
    api.until_state(&patient, "done").await;
}
