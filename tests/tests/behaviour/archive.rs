//! Several songs as one zip: made of the very files that could be fetched one by one.

use karaoke_tests::api::Track;
use karaoke_tests::sound::song;
use karaoke_tests::{Api, Program, Settings};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};

async fn ask(api: &Api, wish: Value) -> Response {
    api.request(Method::POST, "/api/v1/archive").json(&wish).send().await.expect("an answer")
}

fn keys(tracks: &[&Track]) -> Value {
    tracks.iter().map(|t| json!({ "id": t.id, "passcode": t.passcode })).collect()
}

/// Asks for an archive, fetches it, and gives its files.
async fn files(api: &Api, wish: Value) -> BTreeMap<String, Vec<u8>> {
    let answer = ask(api, wish).await;
    assert_eq!(answer.status(), 201);
    let ticket: Value = answer.json().await.expect("JSON");
    let url = ticket["url"].as_str().expect("an address");
    let fetched = api.request(Method::GET, url).send().await.expect("an answer");
    assert_eq!(fetched.headers()["content-type"], "application/zip");
    assert!(fetched.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    let mut zip = zip::ZipArchive::new(Cursor::new(fetched.bytes().await.expect("a body"))).expect("a zip");
    assert_eq!(ticket["files"], zip.len());
    let count = zip.len();
    let read = |at| {
        let mut file = zip.by_index(at).expect("an entry");
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).expect("whole, by its checksum");
        (file.name().expect("a name").into_owned(), bytes)
    };
    (0..count).map(read).collect()
}

#[tokio::test]
async fn an_archive_holds_the_same_files_as_single_downloads() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let first = api.accepted("Größe.wav", song(4.0, 44_100).wav_16(), "centre").await;
    let second = api.accepted("Größe.wav", song(3.0, 48_000).wav_16(), "centre").await;
    for track in [&first, &second] {
        api.until_state(track, "done").await;
    }
    let both = files(&api, json!({ "tracks": keys(&[&first, &second]), "format": "wav" })).await;
    let names: Vec<&str> = both.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "Größe (Instrumental) (2).wav",
            "Größe (Instrumental).wav",
            "Größe (Vocals) (2).wav",
            "Größe (Vocals).wav"
        ]
    );
    assert!(both["Größe (Vocals).wav"] == api.stem(&first, "vocals.wav").await);
    assert!(both["Größe (Instrumental) (2).wav"] == api.stem(&second, "instrumental.wav").await);
    for format in ["mp3", "flac"] {
        let wish = json!({ "tracks": keys(&[&first]), "stems": ["instrumental"], "format": format });
        let one = files(&api, wish).await;
        let file = api.stem(&first, &format!("instrumental.{format}")).await;
        assert!(one == BTreeMap::from([(format!("Größe (Instrumental).{format}"), file)]), "{format}");
    }
}

#[tokio::test]
async fn it_is_given_only_to_who_knows_the_passcodes_and_only_when_it_is_finished() {
    let program = Program::start(Settings::default().set("simulation.window_seconds", 0.3));
    let api = program.api();
    let done = api.accepted("a.wav", song(0.5, 44_100).wav_16(), "identity").await;
    api.until_state(&done, "done").await;
    let running = api.accepted("b.wav", song(60.0, 44_100).wav_16(), "identity").await;
    let stranger = Track { passcode: running.passcode.clone(), ..done.clone() };
    let unknown = Track { id: "unknown".into(), ..done.clone() };
    let refused = async |wish: Value| Api::problem(ask(&api, wish).await).await.0;
    assert_eq!(refused(json!({ "tracks": keys(&[&done, &stranger]) })).await, 404);
    assert_eq!(refused(json!({ "tracks": keys(&[&unknown]) })).await, 404);
    assert_eq!(refused(json!({ "tracks": keys(&[&done, &running]) })).await, 409);
    assert_eq!(refused(json!({ "tracks": [] })).await, 422);
    assert_eq!(refused(json!({ "tracks": keys(&[&done]), "format": "ogg" })).await, 422);
    assert_eq!(refused(json!({ "tracks": keys(&[&done]), "stems": ["drums"] })).await, 422);
    assert_eq!(refused(json!({ "songs": [] })).await, 422);
    let answer = api.request(Method::GET, "/api/v1/archive/0123").send().await.unwrap();
    assert_eq!(Api::problem(answer).await.0, 404);
}
