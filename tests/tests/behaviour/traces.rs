//! Traces of one process, as a collector gets them.

use karaoke_tests::collector::{Collector, Span};
use karaoke_tests::sound::song;
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings};
use reqwest::Method;
use serde_json::Value;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// Uploads as a client that traces, too; returns the track's state once it is done.
async fn traced_song(api: &Api, id: &str) -> Value {
    let request = api.request(Method::POST, "/api/v1/tracks?model=identity");
    let request = request.header("traceparent", format!("00-{TRACE}-{CALLER}-01")).header("X-Request-Id", id);
    let answer = request.body(song(8.0, 44_100).wav_16()).send().await.unwrap();
    let body: Value = answer.json().await.unwrap();
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    let track = karaoke_tests::Track { id: text("id"), passcode: text("passcode") };
    api.until_state(&track, "done").await
}

fn named<'s>(spans: &'s [Span], name: &str) -> Vec<&'s Span> {
    spans.iter().filter(|span| span.trace == TRACE && span.name == name).collect()
}

#[tokio::test]
async fn a_song_is_one_trace_from_the_request_to_the_merge() {
    let collector = Collector::start().await;
    let settings = Settings::default()
        .set("telemetry.otlp_endpoint", &collector.url)
        .set("chunking.windows_per_chunk", 2)
        // What the log shows does not matter.
        .variable("RUST_LOG", "warn");
    let program = Program::start(settings);
    let view = traced_song(&program.api(), "mine").await;
    // The last spans leave when the program does.
    let (status, _again) = program.terminate_and_restart();
    assert!(status.success());
    let spans = until("the spans have come", || async {
        let spans = collector.spans();
        (!named(&spans, "POST /api/v1/tracks").is_empty()).then_some(spans)
    })
    .await;
    let [request] = named(&spans, "POST /api/v1/tracks")[..] else { panic!("{spans:?}") };
    assert_eq!((request.parent.as_str(), request.service.as_str()), (CALLER, "karaoke"));
    assert_eq!(request.attributes["http.route"], "/api/v1/tracks");
    assert_eq!(request.attributes["http.response.status_code"], "202");
    assert_eq!(request.attributes["id"], "mine");
    let chunks = named(&spans, "chunk");
    assert_eq!(chunks.len() as u64, view["chunks_total"].as_u64().unwrap());
    let jobs = named(&spans, "job");
    for name in ["decode", "merge", "chunk"] {
        for span in named(&spans, name) {
            assert_eq!(span.parent, request.id, "{span:?}");
            assert_eq!(span.attributes["track"], view["id"]);
            assert!(span.time.0 <= span.time.1);
        }
    }
    assert_eq!((named(&spans, "decode").len(), named(&spans, "merge").len()), (1, 1));
    for chunk in chunks {
        let at_it: Vec<_> = jobs.iter().filter(|job| job.parent == chunk.id).collect();
        assert!(at_it.iter().all(|job| job.attributes["chunk"] == chunk.attributes["chunk"]));
        // A spare copy may have been dropped unseen.
        let computed = named(&spans, "inference").into_iter().find_map(|inference| {
            let job = at_it.iter().find(|job| job.id == inference.parent)?;
            Some(job.time.0 <= inference.time.0 && inference.time.1 <= job.time.1)
        });
        assert_eq!(computed, Some(true), "nobody worked on {chunk:?}");
    }
}

#[tokio::test]
async fn a_resumable_upload_begins_the_trace_of_its_song() {
    let collector = Collector::start().await;
    let program = Program::start(Settings::default().set("telemetry.otlp_endpoint", &collector.url));
    let wav = song(3.0, 44_100).wav_16();
    let request = program.api().request(Method::POST, "/api/v1/uploads");
    let request = request
        .header("Tus-Resumable", "1.0.0")
        .header("Upload-Length", wav.len())
        .header("Upload-Metadata", "model aWRlbnRpdHk=")
        .header("Content-Type", "application/offset+octet-stream")
        .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
        .header("X-Request-Id", "parts");
    assert_eq!(request.body(wav).send().await.unwrap().status(), 201);
    let merged = |spans: &[Span]| named(spans, "merge").first().map(|span| span.parent.clone());
    let (spans, parent) = until("the song's last span has come", || async {
        let spans = collector.spans();
        let parent = merged(&spans)?;
        (!named(&spans, "POST /api/v1/uploads").is_empty()).then_some((spans, parent))
    })
    .await;
    assert_eq!(named(&spans, "POST /api/v1/uploads")[0].id, parent);
    let log = program.log();
    let accepted = log.lines().find(|line| line.contains("track accepted")).unwrap();
    assert!(accepted.contains("request{id=\"parts\"}"), "{accepted}");
}

#[tokio::test]
async fn without_a_collector_songs_are_made_all_the_same() {
    let settings = Settings::default()
        // Nobody listens there.
        .set("telemetry.otlp_endpoint", "http://127.0.0.1:1")
        .set("log.format", "json");
    let program = Program::start(settings);
    traced_song(&program.api(), "alone").await;
    let log = until("it is told once", || async {
        let log = program.log();
        log.contains("traces cannot be sent").then_some(log)
    })
    .await;
    // Lines have their spans beside the listener for traces, too.
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    let accepted = lines.into_iter().find(|line| line["message"] == "track accepted").unwrap();
    assert_eq!(accepted["spans"][0]["id"], "alone", "{accepted}");
}
