//! Lyrics by the API: who may read and write them, what is refused, and that they stay.

use karaoke_tests::sound::song;
use karaoke_tests::{Api, Program, Settings};
use reqwest::Method;
use serde_json::{Value, json};

const LRC: &str = "[offset:+100]\n[00:01.10]<00:01.10>One <00:01.60>and\n[00:02.10]two\n[00:03.10]\n";

async fn put(api: &Api, track: &karaoke_tests::api::Track, body: impl Into<reqwest::Body>) -> (u16, Value) {
    let answer = api.about(Method::PUT, track, "/lyrics").body(body).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn lyrics_are_put_read_kept_and_removed() {
    let program = Program::start(Settings::default().set("models.default", "identity"));
    let api = program.api();
    let track = api.accepted("song.wav", song(2.0, 44_100).wav_16(), "identity").await;
    assert_eq!(api.until_state(&track, "done").await["lyrics"], Value::Null);
    let absent = api.about(Method::GET, &track, "/lyrics").send().await.expect("an answer");
    assert_eq!(Api::problem(absent).await.0, 404);

    let (status, body) = put(&api, &track, LRC).await;
    let lines = json!([
        { "start_s": 1.0, "text": "One and", "words": [{ "start_s": 1.0, "text": "One " }, { "start_s": 1.5, "text": "and" }] },
        { "start_s": 2.0, "end_s": 3.0, "text": "two" },
    ]);
    assert_eq!(
        (status, &body),
        (200, &json!({ "synced": true, "lines": lines, "source": "user", "unread_lines": [] }))
    );
    let view = api.show(&track).await;
    assert_eq!(view["lyrics"]["synced"], true, "{view}");

    let program = program.kill_and_restart();
    let api = program.api();
    let read = api.json(api.about(Method::GET, &track, "/lyrics")).await;
    assert_eq!(read, json!({ "synced": true, "lines": lines, "source": "user" }));
    let text = api.about(Method::GET, &track, "/lyrics?format=lrc").send().await.expect("an answer");
    let expected = "[00:01.00]<00:01.00>One <00:01.50>and\n[00:02.00]two\n[00:03.00]\n";
    assert_eq!(text.text().await.expect("text"), expected);

    let (_, plain) = put(&api, &track, "\u{FEFF}caf\u{e9}").await;
    assert_eq!((&plain["synced"], &plain["lines"]), (&json!(false), &json!([{ "text": "café" }])));
    let gone = api.about(Method::DELETE, &track, "/lyrics").send().await.expect("an answer");
    assert_eq!(gone.status(), 204);
    assert_eq!(api.show(&track).await["lyrics"], Value::Null);
    let again = api.about(Method::DELETE, &track, "/lyrics").send().await.expect("an answer");
    assert_eq!(Api::problem(again).await.0, 404);
}

#[tokio::test]
async fn what_is_no_lyrics_is_refused_and_strangers_are_kept_out() {
    let program = Program::start(Settings::default().set("models.default", "identity"));
    let api = program.api();
    let track = api.accepted("song.wav", song(1.0, 44_100).wav_16(), "identity").await;
    put(&api, &track, LRC).await;
    for (body, status) in [
        (Vec::new(), 422),
        (b"[ar:Nobody]\n[00:01.00]\n".to_vec(), 422),
        (b"RIFF\0\0\0\0WAVE".to_vec(), 422),
        (vec![b'x'; 300 << 10], 413),
    ] {
        let answer = api.about(Method::PUT, &track, "/lyrics").body(body).send().await.expect("an answer");
        assert_eq!(Api::problem(answer).await.0, status);
    }
    let path = format!("/api/v1/tracks/{}/lyrics", track.id);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = api.request(method.clone(), &path).body("x").send().await.expect("an answer");
        assert_eq!(Api::problem(answer).await.0, 401, "{method}");
        let wrong = api.request(method.clone(), &path).header("X-Track-Passcode", "wrong").body("x");
        assert_eq!(Api::problem(wrong.send().await.expect("an answer")).await.0, 404, "{method}");
    }
    assert_eq!(api.json(api.about(Method::GET, &track, "/lyrics")).await["lines"][1]["text"], "two");
}
