//! Whatever is killed, frozen or cut off: the song is finished, and not a bit of it changes.

use karaoke_tests::cluster::{
    busy, machines, pid, quick, server, sum, undisturbed, until_done, until_empty, workers,
};
use karaoke_tests::program::signal;
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until;
use karaoke_tests::{Broker, Settings};
use tokio::sync::OnceCell;

/// A song of fourteen chunks.
fn a_song() -> Sound {
    song(60.0, 48_000)
}

/// What one process makes of it.
async fn expected() -> &'static Vec<u8> {
    static EXPECTED: OnceCell<Vec<u8>> = OnceCell::const_new();
    EXPECTED.get_or_init(|| async { undisturbed(&a_song(), "centre").await }).await
}

#[tokio::test]
async fn two_machines_make_of_a_song_what_one_process_makes() {
    let place = Broker::shared().virtual_host("two-machines");
    let server = server(&Settings::default(), &place.urls);
    let settings = quick().set("simulation.window_seconds", 0.1);
    let pools = ["anna", "bert"].map(|id| workers(&settings, &place.urls, id, 2));
    let api = server.api();
    let track = api.accepted("song.wav", a_song().wav_16(), "centre").await;
    api.until_state(&track, "done").await;
    assert!(api.stem(&track, "vocals.wav?bits=float").await == *expected().await);
    for pool in pools {
        assert!(pool.leave().success());
    }
    until("everybody is known to have left", || async {
        machines(&api).await.iter().all(|w| w["health"] == "left").then_some(())
    })
    .await;
    let left: Vec<_> = place.queues().into_iter().filter(|q| q.messages > 0).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_killed_worker_loses_nothing_and_is_started_again() {
    let place = Broker::shared().virtual_host("killed-worker");
    let server = server(&quick(), &place.urls);
    let _pool = workers(&quick(), &place.urls, "pool", 3);
    let api = server.api();
    let track = api.accepted("song.wav", a_song().wav_16(), "centre").await;
    let victim = busy(&api, "pool", &track).await;
    signal(pid(&victim), "KILL");
    let name = victim["id"].as_str().unwrap();
    until("its end is told", || async { server.log().contains("worker crashed").then_some(()) }).await;
    api.until_state(&track, "done").await;
    assert!(api.stem(&track, "vocals.wav?bits=float").await == *expected().await);
    assert!(sum(&api, "lost").await >= 1, "{:?}", machines(&api).await);
    assert!(server.log().contains("chunk goes back"));
    until("it is back", || async {
        let is_it = |w: &serde_json::Value| w["id"] == name && w["health"] == "alive";
        machines(&api).await.into_iter().find(|w| is_it(w) && w["pid"] != victim["pid"])
    })
    .await;
}

#[tokio::test]
async fn workers_of_one_process_share_it_until_it_does_something_wrong() {
    let place = Broker::shared().virtual_host("shared-process");
    let server = server(&quick(), &place.urls);
    let settings = quick().set("worker.processes", 1);
    let pool = workers(&settings, &place.urls, "pool", 3);
    let api = server.api();
    let pids = || async {
        let alive = machines(&api).await.into_iter().filter(|w| w["health"] == "alive");
        alive.map(|w| pid(&w)).collect::<Vec<_>>()
    };
    let all = until("all are known", || async { Some(pids().await).filter(|pids| pids.len() == 3) }).await;
    assert!(all.iter().all(|pid| *pid == all[0]), "{all:?}");

    let track = api.accepted("song.wav", a_song().wav_16(), "centre").await;
    busy(&api, "pool", &track).await;
    // As when the out-of-memory killer comes: more processes would not help.
    signal(all[0], "KILL");
    let again = until("all are back", || async {
        Some(pids().await).filter(|pids| pids.len() == 3 && !pids.contains(&all[0]))
    })
    .await;
    assert!(again.iter().all(|pid| *pid == again[0]), "{again:?}");

    busy(&api, "pool", &track).await;
    // As when a chunk is more than the code can bear.
    signal(again[0], "ABRT");
    let parted = until("they are back, in two processes", || async {
        Some(pids().await).filter(|pids| pids.len() == 3 && !pids.contains(&again[0]))
    })
    .await;
    let count = |p: u32| parted.iter().filter(|pid| **pid == p).count();
    assert!(parted.iter().map(|pid| count(*pid)).max() == Some(2), "{parted:?}");
    api.until_state(&track, "done").await;
    assert!(api.stem(&track, "vocals.wav?bits=float").await == *expected().await);
    assert!(sum(&api, "lost").await >= 2, "{:?}", machines(&api).await);
    assert!(pool.leave().success());
}

#[tokio::test]
async fn a_frozen_worker_is_missed_and_does_no_harm_when_it_wakes() {
    let place = Broker::shared().virtual_host("frozen-worker");
    let server = server(&quick(), &place.urls);
    let _pool = workers(&quick(), &place.urls, "pool", 2);
    let api = server.api();
    let track = api.accepted("song.wav", a_song().wav_16(), "centre").await;
    let victim = busy(&api, "pool", &track).await;
    signal(pid(&victim), "STOP");
    api.until_state(&track, "done").await;
    signal(pid(&victim), "CONT");
    assert!(api.stem(&track, "vocals.wav?bits=float").await == *expected().await);
    until("it is back", || async {
        machines(&api).await.iter().all(|w| w["health"] == "alive").then_some(())
    })
    .await;
    let again = api.accepted("song.wav", a_song().wav_16(), "centre").await;
    api.until_state(&again, "done").await;
    assert!(api.stem(&again, "vocals.wav?bits=float").await == *expected().await);
}

#[tokio::test]
async fn the_broker_dies_and_comes_back() {
    let broker = Broker::start();
    let server = server(&quick(), broker.urls());
    let _pool = workers(&quick(), broker.urls(), "pool", 2);
    let api = server.api();
    let track = api.accepted("song.wav", a_song().wav_16(), "centre").await;
    for done in [2, 6] {
        until_done(&api, &track, done).await;
        broker.kill();
        let ready = || async {
            let answer = api.request(reqwest::Method::GET, "/readyz").send().await.unwrap();
            answer.status().as_u16()
        };
        until("the server says that it cannot work", || async { (ready().await == 503).then_some(()) }).await;
        broker.restart();
        until("it can again", || async { (ready().await == 200).then_some(()) }).await;
    }
    api.until_state(&track, "done").await;
    assert!(api.stem(&track, "vocals.wav?bits=float").await == *expected().await);
    until_empty(|| broker.queues()).await;
}

#[tokio::test]
async fn the_server_dies_and_comes_back() {
    let place = Broker::shared().virtual_host("server-dies");
    let mut server = server(&quick(), &place.urls);
    let _pool = workers(&quick(), &place.urls, "pool", 2);
    let track = server.api().accepted("song.wav", a_song().wav_16(), "centre").await;
    for done in [3, 7] {
        until_done(&server.api(), &track, done).await;
        server.kill();
        server.restart();
        let after = server.api().show(&track).await["chunks_done"].as_u64().unwrap();
        assert!(after >= done, "{after} chunks after the restart, {done} before");
    }
    let api = server.api();
    api.until_state(&track, "done").await;
    assert!(api.stem(&track, "vocals.wav?bits=float").await == *expected().await);
    until_empty(|| place.queues()).await;
}

#[tokio::test]
async fn a_pool_that_leaves_hands_back_what_it_has_not_begun() {
    let place = Broker::shared().virtual_host("leaving");
    let server = server(&quick(), &place.urls);
    let leaving = workers(&quick(), &place.urls, "leaving", 2);
    let _staying = workers(&quick(), &place.urls, "staying", 1);
    let api = server.api();
    let track = api.accepted("song.wav", a_song().wav_16(), "centre").await;
    busy(&api, "leaving", &track).await;
    let status = leaving.leave();
    assert!(status.success(), "{status}");
    api.until_state(&track, "done").await;
    assert!(api.stem(&track, "vocals.wav?bits=float").await == *expected().await);
    assert_eq!((sum(&api, "lost").await, sum(&api, "failures").await), (0, 0));
}

#[tokio::test]
async fn every_song_comes_home_to_the_server_it_was_handed_in_at() {
    let place = Broker::shared().virtual_host("two-servers");
    let servers = [server(&quick(), &place.urls), server(&quick(), &place.urls)];
    let _pool = workers(&quick(), &place.urls, "pool", 2);
    let songs = [song(20.0, 44_100), song(25.0, 44_100)];
    let mut tracks = Vec::new();
    for (server, song) in servers.iter().zip(&songs) {
        tracks.push(server.api().accepted("song.wav", song.wav_float(), "identity").await);
    }
    for ((server, song), track) in servers.iter().zip(&songs).zip(&tracks) {
        server.api().until_state(track, "done").await;
        let stem = server.api().stem(track, "instrumental.wav?bits=float").await;
        assert!(Sound::from_wav(&stem).bits() == song.bits());
    }
    assert_eq!(machines(&servers[0].api()).await.len(), 2, "both servers see the same workers");
}
