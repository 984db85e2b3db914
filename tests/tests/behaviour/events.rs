//! Server-sent events: a snapshot, then every change, and on again after a broken connection.

use karaoke_tests::sound::song;
use karaoke_tests::sse::{Event, Events};
use karaoke_tests::{Api, Program, Settings, api::Track};
use reqwest::Method;
use std::collections::BTreeSet;

async fn listen(api: &Api, track: &Track, last: Option<&str>) -> Events {
    let request = api.about(Method::GET, track, "/events");
    let request = match last {
        Some(id) => request.header("last-event-id", id),
        None => request,
    };
    Events::new(request.send().await.unwrap())
}

fn done_chunks(events: &[Event]) -> BTreeSet<u64> {
    let done = events.iter().filter(|e| e.name == "chunk" && e.data["state"] == "done");
    done.map(|e| e.data["index"].as_u64().unwrap()).collect()
}

fn program() -> Program {
    let settings = Settings::default().set("simulation.window_seconds", 0.05);
    Program::start(settings.set("chunking.windows_per_chunk", 1))
}

#[tokio::test]
async fn a_listener_sees_every_chunk_and_the_end() {
    let program = program();
    let api = program.api();
    let track = api.accepted("song.wav", song(20.0, 44_100).wav_16(), "identity").await;
    let events = listen(&api, &track, None).await.rest().await;
    assert_eq!(events[0].name, "snapshot");
    assert_eq!(events[0].data["track"]["id"], track.id);
    let total = events.iter().filter_map(|e| e.data["chunks_total"].as_u64()).max().unwrap();
    let in_snapshot = events[0].data["chunks"].as_array().unwrap();
    let mut done = done_chunks(&events);
    done.extend(in_snapshot.iter().filter(|c| c["state"] == "done").map(|c| c["index"].as_u64().unwrap()));
    assert_eq!(done, (0..total).collect());
    let [.., last, end] = &events[..] else { panic!("too few events") };
    assert_eq!((last.name.as_str(), &last.data["state"]), ("track", &"done".into()));
    assert_eq!(end.name, "end");
}

#[tokio::test]
async fn a_listener_goes_on_where_the_connection_broke() {
    let program = program();
    let api = program.api();
    let track = api.accepted("song.wav", song(20.0, 44_100).wav_16(), "identity").await;
    let mut first = listen(&api, &track, None).await;
    let mut seen = Vec::new();
    while seen.len() < 6 {
        seen.push(first.next().await.expect("more events"));
    }
    drop(first);
    let last = seen.last().unwrap().id.clone();
    let rest = listen(&api, &track, Some(&last)).await.rest().await;
    assert!(rest.iter().all(|e| e.name != "snapshot"), "nothing was missed, so no snapshot is needed");
    let number = |id: &str| id.rsplit('-').next().unwrap().parse::<u64>().unwrap();
    assert_eq!(number(&rest[0].id), number(&last) + 1);
}

#[tokio::test]
async fn an_id_of_another_life_gets_a_snapshot() {
    let program = program();
    let api = program.api();
    let track = api.accepted("song.wav", song(1.0, 44_100).wav_16(), "identity").await;
    api.until_state(&track, "done").await;
    for last in ["0-3", "nonsense", ""] {
        let events = listen(&api, &track, Some(last)).await.rest().await;
        let names: Vec<_> = events.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["snapshot", "end"]);
        assert_eq!(events[0].data["track"]["state"], "done");
    }
}

#[tokio::test]
async fn the_plan_comes_as_a_snapshot_and_a_deletion_as_gone() {
    let settings = Settings::default().set("simulation.window_seconds", 0.3).set("limits.decode_wait_s", 0);
    let program = Program::start(settings);
    let api = program.api();
    let track = api.accepted("song.wav", song(60.0, 44_100).wav_16(), "identity").await;
    let mut events = listen(&api, &track, None).await;
    loop {
        let event = events.next().await.expect("more events");
        if event.name == "snapshot" && !event.data["chunks"].as_array().unwrap().is_empty() {
            break;
        }
    }
    api.about(Method::DELETE, &track, "").send().await.unwrap();
    let rest = events.rest().await;
    assert!(rest.iter().any(|e| e.data["state"] == "cancelled" || e.name == "gone"), "{rest:?}");
}
