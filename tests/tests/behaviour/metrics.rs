//! What Prometheus reads, and that dashboard, alerts and documentation speak of what there is.

use karaoke_tests::program::root;
use karaoke_tests::prometheus::Prometheus;
use karaoke_tests::sound::song;
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

fn open() -> Settings {
    Settings::default().set("http.public_metrics", true)
}

async fn text(api: &Api) -> String {
    let answer = api.request(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    answer.text().await.unwrap()
}

/// The sum of all series that begin so.
fn sum(text: &str, series: &str) -> f64 {
    let all = text.lines().filter(|line| line.starts_with(series));
    all.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}

/// Every word of a text that is the name of a metric.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let ours = |word: &&str| {
        let (first, rest) = word.split_once('_').unwrap_or_default();
        (first == "karaoke" || first == "process") && !rest.is_empty()
    };
    words.filter(ours).map(str::to_owned).collect()
}

/// The names that can be asked for, histograms by that of their family.
fn families(text: &str) -> BTreeSet<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types
        .map(|(name, kind)| match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        })
        .collect()
}

#[tokio::test]
async fn metrics_are_for_who_has_the_admin_key_unless_they_are_public() {
    let program = Program::start(Settings::default().set("http.admin_key", "secret"));
    let api = program.api();
    let get = || api.request(Method::GET, "/metrics");
    for refused in
        [get(), get().header("X-Admin-Key", "wrong"), get().bearer_auth("wrong"), get().bearer_auth("")]
    {
        let (status, title, _) = Api::problem(refused.send().await.unwrap()).await;
        assert_eq!((status, title.as_str()), (401, "Admin key needed"));
    }
    for request in [get().header("X-Admin-Key", "secret"), get().bearer_auth("secret")] {
        assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    }
    let keyless = Program::start(Settings::default());
    let answer = keyless.api().request(Method::GET, "/metrics").bearer_auth("").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "without a key nobody has it");
    text(&Program::start(open()).api()).await;
}

#[tokio::test]
async fn what_a_song_takes_is_counted() {
    let program = Program::start(open().set("chunking.windows_per_chunk", 2));
    let api = program.api();
    let wav = song(20.0, 44_100).wav_16();
    let track = api.accepted("Private Song.wav", wav.clone(), "identity").await;
    let view = api.until_state(&track, "done").await;
    let stem = api.stem(&track, "vocals.wav").await;
    let chunks = view["chunks_total"].as_f64().unwrap();
    let after = until("the stem is counted", || async {
        let text = text(&api).await;
        (sum(&text, "karaoke_stems_sent_bytes_total") == stem.len() as f64).then_some(text)
    })
    .await;
    assert_eq!(sum(&after, "karaoke_chunks_done_total{model=\"identity\""), chunks);
    assert!(sum(&after, "karaoke_upload_received_bytes_total") >= wav.len() as f64);
    assert_eq!(sum(&after, "karaoke_tracks{state=\"done\"}"), 1.0);
    assert_eq!(sum(&after, "karaoke_tracks{"), 1.0);
    assert_eq!(sum(&after, "karaoke_tracks_ended_total{state=\"done\"}"), 1.0);
    // A spare copy waits, too.
    assert!(sum(&after, "karaoke_queue_wait_seconds_count") >= chunks);
    let windows = sum(&after, "karaoke_window_duration_seconds_count{model=\"identity\"");
    assert!(windows > chunks && windows <= 2.0 * chunks, "{windows} windows in {chunks} chunks");
    assert!(sum(&after, "karaoke_workers{") >= 1.0);
    assert!(sum(&after, "karaoke_store_bytes{") > 0.0 && sum(&after, "karaoke_disk_size_bytes") > 0.0);
    assert_eq!(sum(&after, "karaoke_broker_connected"), 1.0);
    // Few series, whatever comes: no names of songs, tracks or workers, and no words of clients.
    for path in ["/a.php", "/b.php", "/api/v1/tracks/x1", "/api/v1/tracks/x2", "/api/v1/wanderings"] {
        api.request(Method::GET, path).send().await.unwrap();
    }
    let odd = Method::from_bytes(b"BREW").unwrap();
    api.request(odd, "/api/v1/models").send().await.unwrap();
    let text = text(&api).await;
    for word in [&track.id, &track.passcode, "Private", "x1", ".php", "BREW", "wanderings", "w1\""] {
        assert!(!text.contains(word), "{word} stands in the metrics");
    }
    let refused = "karaoke_http_request_duration_seconds_count{method=\"GET\",route=\"/api/v1/tracks/{id}\",status=\"401\"}";
    assert_eq!(sum(&text, refused), 2.0, "{text}");
}

