//! Workers as they are remembered, and the operator's orders to them, in one process.

use karaoke_tests::program::command;
use karaoke_tests::sound::song;
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Program, Settings};
use reqwest::Method;
use serde_json::Value;

const ADMIN: &str = "admin-key";

fn settings() -> Settings {
    let settings = Settings::default().set("worker.workers", 2).set("http.admin_key", ADMIN);
    settings.set("broker.presence_s", 0.2).set("chunking.windows_per_chunk", 1)
}

async fn order(api: &Api, worker: &str, order: &str) -> u16 {
    let path = format!("/api/v1/workers/{worker}/{order}");
    let request = api.request(Method::POST, &path).header("x-admin-key", ADMIN);
    request.send().await.unwrap().status().as_u16()
}

async fn workers(api: &Api, query: &str) -> Vec<Value> {
    let answer = api.json(api.request(Method::GET, &format!("/api/v1/workers{query}"))).await;
    answer["workers"].as_array().unwrap().clone()
}

async fn worker(api: &Api, id: &str) -> Value {
    let all = workers(api, "?state=all").await;
    all.into_iter().find(|worker| worker["id"] == id).unwrap_or_default()
}

async fn until_worker(api: &Api, id: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    until("the worker is so", || async { Some(worker(api, id).await).filter(|worker| is_it(worker)) }).await
}

async fn separate(api: &Api) {
    let track = api.accepted("song.wav", song(6.0, 44_100).wav_16(), "identity").await;
    api.until_state(&track, "done").await;
}

#[tokio::test]
async fn a_drained_worker_takes_no_jobs_until_it_is_restarted() {
    let program = Program::start(settings());
    let api = program.api();
    until_worker(&api, "w1", |w| w["state"] == "idle").await;
    let refused = api.request(Method::POST, "/api/v1/workers/w1/drain").send().await.unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(order(&api, "nobody", "drain").await, 404);
    assert_eq!(order(&api, "w1", "dance").await, 404);
    assert_eq!(order(&api, "w1", "drain").await, 202);
    let drained = until_worker(&api, "w1", |w| w["state"] == "drained").await;
    assert_eq!((&drained["health"], &drained["away"]), (&"alive".into(), &"drain".into()));
    separate(&api).await;
    let served = |worker: &Value| worker["totals"]["served"].as_u64().unwrap();
    assert_eq!(served(&worker(&api, "w1").await), 0);
    assert!(served(&worker(&api, "w2").await) > 0);
    // Also the server's own restart does not bring it back.
    let program = program.kill_and_restart();
    let api = program.api();
    until_worker(&api, "w1", |w| w["state"] == "drained").await;
    assert_eq!(order(&api, "w1", "restart").await, 202);
    until_worker(&api, "w1", |w| w["state"] == "idle" && w["away"].is_null()).await;
    assert_eq!(order(&api, "w2", "stop").await, 202);
    until_worker(&api, "w2", |w| w["state"] == "drained").await;
    separate(&api).await;
    assert!(served(&worker(&api, "w1").await) > 0);
}

#[tokio::test]
async fn a_worker_that_is_stopped_lets_go_of_its_chunk_at_once() {
    // A chunk of six windows of five seconds each.
    let slow = settings().set("chunking.windows_per_chunk", 6).set("simulation.window_seconds", 2.0);
    let program = Program::start(slow.set("worker.workers", 1));
    let api = program.api();
    let track = api.accepted("song.wav", song(12.0, 44_100).wav_16(), "identity").await;
    until_worker(&api, "w1", |w| w["current"].is_object()).await;
    assert_eq!(order(&api, "w1", "stop").await, 202);
    let stopped = until_worker(&api, "w1", |w| w["state"] == "drained").await;
    assert_eq!(stopped["totals"]["served"], 0, "{stopped}");
    assert_eq!(api.show(&track).await["chunks_done"], 0);
    assert_eq!(order(&api, "w1", "restart").await, 202);
    let view = api.until_state(&track, "done").await;
    assert_eq!(view["chunks_done"], view["chunks_total"]);
}

#[tokio::test]
async fn what_workers_did_and_suffered_is_remembered() {
    let crashing =
        settings().set("simulation.workers_unhealthy", 1).set("simulation.simulate_crash_after", 0.1);
    let program =
        Program::start(crashing.set("simulation.workers_healthy", 1).set("simulation.window_seconds", 0.1));
    let api = program.api();
    separate(&api).await;
    let crashed = until_worker(&api, "w2", |w| w["totals"]["crashes"] == 1).await;
    assert_eq!((&crashed["health"], &crashed["totals"]["runs"]), (&"crashed".into(), &1.into()));
    assert_eq!(workers(&api, "?state=crashed").await.len(), 1);
    assert_eq!(workers(&api, "?state=alive").await.len(), 1);
    let wrong = api.request(Method::GET, "/api/v1/workers?state=well").send().await.unwrap();
    assert_eq!(wrong.status(), 422);
    let before = worker(&api, "w1").await;
    until("it is written down", || async {
        let listed = listed(&program, &["--workers"]);
        listed.contains(&format!("\t{}\t0\t0", before["totals"]["served"])).then_some(())
    })
    .await;
    assert_eq!(
        listed(&program, &[]).lines().count(),
        2,
        "a line for this machine: {}",
        listed(&program, &[])
    );

    let program = program.kill_and_restart();
    let api = program.api();
    let after = until_worker(&api, "w1", |w| w["totals"]["runs"] == 2).await;
    assert_eq!(after["first_seen_at"], before["first_seen_at"]);
    assert!(after["totals"]["served"].as_u64() >= before["totals"]["served"].as_u64(), "{after}");
    let nodes = api.json(api.request(Method::GET, "/api/v1/nodes")).await;
    let [node] = &nodes["nodes"].as_array().unwrap()[..] else { panic!("{nodes}") };
    assert_eq!((&node["workers"], &node["host"]), (&2.into(), &after["host"]));
    assert!(node["totals"]["crashes"].as_u64() >= Some(1), "{node}");
}

/// What `karaoke nodes` prints.
fn listed(program: &Program, arguments: &[&str]) -> String {
    let mut command = command(&Settings::default());
    command.env("KARAOKE__STORE__DIR", program.store()).arg("nodes").args(arguments);
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
