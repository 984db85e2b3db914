//! The server dies between any two steps of an upload, a deletion or a message, and everything is whole after the next
//! start: a song is there with all its bits or not at all.

use karaoke_tests::program::root;
use karaoke_tests::receiver::WebhookReceiver;
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::{until, until_sync};
use karaoke_tests::{Api, Program, Settings, Track};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

const UPLOAD: [&str; 10] = [
    "upload.received",
    "upload.adopted",
    "upload.inserted",
    "upload.decoded",
    "finish.begun",
    "finish.part",
    "finish.stem",
    "finish.written",
    "finish.done",
    "finish.tidied",
];
const PARTS: [&str; 8] = [
    "tus.created",
    "tus.synced",
    "tus.counted",
    "upload.adopted",
    "upload.inserted",
    "tus.submitted",
    "tus.moved",
    "tus.ended",
];
const REFUSED: [&str; 2] = ["tus.refused", "delete.files"];
const CALLED_OFF: [&str; 1] = ["tus.forgotten"];
const DELETED: [&str; 4] = ["delete.cancelled", "delete.ended", "delete.row", "delete.files"];
const WEBHOOK: [&str; 3] = ["webhook.claimed", "webhook.sent", "webhook.kept"];

fn settings() -> Settings {
    Settings::default().set("http.admin_key", "admin").set("notifications.allow_private", true)
}

fn dying_at(point: &str) -> Program {
    Program::start(settings().variable("KARAOKE_FAULT_POINT", point))
}

fn the_song() -> Sound {
    song(2.0, 44_100)
}

/// The ids of all tracks.
async fn tracks(api: &Api) -> Vec<String> {
    let list = api.json(api.request(Method::GET, "/api/v1/tracks").header("X-Admin-Key", "admin")).await;
    list["tracks"]
        .as_array()
        .expect("tracks")
        .iter()
        .map(|t| t["id"].as_str().expect("id").to_owned())
        .collect()
}

/// Files and folders of songs and uploads.
fn left(program: &Program) -> Vec<String> {
    fn below(dir: &Path, names: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            names.push(entry.path().display().to_string());
            below(&entry.path(), names);
        }
    }
    let mut names = Vec::new();
    for folder in ["tracks", "incoming", "partial"] {
        below(&program.store().join(folder), &mut names);
    }
    names
}

/// It is done, with the right bits; then it is deleted, and nothing is left.
async fn is_whole(program: &Program, track: &Track, case: &str) {
    let api = program.api();
    api.until_state(track, "done").await;
    let stem = Sound::from_wav(&api.stem(track, "instrumental.wav?bits=float").await);
    assert!(stem.bits() == the_song().bits(), "{case}: the bits are others");
    let files = until("what only the work needed is removed", || async {
        let files = left(program);
        (!files.iter().any(|name| name.contains("layer") || name.ends_with("upload"))).then_some(files)
    })
    .await;
    assert!(!files.iter().any(|name| name.ends_with(".part")), "{case}: {files:?}");
    assert_eq!(api.about(Method::DELETE, track, "").send().await.expect("an answer").status(), 204);
    assert_eq!(left(program), [""; 0], "{case}");
}

fn track_of(accepted: &Value) -> Track {
    let text =
        |name: &str| accepted[name].as_str().unwrap_or_else(|| panic!("{name}: {accepted}")).to_owned();
    Track { id: text("id"), passcode: text("passcode") }
}

#[tokio::test]
async fn an_upload_is_there_as_a_whole_or_not_at_all() {
    for point in UPLOAD {
        let program = dying_at(point);
        let upload = |api: &Api| {
            let request = api.request(Method::POST, "/api/v1/tracks?name=a.wav&model=identity");
            request.header("Idempotency-Key", "one").body(the_song().wav_float()).send()
        };
        let _ = upload(&program.api()).await;
        let program = program.outlived(settings());
        let api = program.api();
        let before = tracks(&api).await;
        assert_eq!(before.is_empty(), ["upload.received", "upload.adopted"].contains(&point), "{point}");
        if before.is_empty() {
            assert_eq!(left(&program), [""; 0], "{point}");
        }
        let answer = upload(&api).await.expect("an answer");
        assert_eq!(answer.status(), 202, "{point}");
        let track = track_of(&answer.json().await.expect("JSON"));
        assert_eq!(tracks(&api).await, [&*track.id], "{point}: it is one song");
        is_whole(&program, &track, point).await;
    }
}

fn tus(api: &Api, method: &str, path: &str) -> RequestBuilder {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    api.request(method, path).header("Tus-Resumable", "1.0.0")
}

/// Begins an upload; its address, unless the server dies of it.
async fn begin(api: &Api, length: usize) -> Option<String> {
    // `identity`, in Base64.
    let request = tus(api, "POST", "/api/v1/uploads").header("Upload-Metadata", "model aWRlbnRpdHk=");
    let answer = request.header("Upload-Length", length).send().await.ok()?;
    answer.headers().get("location").map(|place| place.to_str().expect("text").to_owned())
}

async fn patch(api: &Api, place: &str, offset: usize, bytes: &[u8]) -> reqwest::Result<Response> {
    let request = tus(api, "PATCH", place).header("Content-Type", "application/offset+octet-stream");
    request.header("Upload-Offset", offset).body(bytes.to_vec()).send().await
}