#[tokio::test]
async fn failed_attempts_are_counted_by_what_became_of_them() {
    let settings = open()
        .set("simulation.workers_healthy", 1)
        .set("simulation.workers_unhealthy", 1)
        .set("simulation.fault", "nack")
        .set("simulation.simulate_crash_after", 0)
        .set("simulation.window_seconds", 0.05)
        .set("worker.retry_pause_ms", 10)
        .set("dispatch.max_attempts", 100)
        .set("chunking.windows_per_chunk", 1);
    let program = Program::start(settings);
    let api = program.api();
    let track = api.accepted("song.wav", song(15.0, 44_100).wav_16(), "identity").await;
    api.until_state(&track, "done").await;
    let text = text(&api).await;
    let receipt = api.json(api.about(Method::GET, &track, "/receipt")).await;
    let chunks = receipt["chunks"].as_array().unwrap();
    let returned =
        chunks.iter().flat_map(|c| c["failed"].as_array().unwrap()).filter(|f| f["outcome"] == "returned");
    let returned = returned.count() as f64;
    assert!(returned > 0.0, "no chunk was handed back");
    assert_eq!(sum(&text, "karaoke_chunk_attempts_failed_total{outcome=\"returned\"}"), returned);
    assert_eq!(sum(&text, "karaoke_chunks_failed_total"), 0.0);
}

#[tokio::test]
async fn every_metric_is_documented_and_no_other_is() {
    let program = Program::start(open());
    let api = program.api();
    let track = api.accepted("song.wav", song(3.0, 44_100).wav_16(), "identity").await;
    api.until_state(&track, "done").await;
    let told = families(&text(&api).await);
    let page = std::fs::read_to_string(root().join("docs/OPERATIONS.md")).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `karaoke_") || line.starts_with("| `process_"));
    let documented = rows.flat_map(|row| metrics_in(row.split('|').nth(1).unwrap())).collect::<BTreeSet<_>>();
    assert_eq!(told, documented);
    for family in told {
        assert!(metrics_in(&page).contains(&family));
    }
}

/// Every query of the dashboard, with Grafana's variables filled in.
fn queries() -> Vec<(String, String)> {
    let file = std::fs::read_to_string(root().join("deploy/grafana/karaoke.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&file).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let of = |panel: &Value| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets.into_iter().map(move |target| {
            let query = target["expr"].as_str().expect("an expression");
            (title.clone(), query.replace("$__rate_interval", "20s").replace("$instance", ".*"))
        })
    };
    panels.iter().flat_map(of).collect()
}

#[tokio::test]
async fn every_query_of_the_dashboard_finds_something() {
    let program = Program::start(open().set("worker.workers", 2));
    let api = program.api();
    let prometheus = Prometheus::start(&program.url).await;
    // Rates are of something only while something happens.
    let busy = async {
        loop {
            let track = api.accepted("song.wav", song(3.0, 44_100).wav_16(), "identity").await;
            api.until_state(&track, "done").await;
            api.stem(&track, "vocals.wav").await;
        }
    };
    let ask = async {
        let queries = queries();
        assert!(queries.len() > 30, "{} queries were found", queries.len());
        for (title, query) in queries {
            let what = format!("the panel {title} shows something of {query}");
            until(&what, || async {
                let values = prometheus.query(&query).await;
                (!values.is_empty() && values.iter().any(|value| value.is_finite())).then_some(())
            })
            .await;
        }
        let rules = until("the alerts are evaluated", || async {
            let groups = prometheus.rules().await;
            let rules = groups[0]["rules"].as_array()?.clone();
            rules.iter().all(|rule| rule["health"] == "ok").then_some(rules)
        })
        .await;
        for rule in rules {
            assert_ne!(rule["state"], "firing", "{rule}");
        }
    };
    tokio::select! {
        () = busy => {}
        () = ask => {}
    }
    // An expression that names nothing that there is would be quiet for ever.
    let told = text(&api).await;
    let known = families(&told);
    for file in ["deploy/prometheus/alerts.yml", "deploy/grafana/karaoke.json"] {
        for name in metrics_in(&std::fs::read_to_string(root().join(file)).unwrap()) {
            let ends = ["_bucket", "_count", "_sum"];
            let family = ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            assert!(known.contains(family), "{name} of {file} is no metric");
        }
    }
}

#[test]
fn alerts_and_the_example_configuration_are_valid() {
    let dir = tempfile::tempdir().unwrap();
    for file in ["prometheus.yml", "alerts.yml"] {
        std::fs::copy(root().join("deploy/prometheus").join(file), dir.path().join(file)).unwrap();
    }
    std::fs::write(dir.path().join("karaoke-admin-key"), "key").unwrap();
    for arguments in [["check", "config", "prometheus.yml"], ["check", "rules", "alerts.yml"]] {
        let out = Command::new("promtool").args(arguments).current_dir(dir.path()).output();
        let out = out.expect("promtool (make test installs it)");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
}

#[tokio::test]
async fn a_log_of_json_has_an_object_a_line_with_the_fields_of_its_request() {
    let program = Program::start(Settings::default().set("log.format", "json"));
    let api = program.api();
    let id = "a-request-of-mine";
    let request = api.request(Method::POST, "/api/v1/tracks?model=identity").header("X-Request-Id", id);
    let answer: Value = request.body(song(2.0, 44_100).wav_16()).send().await.unwrap().json().await.unwrap();
    let accepted = until("the line is written", || async {
        let log = program.log();
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        lines.into_iter().find(|line| line["message"] == "track accepted")
    })
    .await;
    assert_eq!((&accepted["level"], &accepted["track"]), (&Value::from("INFO"), &answer["id"]));
    let spans = accepted["spans"].as_array().unwrap();
    assert!(spans.iter().any(|span| span["name"] == "request" && span["id"] == id), "{accepted}");
}
