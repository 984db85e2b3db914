//! The API is as its description says: a client made of it works, and nothing else is answered.

use karaoke_tests::program::root;
use karaoke_tests::python::{scripts, succeeds, tool};
use karaoke_tests::receiver::WebhookReceiver;
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::{Api, Program, Settings, Track};
use reqwest::Method;
use serde_json::{Value, json};

const DESCRIPTION: &str = "/api/v1/openapi.json";

/// Checks of schemathesis that can fail only where the server errs: the others also take bad requests for good ones
/// (sums, names of models and texts that are no lyrics are beyond a schema), and want only one of several keys at a time.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,unsupported_method,\
                      allow_header_conformance";

const ADMIN: &str = "open-everything";

/// This stream never ends; those of tracks do, as the tracks are done.
const ENDLESS: &str = "/api/v1/workers/events";

/// What nobody grants to who makes requests up: sound and names of models and hosts are not made by chance.
const HARD_TO_PLEASE: [&str; 5] = [
    "post /api/v1/tracks",
    "post /api/v1/tracks/{id}/notifications",
    "post /api/v1/notifications",
    "get /api/v1/tracks/{id}/cover",
    "post /api/v1/archive",
];

#[tokio::test]
async fn a_client_made_of_the_description_uploads_and_downloads() {
    let program = Program::start(Settings::default());
    let dir = tempfile::tempdir().unwrap();
    let (package, wav, stem) =
        (dir.path().join("karaoke_client"), dir.path().join("song.wav"), dir.path().join("stem.wav"));
    let made = tool("openapi-python-client")
        .args(["generate", "--meta", "none", "--fail-on-warning", "--config"])
        .arg(scripts().join("generator.yaml"))
        .arg("--url")
        .arg(format!("{}{DESCRIPTION}", program.url))
        .arg("--output-path")
        .arg(&package)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let song = song(6.0, 44_100);
    std::fs::write(&wav, song.wav_float()).unwrap();
    let mut client = tool("python");
    client
        .arg(scripts().join("client.py"))
        .arg(&program.url)
        .args([&wav, &stem])
        .env("PYTHONPATH", dir.path());
    succeeds(&mut client);
    let out = Sound::from_wav(&std::fs::read(stem).unwrap());
    assert!(out.bits() == song.bits(), "the stem differs from the song");
}

/// The end of an address.
fn name(address: &Value) -> String {
    address.as_str().and_then(|text| text.rsplit('/').next()).expect("an address").to_owned()
}

async fn upload(api: &Api) -> String {
    let begun = api.request(Method::POST, "/api/v1/uploads");
    let begun = begun.header("Tus-Resumable", "1.0.0").header("Upload-Length", 10_000).send().await.unwrap();
    name(&json!(begun.headers()["location"].to_str().unwrap()))
}

/// A notification to that address, and a message that was sent there.
async fn notification(api: &Api, base: &str, target: &str) -> (String, String) {
    let post = |path: &str| {
        api.request(Method::POST, &format!("{base}/notifications{path}")).header("X-Admin-Key", ADMIN)
    };
    let added = post("").json(&json!({ "target": target })).send().await.unwrap();
    let added: Value = added.json().await.unwrap();
    let id = added["id"].as_str().unwrap_or_else(|| panic!("{added}")).to_owned();
    let sent = api.json(post(&format!("/{id}/test"))).await;
    (id, sent["id"].as_str().expect("a message").to_owned())
}

async fn track(api: &Api) -> Track {
    let track = api.accepted("song.wav", song(2.0, 44_100).wav_16(), "identity").await;
    api.until_state(&track, "done").await;
    let lyrics = api.about(Method::PUT, &track, "/lyrics").body("[00:01]One line");
    assert_eq!(lyrics.send().await.unwrap().status(), 200);
    track
}