#[tokio::test]
async fn an_upload_in_parts_goes_on_where_it_was() {
    let bytes = the_song().wav_float();
    for point in PARTS {
        let program = dying_at(point);
        let place = begin(&program.api(), bytes.len()).await;
        if let Some(place) = &place {
            let _ = patch(&program.api(), place, 0, &bytes).await;
        }
        let program = program.outlived(settings());
        let api = program.api();
        let Some(place) = place else {
            assert_eq!((point, left(&program), tracks(&api).await), ("tus.created", vec![], vec![]));
            continue;
        };
        let (status, headers) = api.head_of(tus(&api, "HEAD", &place)).await;
        assert_eq!(status, 200, "{point}");
        if !headers.contains_key("x-track-id") {
            let at: usize = headers["upload-offset"].to_str().expect("text").parse().expect("a number");
            let answer = patch(&api, &place, at, &bytes[at..]).await.expect("an answer");
            assert_eq!(answer.status(), 204, "{point}");
        }
        let track = track_of(&api.json(api.request(Method::GET, &place)).await);
        assert_eq!(tracks(&api).await, [&*track.id], "{point}: it is one song");
        is_whole(&program, &track, point).await;
    }
}

#[tokio::test]
async fn a_refused_upload_leaves_nothing_and_keeps_its_reason() {
    let mut bytes = b"RIFF\x24\x10\x00\x00WAVEfmt \x10\x00\x00\x00".to_vec();
    bytes.resize(9000, 0xff);
    for point in REFUSED {
        let program = dying_at(point);
        let place = begin(&program.api(), bytes.len()).await.expect("an address");
        let _ = patch(&program.api(), &place, 0, &bytes).await;
        let program = program.outlived(settings());
        let api = program.api();
        let (status, _) = api.head_of(tus(&api, "HEAD", &place)).await;
        assert!((400..500).contains(&status), "{point}: {status}");
        assert_eq!((left(&program), tracks(&api).await), (vec![], vec![]), "{point}");
    }
}

#[tokio::test]
async fn an_upload_that_is_called_off_is_gone() {
    let bytes = the_song().wav_float();
    for point in CALLED_OFF {
        let program = dying_at(point);
        let place = begin(&program.api(), bytes.len()).await.expect("an address");
        let half = patch(&program.api(), &place, 0, &bytes[..bytes.len() / 2]).await.expect("an answer");
        assert_eq!(half.status(), 204);
        let _ = tus(&program.api(), "DELETE", &place).send().await;
        let program = program.outlived(settings());
        assert_eq!(program.api().head_of(tus(&program.api(), "HEAD", &place)).await.0, 404, "{point}");
        assert_eq!(left(&program), [""; 0], "{point}");
    }
}

#[tokio::test]
async fn a_deleted_song_is_gone_with_all_its_files() {
    for point in DELETED {
        let slow = settings().set("simulation.window_seconds", 1).set("worker.workers", 1);
        let program = Program::start(slow.variable("KARAOKE_FAULT_POINT", point));
        let api = program.api();
        let track = api.accepted("a.wav", song(20.0, 44_100).wav_16(), "identity").await;
        api.until_state(&track, "separating").await;
        let _ = api.about(Method::DELETE, &track, "").send().await;
        let program = program.outlived(settings());
        let api = program.api();
        assert_eq!(left(&program), [""; 0], "{point}");
        let answer = api.about(Method::GET, &track, "").send().await.expect("an answer");
        let is_there = answer.status() == 200;
        assert_eq!(is_there, ["delete.cancelled", "delete.ended"].contains(&point), "{point}");
        if is_there {
            let view: Value = answer.json().await.expect("JSON");
            assert_eq!(view["state"], "cancelled", "{point}");
            assert_eq!(api.about(Method::DELETE, &track, "").send().await.expect("an answer").status(), 204);
        }
        assert_eq!(tracks(&api).await, [""; 0], "{point}");
    }
}

#[tokio::test]
async fn a_message_arrives_at_least_once_and_always_under_one_name() {
    for (point, least) in WEBHOOK.into_iter().zip([1, 2, 1]) {
        let (program, receiver) = (dying_at(point), WebhookReceiver::start());
        let request = program.api().request(Method::POST, "/api/v1/tracks?name=a.wav&model=identity");
        let request = request.query(&[("webhook", &receiver.url)]).header("Idempotency-Key", "one");
        let _ = request.body(the_song().wav_float()).send().await;
        let program = program.outlived(settings());
        let received = until_sync("the message arrives", || {
            let received = receiver.received();
            (received.len() >= least).then_some(received)
        });
        let ids: BTreeSet<&str> = received.iter().map(|message| message.header("webhook-id")).collect();
        assert_eq!(ids.len(), 1, "{point}");
        let api = program.api();
        let id = &tracks(&api).await[0];
        let path = format!("/api/v1/tracks/{id}/notifications");
        let ask = |path: &str| api.request(Method::GET, path).header("X-Admin-Key", "admin");
        let target = api.json(ask(&path)).await["notifications"][0]["id"].as_str().expect("an id").to_owned();
        until("the log has it", || async {
            let log = api.json(ask(&format!("{path}/{target}/deliveries"))).await;
            let message = &log["deliveries"][0];
            (message["delivered_at"].is_string() && message["next_attempt_at"].is_null()).then_some(())
        })
        .await;
    }
}

#[test]
fn every_fault_point_is_tried() {
    fn sources(dir: &Path, found: &mut BTreeSet<String>) {
        for path in std::fs::read_dir(dir).expect("a folder").flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                sources(&path, found);
            } else {
                let text = std::fs::read_to_string(&path).expect("source");
                let calls = text.split("fault_point::reach(\"").skip(1);
                found.extend(calls.filter_map(|call| call.split('"').next()).map(str::to_owned));
            }
        }
    }
    let mut found = BTreeSet::new();
    sources(&root().join("server/src"), &mut found);
    let all = [&UPLOAD[..], &PARTS, &REFUSED, &CALLED_OFF, &DELETED, &WEBHOOK].concat();
    assert_eq!(found, all.into_iter().map(str::to_owned).collect());
}
