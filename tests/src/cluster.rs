//! A server and pools of workers around a broker, and what can be asked of them.

use crate::api::{Api, Track};
use crate::broker::{Queue, Urls};
use crate::program::{Program, Settings};
use crate::sound::Sound;
use crate::wait::until;
use crate::workers::Workers;
use reqwest::Method;
use serde_json::Value;

/// Settings that show within seconds what takes longer in real life.
pub fn quick() -> Settings {
    Settings::default()
        .set("broker.heartbeat_ms", 1000)
        .set("broker.presence_s", 0.3)
        .set("broker.reconnect_s", 0.5)
        .set("dispatch.lease_s", 4)
        // What is killed is one worker.
        .set("worker.processes", 64)
        .set("chunking.windows_per_chunk", 1)
        .set("simulation.window_seconds", 0.4)
}

/// `karaoke server` with a server's rights at a broker.
pub fn server(settings: &Settings, broker: &Urls) -> Program {
    Program::start_server(settings.clone().set("broker.url", &broker.server))
}

/// `karaoke worker` with a worker's rights at a broker.
pub fn workers(settings: &Settings, broker: &Urls, id: &str, count: usize) -> Workers {
    Workers::start(&settings.clone().set("broker.url", &broker.worker), id, count)
}

/// What one process makes of a song: a stem as a float WAV.
pub async fn undisturbed(song: &Sound, model: &str) -> Vec<u8> {
    let program = Program::start(Settings::default());
    let api = program.api();
    let track = api.accepted("song.wav", song.wav_16(), model).await;
    api.until_state(&track, "done").await;
    api.stem(&track, "vocals.wav?bits=float").await
}

/// The workers, as the server knows them.
pub async fn machines(api: &Api) -> Vec<Value> {
    let all = api.json(api.request(Method::GET, "/api/v1/workers")).await;
    all["workers"].as_array().expect("workers").clone()
}

/// Waits for a worker of a pool that has a chunk of a track in hand.
pub async fn busy(api: &Api, pool: &str, track: &Track) -> Value {
    until("a worker has a chunk in hand", || async {
        let of_pool = |w: &Value| w["id"].as_str().is_some_and(|id| id.starts_with(pool));
        let at_it = |w: &Value| w["health"] == "alive" && w["current"]["track"] == track.id.as_str();
        machines(api).await.into_iter().find(|w| of_pool(w) && at_it(w))
    })
    .await
}

/// A worker's process id.
pub fn pid(worker: &Value) -> u32 {
    worker["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("a process id")
}

/// Waits until so many chunks of a track are done.
pub async fn until_done(api: &Api, track: &Track, chunks: u64) {
    until("some chunks are done", || async {
        (api.show(track).await["chunks_done"].as_u64() >= Some(chunks)).then_some(())
    })
    .await;
}

/// The sum of a column over all workers.
pub async fn sum(api: &Api, column: &str) -> u64 {
    machines(api).await.iter().filter_map(|w| w[column].as_u64()).sum()
}

/// Waits until no queue holds a message.
pub async fn until_empty(queues: impl Fn() -> Vec<Queue>) {
    until("nothing is left at the broker", || async {
        queues().iter().all(|q| q.messages == 0).then_some(())
    })
    .await;
}
