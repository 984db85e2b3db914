//! A backup that is made while a server works is a store from which another one goes on.

use crate::shell::{files, text};
use karaoke_tests::program::command;
use karaoke_tests::sound::song;
use karaoke_tests::{Program, Settings};
use reqwest::Method;
use serde_json::json;
use std::path::Path;
use std::process::Output;

fn back_up(store: &Path, to: &Path) -> Output {
    let settings = Settings::default().set("store.dir", store.display());
    command(&settings).arg("backup").arg(to).output().expect("the program runs")
}

#[tokio::test]
async fn a_backup_of_a_working_server_restores_every_finished_song_bit_for_bit() {
    let settings = Settings::default().set("simulation.window_seconds", 0.1).set("worker.workers", 1);
    let program = Program::start(settings.set("chunking.windows_per_chunk", 1));
    let api = program.api();
    let done = api.accepted("done.wav", song(5.0, 48_000).wav_float(), "centre").await;
    api.until_state(&done, "done").await;
    let lyrics = api.about(Method::PUT, &done, "/lyrics").body("[00:01.00]One\n[00:02.00]Two\n");
    assert!(lyrics.send().await.expect("an answer").status().is_success());
    let names = ["vocals.wav?bits=float", "instrumental.wav?bits=float", "vocals.flac"];
    let mut stems = Vec::new();
    for name in names {
        stems.push(api.stem(&done, name).await);
    }
    let running = api.accepted("running.wav", song(120.0, 44_100).wav_16(), "identity").await;
    api.until_state(&running, "separating").await;

    let dir = tempfile::tempdir().expect("a folder");
    let to = dir.path().join("store");
    let out = back_up(&program.store(), &to);
    let said = text(&out.stdout);
    assert!(out.status.success(), "{}", text(&out.stderr));
    assert!(said.contains("1 finished") && said.contains("in work are not: 1"), "{said}");
    assert_eq!(files(dir.path()), ["store"]);
    let again = back_up(&program.store(), &to);
    assert!(again.status.code() == Some(1) && text(&again.stderr).contains("is there already"));
    // The server has not noticed.
    assert_eq!(api.show(&running).await["state"], "separating");
    drop(program);

    let restored = Program::start_on(Settings::default(), dir);
    let api = restored.api();
    assert_eq!(api.show(&done).await["state"], "done");
    for (name, stem) in names.into_iter().zip(stems) {
        assert!(api.stem(&done, name).await == stem, "{name} differs");
    }
    let lyrics = api.about(Method::GET, &done, "/lyrics").send().await.expect("an answer");
    assert!(lyrics.text().await.expect("a body").contains("Two"));
    assert_eq!(api.about(Method::GET, &running, "").send().await.expect("an answer").status(), 404);
    // It is a store like any other.
    let next = api.accepted("next.wav", song(0.5, 44_100).wav_16(), "identity").await;
    assert_eq!(api.until_state(&next, "done").await["error"], json!(null));
}

#[test]
fn without_a_store_there_is_no_backup() {
    let dir = tempfile::tempdir().expect("a folder");
    let out = back_up(&dir.path().join("nothing"), &dir.path().join("to"));
    let said = text(&out.stderr);
    assert!(out.status.code() == Some(1) && said.contains("there is no store in"), "{said}");
    assert_eq!(files(dir.path()), [""; 0]);
}
