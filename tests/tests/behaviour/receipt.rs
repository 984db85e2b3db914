//! What a song cost: the steps, the workers, the bytes, the price.

use karaoke_tests::sound::song;
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings, Track};
use reqwest::Method;
use serde_json::Value;

async fn receipt(api: &Api, track: &Track) -> Value {
    api.json(api.about(Method::GET, track, "/receipt")).await
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

#[tokio::test]
async fn a_receipt_adds_up_and_stays_the_same_after_a_restart() {
    let settings = Settings::default()
        .set("chunking.windows_per_chunk", 1)
        .set("simulation.window_seconds", 0.05)
        .set("billing.currency", "CHF")
        .set("billing.per_audio_minute", 0.3)
        .set("billing.per_compute_second", 0.01);
    let program = Program::start(settings);
    let api = program.api();
    let wav = song(20.0, 48_000).wav_16();
    let size = wav.len();
    let track = api.accepted("My Song.wav", wav, "centre").await;
    assert_eq!(receipt(&api, &track).await["times"]["merge_s"], Value::Null);
    let view = api.until_state(&track, "done").await;
    let vocals = api.stem(&track, "vocals.wav").await.len();
    let part = api.about(Method::GET, &track, "/stems/instrumental.wav").header("Range", "bytes=0-999");
    assert_eq!(part.send().await.unwrap().bytes().await.unwrap().len(), 1000);

    let got = receipt(&api, &track).await;
    assert_eq!(
        (&got["song"], &got["state"], &got["model"]),
        (&"My Song".into(), &"done".into(), &"centre".into())
    );
    assert_eq!(number(&got["audio_s"]), 20.0);
    assert_eq!(got["bytes"], serde_json::json!({ "up": size, "down": vocals + 1000 }));
    let chunks = got["chunks"].as_array().unwrap();
    assert_eq!(chunks.len() as u64, view["chunks_total"].as_u64().unwrap());
    let seconds: f64 = chunks.iter().map(|c| number(&c["seconds"])).sum();
    assert!(seconds >= 0.05 * chunks.len() as f64);
    assert!((seconds - number(&got["compute"]["seconds"])).abs() < 1e-6, "{got}");
    let workers = got["compute"]["by_worker"].as_array().unwrap();
    assert_eq!(workers.iter().map(|w| number(&w["chunks"])).sum::<f64>(), chunks.len() as f64);
    let times = &got["times"];
    let steps = ["queue_wait_s", "decode_s", "separate_s", "merge_s"];
    let sum: f64 = steps.iter().map(|step| number(&times[*step])).sum();
    assert!((sum - number(&times["total_s"])).abs() < 1e-6, "{times}");
    assert!(number(&times["worker_wait_s"]) <= number(&times["separate_s"]));
    let amounts: Vec<f64> =
        got["price"]["lines"].as_array().unwrap().iter().map(|l| number(&l["amount"])).collect();
    assert_eq!((got["price"]["currency"].as_str(), amounts[0]), (Some("CHF"), 0.1));
    assert!((amounts[1] - 0.01 * seconds).abs() <= 5e-5, "{amounts:?}");
    assert!((number(&got["price"]["total"]) - amounts.iter().sum::<f64>()).abs() < 1e-9);
    // What a server's log always told.
    let log = program.log();
    for said in [
        &format!("split into {} chunks", chunks.len()),
        &format!("sending {} jobs", chunks.len()),
        "merged in",
        "s in all",
    ] {
        assert!(log.contains(said), "{said}: {log}");
    }

    let (_, program) = program.terminate_and_restart();
    assert_eq!(receipt(&program.api(), &track).await, got);
}

#[tokio::test]
async fn who_has_no_passcode_sees_no_receipt_and_a_cancelled_track_has_one() {
    let settings = Settings::default()
        .set("simulation.window_seconds", 0.3)
        .set("chunking.windows_per_chunk", 1)
        .set("billing.per_audio_minute", 1.0)
        .set("billing.per_compute_second", 1.0);
    let program = Program::start(settings);
    let api = program.api();
    let track = api.accepted("song.wav", song(60.0, 44_100).wav_16(), "centre").await;
    let wrong = Track { passcode: "wrong".into(), ..track.clone() };
    let answer = api.about(Method::GET, &wrong, "/receipt").send().await.unwrap();
    assert_eq!(Api::problem(answer).await.0, 404);
    until("a chunk is done", || async {
        (number(&receipt(&api, &track).await["compute"]["seconds"]) > 0.0).then_some(())
    })
    .await;
    api.json(api.about(Method::POST, &track, "/cancel")).await;
    let got = receipt(&api, &track).await;
    assert_eq!((&got["state"], &got["times"]["merge_s"]), (&"cancelled".into(), &Value::Null));
    let lines = got["price"]["lines"].as_array().unwrap();
    assert_eq!(number(&lines[0]["amount"]), 0.0, "it was never finished: {lines:?}");
    assert!(number(&got["price"]["total"]) > 0.0);
}

/// What the workers' threads spent on the stages of a chunk, by the clock, as the program's own books say.
fn chunk_stages(folder: &std::path::Path) -> f64 {
    let reports =
        std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    let reports = reports.map(|text| serde_json::from_slice::<Value>(&text).unwrap());
    reports
        .flat_map(|report| report["stages"].as_object().unwrap().values().cloned().collect::<Vec<_>>())
        .map(|stage| number(&stage["workers_wall_s"]))
        .sum()
}

#[tokio::test]
async fn a_receipt_agrees_with_the_books_of_the_stages() {
    let books = tempfile::tempdir().unwrap();
    let settings = Settings::default()
        .set("chunking.windows_per_chunk", 1)
        .set("worker.workers", 1)
        .variable("KARAOKE_STAGES", books.path().display());
    let program = Program::start(settings);
    let api = program.api();
    let track = api.accepted("song.wav", song(60.0, 44_100).wav_16(), "centre").await;
    api.until_state(&track, "done").await;
    let seconds = number(&receipt(&api, &track).await["compute"]["seconds"]);
    // It writes its books when it ends.
    drop(program.terminate_and_restart());
    let booked = chunk_stages(books.path());
    // A chunk's time begins where it is handed to the thread and ends where the thread hands it back.
    assert!(
        seconds >= 0.95 * booked && seconds - booked < 0.1 * seconds + 0.3,
        "{seconds} s, booked {booked} s"
    );
}
