//! The operator's orders to workers over a real broker: what a drained worker held goes to others at once.

use karaoke_tests::cluster::{busy, machines, quick, server, undisturbed, workers};
use karaoke_tests::sound::song;
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Broker};
use reqwest::Method;
use serde_json::Value;

const ADMIN: &str = "admin-key";

async fn order(api: &Api, worker: &str, order: &str) {
    let path = format!("/api/v1/workers/{worker}/{order}");
    let answer = api.request(Method::POST, &path).header("x-admin-key", ADMIN).send().await.unwrap();
    assert_eq!(answer.status(), 202, "{order} {worker}");
}

async fn worker(api: &Api, id: &str) -> Value {
    let all = api.json(api.request(Method::GET, "/api/v1/workers?state=all")).await;
    all["workers"].as_array().unwrap().iter().find(|worker| worker["id"] == id).cloned().unwrap_or_default()
}

async fn until_worker(api: &Api, id: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    until("the worker is so", || async { Some(worker(api, id).await).filter(|worker| is_it(worker)) }).await
}

fn served(worker: &Value) -> u64 {
    worker["totals"]["served"].as_u64().unwrap()
}

#[tokio::test]
async fn a_worker_is_drained_and_stopped_in_mid_song_and_comes_back() {
    let place = Broker::shared().virtual_host("orders");
    // Both workers are in one process: an order is for one of them.
    let settings = quick().set("http.admin_key", ADMIN).set("worker.processes", 1);
    let server = server(&settings, &place.urls);
    let _pool = workers(&settings, &place.urls, "pool", 2);
    let api = server.api();
    until("both are heard", || async { (machines(&api).await.len() == 2).then_some(()) }).await;
    let all = machines(&api).await;
    let [one, two] = [&all[0], &all[1]].map(|worker| worker["id"].as_str().expect("a name"));

    let sound = song(60.0, 44_100);
    let track = api.accepted("song.wav", sound.wav_16(), "centre").await;
    busy(&api, "pool", &track).await;
    order(&api, one, "drain").await;
    let drained = until_worker(&api, one, |w| w["state"] == "drained").await;
    order(&api, two, "stop").await;
    until_worker(&api, two, |w| w["state"] == "drained").await;
    // Nothing is done by anybody, and nothing is stuck with anybody.
    let done = api.show(&track).await["chunks_done"].clone();
    order(&api, one, "restart").await;
    until("it goes on", || async { (api.show(&track).await["chunks_done"] != done).then_some(()) }).await;
    api.until_state(&track, "done").await;
    assert!(served(&worker(&api, one).await) > served(&drained));
    assert_eq!(worker(&api, two).await["state"], "drained", "it was not told to come back");
    let stem = api.stem(&track, "vocals.wav?bits=float").await;
    assert!(stem == undisturbed(&sound, "centre").await, "the bits differ");
    order(&api, two, "restart").await;
    until_worker(&api, two, |w| w["state"] == "idle").await;
}