/// What lies on a server to be asked for, as `hooks.py` reads it: names by operation. Whatever deletes has its own.
async fn things(api: &Api, target: &str) -> Value {
    let (kept, spare) = (track(api).await, track(api).await);
    let wanted = json!({ "tracks": [{ "id": kept.id, "passcode": kept.passcode }] });
    let archive = api.request(Method::POST, "/api/v1/archive").json(&wanted).send().await.unwrap();
    let archive: Value = archive.json().await.unwrap();
    let workers = api.json(api.request(Method::GET, "/api/v1/workers")).await;
    // No target is told twice of the same.
    let (base, other) = (format!("/api/v1/tracks/{}", kept.id), format!("{target}/other"));
    let (of_track, of_all) =
        (notification(api, &base, target).await, notification(api, "/api/v1", target).await);
    json!({
        "* *": {
            "id": kept.id, "file": "instrumental.wav", "secret": upload(api).await, "ticket": name(&archive["url"]),
            "notification": of_track.0, "delivery": of_track.1,
        },
        "* /api/v1/notifications/*": { "notification": of_all.0, "delivery": of_all.1 },
        "* /api/v1/workers/*": { "id": workers["workers"][0]["id"], "order": "drain" },
        "delete /api/v1/notifications/*": { "notification": notification(api, "/api/v1", &other).await.0 },
        "delete /api/v1/tracks/*/notifications/*": { "notification": notification(api, &base, &other).await.0 },
        "delete /api/v1/tracks/{id}": { "id": spare.id },
        "delete /api/v1/uploads/*": { "secret": upload(api).await },
    })
}

#[tokio::test]
async fn whatever_is_asked_nothing_undocumented_is_answered_and_the_server_never_fails() {
    let settings = Settings::default().set("http.admin_key", ADMIN).set("models.default", "identity");
    let program = Program::start(settings.set("notifications.allow_private", true));
    let (api, receiver) = (program.api(), WebhookReceiver::start());
    let things = things(&api, &receiver.url).await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("asked");
    let mut fuzz = tool("schemathesis");
    // A seed and a number instead of a time: the same requests on a fast and on a slow machine.
    fuzz.arg("run")
        .arg(format!("{}{DESCRIPTION}", program.url))
        .args(["--header", &format!("X-Admin-Key: {ADMIN}"), "--checks", CHECKS])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "15",
            "--seed",
            "1",
            "--workers",
            "1",
        ])
        .args(["--exclude-path", ENDLESS, "--suppress-health-check", "all", "--warnings", "off"])
        .args(["--no-shrink", "--continue-on-failure", "--request-timeout", "60"])
        .args(["--generation-database", "none"])
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", scripts())
        .env("FUZZ_VALUES", things.to_string())
        .env("FUZZ_LOG", &log)
        .current_dir(folder.path());
    let said = succeeds(&mut fuzz);
    let document = api.json(api.request(Method::GET, DESCRIPTION)).await;
    let asked = std::fs::read_to_string(log).unwrap();
    let (never, refused) = unreached(&document, &asked);
    assert!(never.is_empty(), "never asked: {never:?}\n{said}");
    assert!(refused.is_empty(), "always refused: {refused:?}\n{said}");
}

/// The operations that were not asked for at all, and those that were never granted.
fn unreached(document: &Value, asked: &str) -> (Vec<String>, Vec<String>) {
    let addresses = document["paths"].as_object().unwrap().iter();
    let all = addresses.flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(move |method| format!("{method} {path} "))
    });
    // Schemathesis leaves out the document itself, which it has read.
    let all = all.filter(|operation| !operation.contains(ENDLESS) && !operation.contains(DESCRIPTION));
    let statuses = |operation: &str| -> Vec<&str> {
        asked.lines().filter_map(|line| line.strip_prefix(operation)).collect()
    };
    let (seen, never): (Vec<String>, Vec<String>) =
        all.partition(|operation| !statuses(operation).is_empty());
    let is_refused = |operation: &String| !statuses(operation).iter().any(|status| status.starts_with('2'));
    let refused = seen.into_iter().filter(is_refused).filter(|o| !HARD_TO_PLEASE.contains(&o.trim()));
    (never, refused.collect())
}

#[tokio::test]
async fn the_description_lies_where_it_says() {
    let program = Program::start(Settings::default());
    let api = program.api();
    let document = api.json(api.request(Method::GET, DESCRIPTION)).await;
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"][DESCRIPTION]["get"].is_object());
    let manual = std::fs::read_to_string(root().join("docs/API.md")).unwrap();
    assert!(manual.contains(DESCRIPTION.trim_start_matches("/api/v1")), "docs/API.md does not name it");
}
