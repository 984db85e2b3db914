//! A folder of models in which something is missing or wrong.

use crate::shell::text;
use karaoke_tests::Api;
use karaoke_tests::program::{command, root};
use karaoke_tests::sound::song;
use karaoke_tests::{Program, Settings};
use reqwest::Method;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

/// A folder with the model `identity` alone, and beside it a song.
fn only_identity() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let models = dir.path().join("models");
    std::fs::create_dir(&models).unwrap();
    for name in ["identity.toml", "identity.onnx"] {
        std::fs::copy(root().join("models").join(name), models.join(name)).unwrap();
    }
    std::fs::write(dir.path().join("song.wav"), song(0.5, 44_100).wav_16()).unwrap();
    dir
}

fn run(dir: &Path, arguments: &[&str]) -> Output {
    let settings = Settings::default().models(&dir.join("models"));
    command(&settings).current_dir(dir).args(arguments).output().expect("the program runs")
}

#[test]
fn the_default_model_matters_only_to_who_does_not_choose() {
    let dir = only_identity();
    let out = run(dir.path(), &["separate", "song.wav", "-m", "identity", "-o", "out"]);
    assert!(out.status.success(), "{}", text(&out.stderr));
    let out = run(dir.path(), &["separate", "song.wav", "-o", "out"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("`builtin`"), "{}", text(&out.stderr));
}

#[tokio::test]
async fn a_server_without_its_default_model_serves_those_who_choose() {
    let dir = only_identity();
    // Nor does it know what it is to fetch.
    let settings =
        Settings::default().models(&dir.path().join("models")).set("models.fetch", "[\"standard\"]");
    let program = Program::start(settings);
    let api = Api::new(&program.url);
    let wav = song(0.5, 44_100).wav_16();
    let track = api.accepted("song.wav", wav.clone(), "identity").await;
    api.until_state(&track, "done").await;
    let offer = api.json(api.request(Method::GET, "/api/v1/models")).await;
    assert!(offer["default"].is_null(), "{offer}");
    let answer = api.request(Method::POST, "/api/v1/tracks?name=song.wav").body(wav).send().await.unwrap();
    let (status, _, detail) = Api::problem(answer).await;
    assert_eq!(status, 422);
    assert!(detail.contains("`builtin`"), "{detail}");
}

#[test]
fn a_wrong_manifest_is_left_out_with_a_warning() {
    let dir = only_identity();
    std::fs::write(dir.path().join("models/wrong.toml"), "name = 3").unwrap();
    std::fs::write(dir.path().join("models/bytes.toml"), b"\xFF\xFE").unwrap();
    let out = run(dir.path(), &["separate", "song.wav", "-m", "identity", "-o", "out"]);
    let stderr = text(&out.stderr);
    assert!(out.status.success(), "{stderr}");
    for file in ["wrong.toml", "bytes.toml"] {
        assert_eq!(stderr.lines().filter(|line| line.contains(file)).count(), 1, "{stderr}");
    }
    let listed = text(&run(dir.path(), &["models", "list"]).stdout);
    let broken = listed.split("Broken").nth(1).unwrap_or_default();
    assert!(broken.contains("wrong.toml") && broken.contains("bytes.toml"), "{listed}");
    let json = run(dir.path(), &["models", "list", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["broken"].as_array().map(Vec::len), Some(2), "{json}");
    let out = run(dir.path(), &["separate", "song.wav", "-m", "wrong", "-o", "other"]);
    assert!(text(&out.stderr).contains("cannot be used"), "{}", text(&out.stderr));
}
