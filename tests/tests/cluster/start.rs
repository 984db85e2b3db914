//! What is refused at the start, in one clear line, and what a machine with other files does.

use karaoke_tests::cluster::{quick, server, sum, workers};
use karaoke_tests::program::{command, root};
use karaoke_tests::sound::song;
use karaoke_tests::{Broker, Settings};
use sha2::{Digest, Sha256};
use std::path::Path;

/// Runs a program that cannot start: returns the line it says, and checks that it is one and the exit 1.
fn refusal(settings: &Settings, arguments: &[&str], dir: &Path) -> String {
    let mut command = command(settings);
    command
        .args(arguments)
        .current_dir(dir)
        .env("KARAOKE__STORE__DIR", dir.join("store"))
        .env("RUST_LOG", "off");
    let out = command.output().expect("the program runs");
    assert_eq!(out.status.code(), Some(1), "{arguments:?}");
    let said = String::from_utf8(out.stderr).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn a_wrong_login_is_one_line_for_server_and_worker() {
    let place = Broker::shared().virtual_host("wrong-login");
    let dir = tempfile::tempdir().unwrap();
    let url = place.urls.server.replace("karaoke-server:", "karaoke-server:not");
    let settings = Settings::default().set("broker.url", url);
    for role in [["server", "--port", "0"], ["worker", "--workers", "1"]] {
        let said = refusal(&settings, &role, dir.path());
        assert!(said.contains("refuse") && !said.contains("not"), "{said}");
    }
}

#[test]
fn messages_that_do_not_fit_into_a_frame_are_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings::default().set("chunking.max_message_bytes", 5_000_000);
    let said = refusal(&settings, &["server", "--port", "0"], dir.path());
    assert!(said.contains("broker.max_frame_bytes"), "{said}");
    let settings = Settings::default().set("chunking.max_message_bytes", 100_000);
    let said = refusal(&settings, &["server", "--port", "0"], dir.path());
    assert!(said.contains("builtin"), "{said}");
}

#[test]
fn a_store_is_one_servers() {
    let place = Broker::shared().virtual_host("one-store");
    let first = server(&quick(), &place.urls);
    let settings = Settings::default().set("broker.url", &place.urls.server);
    let mut command = command(&settings);
    command.args(["server", "--port", "0"]).env("KARAOKE__STORE__DIR", first.store()).env("RUST_LOG", "off");
    let out = command.output().expect("the program runs");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.code() == Some(1) && said.contains("another karaoke server"), "{said}");
}

#[tokio::test]
async fn a_machine_with_another_file_of_the_model_hands_its_chunks_to_others() {
    let place = Broker::shared().virtual_host("other-file");
    let server = server(&quick(), &place.urls);
    let models = tempfile::tempdir().unwrap();
    // Another file of that name, whole and well: only not the one that the server means.
    let mut file = std::fs::read(root().join("models/identity.onnx")).unwrap();
    let good = hex::encode(Sha256::digest(&file));
    // An unknown field at the end of a protocol buffer is skipped.
    file.extend([0xa2, 0x06, 0x01, b'x']);
    let manifest = std::fs::read_to_string(root().join("models/identity.toml")).unwrap();
    let manifest = manifest.replace(&good, &hex::encode(Sha256::digest(&file)));
    std::fs::write(models.path().join("identity.onnx"), file).unwrap();
    std::fs::write(models.path().join("identity.toml"), manifest).unwrap();
    let _wrong = workers(&quick().models(models.path()), &place.urls, "wrong", 1);
    let _right = workers(&quick(), &place.urls, "right", 1);
    let api = server.api();
    let track = api.accepted("song.wav", song(15.0, 44_100).wav_16(), "identity").await;
    api.until_state(&track, "done").await;
    assert!(server.log().contains("chunk handed back") && server.log().contains(&good), "{}", server.log());
    assert!(sum(&api, "failures").await >= 1);
}
