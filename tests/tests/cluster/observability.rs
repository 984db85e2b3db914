//! Metrics and traces of a server and its workers across the broker.

use karaoke_tests::cluster::{quick, server, workers};
use karaoke_tests::collector::{Collector, Span};
use karaoke_tests::sound::song;
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Broker};
use reqwest::Method;

#[tokio::test]
async fn a_workers_span_follows_the_servers_through_the_broker() {
    let place = Broker::shared().virtual_host("traces");
    let collector = Collector::start().await;
    let settings = quick().set("telemetry.otlp_endpoint", &collector.url).set("simulation.window_seconds", 0);
    let server = server(&settings, &place.urls);
    let pool = workers(&settings, &place.urls, "traced", 2);
    let api = server.api();
    let track = api.accepted("song.wav", song(10.0, 44_100).wav_16(), "identity").await;
    let view = api.until_state(&track, "done").await;
    // The last spans leave when the workers do; the server's own within seconds.
    assert!(pool.leave().success());
    let chunks = view["chunks_total"].as_u64().unwrap() as usize;
    let spans = until("the spans have come", || async {
        let spans = collector.spans();
        let has_all = of(&spans, "chunk").len() == chunks && !of(&spans, "POST /api/v1/tracks").is_empty();
        has_all.then_some(spans)
    })
    .await;
    let [request] = of(&spans, "POST /api/v1/tracks")[..] else { panic!("{spans:?}") };
    for chunk in of(&spans, "chunk") {
        assert_eq!(
            (&chunk.service[..], &chunk.parent, &chunk.trace),
            ("karaoke-server", &request.id, &request.trace)
        );
        let jobs: Vec<&Span> = of(&spans, "job").into_iter().filter(|job| job.parent == chunk.id).collect();
        for job in &jobs {
            assert_eq!((&job.service[..], &job.trace), ("karaoke-worker", &request.trace));
            assert!(job.attributes["worker"].starts_with("traced."), "{job:?}");
        }
        let is_computed =
            of(&spans, "inference").iter().any(|span| jobs.iter().any(|job| job.id == span.parent));
        assert!(is_computed, "no worker's span follows {chunk:?}");
    }
}

fn of<'s>(spans: &'s [Span], name: &str) -> Vec<&'s Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test]
async fn a_broker_that_is_lost_and_found_is_counted() {
    let broker = Broker::start();
    let server = server(&quick().set("http.public_metrics", true), broker.urls());
    let api = server.api();
    assert_eq!(levels(&api).await, (1.0, 0.0));
    broker.kill();
    until("the broker is lost", || async { (levels(&api).await.0 == 0.0).then_some(()) }).await;
    broker.restart();
    until("the broker is found", || async { (levels(&api).await == (1.0, 1.0)).then_some(()) }).await;
}

/// Whether there is a connection, and how many there were after the first.
async fn levels(api: &Api) -> (f64, f64) {
    let text = api.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().parse().unwrap()
    };
    (value("karaoke_broker_connected "), value("karaoke_broker_reconnects_total "))
}
