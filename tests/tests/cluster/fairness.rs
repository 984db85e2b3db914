//! Who has to wait for whom, and for how long.

use karaoke_tests::cluster::{busy, machines, pid, quick, server, until_done, until_empty, workers};
use karaoke_tests::sound::song;
use karaoke_tests::{Broker, Settings};
use reqwest::Method;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_short_song_behind_a_long_one_is_done_first() {
    let place = Broker::shared().virtual_host("fair");
    let server = server(&quick(), &place.urls);
    let _pool = workers(&quick().set("simulation.window_seconds", 0.2), &place.urls, "pool", 2);
    let api = server.api();
    let long = api.accepted("long.wav", song(240.0, 44_100).wav_16(), "centre").await;
    until_done(&api, &long, 2).await;
    let short = api.accepted("short.wav", song(20.0, 44_100).wav_16(), "centre").await;
    // The answer came when the song was decoded: from here on they share.
    let done = async |track| api.show(track).await["chunks_done"].as_u64().unwrap();
    let before = done(&long).await;
    let chunks = api.until_state(&short, "done").await["chunks_total"].as_u64().unwrap();
    let meanwhile = done(&long).await - before;
    // One for one, and what was in flight when it came.
    assert!(meanwhile <= chunks + 8, "{meanwhile} chunks of the long song for {chunks} of the short one");
}

#[tokio::test]
async fn a_track_whose_model_no_worker_has_stops_no_other() {
    let place = Broker::shared().virtual_host("unserved");
    let server = server(&quick(), &place.urls);
    let models = tempfile::tempdir().unwrap();
    for name in ["identity.toml", "identity.onnx"] {
        let from = karaoke_tests::program::root().join("models").join(name);
        std::fs::copy(from, models.path().join(name)).unwrap();
    }
    let poor = quick().models(models.path()).set("models.default", "identity");
    let _pool = workers(&poor, &place.urls, "poor", 2);
    let api = server.api();
    let stuck = api.accepted("stuck.wav", song(120.0, 44_100).wav_16(), "centre").await;
    for name in ["one.wav", "two.wav"] {
        let track = api.accepted(name, song(60.0, 44_100).wav_16(), "identity").await;
        api.until_state(&track, "done").await;
    }
    assert_eq!(api.show(&stuck).await["chunks_done"], 0);
    let _other = workers(&quick(), &place.urls, "rich", 1);
    api.until_state(&stuck, "done").await;
}

#[tokio::test]
async fn a_cancel_reaches_a_worker_in_the_middle_of_a_chunk() {
    let place = Broker::shared().virtual_host("cancel");
    let settings = quick().set("chunking.windows_per_chunk", 2).set("simulation.window_seconds", 5);
    let server = server(&settings, &place.urls);
    let _pool = workers(&settings, &place.urls, "pool", 1);
    let api = server.api();
    // Chunks of two windows: ten seconds each, unless they are aborted.
    let track = api.accepted("song.wav", song(60.0, 44_100).wav_16(), "centre").await;
    let worker = busy(&api, "pool", &track).await;
    let began = Instant::now();
    api.json(api.about(Method::POST, &track, "/cancel")).await;
    let next = api.accepted("next.wav", song(3.0, 44_100).wav_16(), "identity").await;
    busy(&api, "pool", &next).await;
    assert!(began.elapsed() < Duration::from_secs(8), "the cancelled chunk was worked on to its end");
    api.until_state(&next, "done").await;
    assert_eq!(pid(&machines(&api).await[0]), pid(&worker), "the same worker, alive and well");
    until_empty(|| place.queues()).await;
    assert_eq!(api.show(&track).await["state"], "cancelled");
}

#[tokio::test]
async fn without_a_broker_songs_are_taken_and_wait() {
    let broker = Broker::start();
    broker.kill();
    let server = server(&quick(), broker.urls());
    let api = server.api();
    let track = api.accepted("song.wav", song(5.0, 44_100).wav_16(), "identity").await;
    let queue = api.json(api.request(Method::GET, "/api/v1/queue")).await;
    assert_eq!(queue["connected"], false, "{queue}");
    let mut settings = Settings::default().set("broker.url", &broker.urls().worker);
    settings = settings.set("broker.reconnect_s", 0.5);
    let _pool = karaoke_tests::Workers::start_without_waiting(&settings, "pool", 1);
    broker.restart();
    api.until_state(&track, "done").await;
}
