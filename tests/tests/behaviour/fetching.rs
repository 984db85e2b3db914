//! Models that are fetched while a server serves.

use karaoke_tests::models::identity_and_late;
use karaoke_tests::program::root;
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until;
use karaoke_tests::{Api, FileServer, Program, ServedFile, Settings};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

/// A folder with `identity` installed and `late` to be had at `url`; the preset `standard` stands for the better of them.
fn folder(url: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    identity_and_late(dir.path(), &format!("{url}/late.onnx"));
    let preset =
        "[[preset]]\nname='standard'\ntitle='Standard'\ndescription='.'\nmodels=['late', 'identity']\n";
    std::fs::write(dir.path().join("presets.toml"), preset).unwrap();
    dir
}

fn settings(dir: &TempDir) -> Settings {
    let settings = Settings::default().models(dir.path());
    settings.set("models.default", "standard").set("models.fetch", "[\"standard\"]")
}

async fn offer(api: &Api) -> Value {
    api.json(api.request(Method::GET, "/api/v1/models")).await
}

/// Uploads a song without choosing a model; the model that it got, after its first stem was compared with the song.
async fn model_of_a_song(api: &Api, song: &Sound) -> Value {
    let track = api.accepted("song.wav", song.wav_float(), "").await;
    let view = api.until_state(&track, "done").await;
    let stem = api.stem(&track, "instrumental.wav?bits=float").await;
    assert_eq!(Sound::from_wav(&stem).bits(), song.bits());
    view["model"].clone()
}

#[tokio::test]
async fn a_better_model_is_fetched_while_songs_are_taken_and_used_once_it_is_there() {
    let files = FileServer::start();
    let network = std::fs::read(root().join("models/identity.onnx")).unwrap();
    files.put("/late.onnx", ServedFile::File(network.clone()));
    files.hold();
    let dir = folder(&files.url);
    let program = Program::start(settings(&dir));
    let (api, song) = (program.api(), song(1.0, 44_100));
    let fetching = until("half of it has come", || async {
        let fetching = offer(&api).await["fetching"].clone();
        (fetching[0]["have"].as_u64()? > 0).then_some(fetching)
    })
    .await;
    assert_eq!(fetching[0]["name"], "late");
    assert_eq!(fetching[0]["total"], network.len() as u64);
    let meanwhile = offer(&api).await;
    assert_eq!(
        (&meanwhile["default"], &meanwhile["default_preset"]),
        (&"identity".into(), &"standard".into())
    );
    assert_eq!(model_of_a_song(&api, &song).await, "identity");
    files.release();
    until("it is there", || async {
        let offer = offer(&api).await;
        (offer["default"] == "late" && offer["fetching"] == serde_json::json!([])).then_some(())
    })
    .await;
    assert_eq!(model_of_a_song(&api, &song).await, "late");
}

#[tokio::test]
async fn where_nothing_can_be_fetched_songs_are_taken_all_the_same() {
    // A mirror that has nothing fails at once, as a machine without a network does in the end.
    let (dir, mirror) = (folder("http://127.0.0.1:9"), tempfile::tempdir().unwrap());
    let program = Program::start(settings(&dir).set("models.mirror", mirror.path().display()));
    let api = program.api();
    let why = until("it says that it waits", || async {
        offer(&api).await["fetching"][0]["waiting"].as_str().map(str::to_owned)
    })
    .await;
    assert!(why.contains("mirror"), "{why}");
    assert_eq!(model_of_a_song(&api, &song(1.0, 44_100)).await, "identity");
    assert!(program.log().contains("not to be had now"), "{}", program.log());
    // Somebody copies it from another machine.
    std::fs::copy(root().join("models/identity.onnx"), dir.path().join("late.onnx")).unwrap();
    until("it is noticed", || async {
        let offer = offer(&api).await;
        (offer["default"] == "late" && offer["fetching"] == serde_json::json!([])).then_some(())
    })
    .await;
}
