//! Separate hosts: whichever of them is cut off and comes back, the song is finished, and not a bit of it changes.
//!
//! A pulled cable closes no connection. Nobody is told anything; everybody has to notice that it is silent.

use karaoke_tests::api::Track;
use karaoke_tests::cluster::{busy, machines, quick, sum, undisturbed, until_done};
use karaoke_tests::hosts::Cut;
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until_sync;
use karaoke_tests::{Api, Broker, Host, Network, Program, Workers};
use reqwest::Method;
use serde_json::Value;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// Two heart-beats' time of silence is a loss, here two seconds; the rest is for a busy machine.
const NOTICED: Duration = Duration::from_secs(6);
/// Connections of a pool of two workers: two of each worker, and the pool's own.
const OF_A_POOL: usize = 5;
/// Connections of a server.
const OF_A_SERVER: usize = 2;

/// A song of fourteen chunks.
fn a_song() -> Sound {
    song(60.0, 48_000)
}

/// What one process makes of it.
async fn expected() -> &'static Vec<u8> {
    static EXPECTED: OnceCell<Vec<u8>> = OnceCell::const_new();
    EXPECTED.get_or_init(|| async { undisturbed(&a_song(), "centre").await }).await
}

/// A broker, a server and two pools of two workers, each on a host of its own. Leaves in this order.
struct Lab {
    anna: Workers,
    bert: Workers,
    server: Program,
    broker: Broker,
    hosts: Hosts,
    _network: Network,
}

struct Hosts {
    anna: Host,
    server: Host,
    broker: Host,
}

impl Lab {
    fn build() -> Option<Self> {
        let network = network()?;
        let [anna, bert, server, broker] = ["anna", "bert", "server", "broker"].map(|n| network.host(n));
        let running = Broker::start_on(&broker);
        let urls = running.urls();
        let pool =
            |host: &Host, id: &str| Workers::start(&quick().on(host).set("broker.url", &urls.worker), id, 2);
        Some(Self {
            server: Program::start_server(quick().on(&server).set("broker.url", &urls.server)),
            anna: pool(&anna, "anna"),
            bert: pool(&bert, "bert"),
            broker: running,
            hosts: Hosts { anna, server, broker },
            _network: network,
        })
    }

    /// Waits until the broker has given up everybody.
    fn until_nobody_is_connected(&self) {
        until_sync("the broker has given up everybody", || {
            self.broker.queues().iter().all(|q| q.consumers == 0).then_some(())
        });
    }

    fn until_no_message_is_left(&self) {
        until_sync("nothing is left at the broker", || {
            self.broker.queues().iter().all(|q| q.messages == 0).then_some(())
        });
    }
}

/// None where a machine does not let us have hosts.
fn network() -> Option<Network> {
    let network = Network::lay();
    if let Err(why) = &network {
        eprintln!("skipped: this machine lets nobody set up hosts: {why}");
    }
    network.ok()
}

async fn another_song(api: &Api) -> Track {
    api.accepted("song.wav", a_song().wav_16(), "centre").await
}

async fn is_done_as_ever(api: &Api, track: &Track) {
    api.until_state(track, "done").await;
    assert!(api.stem(track, "vocals.wav?bits=float").await == *expected().await);
}

async fn annas(api: &Api) -> Vec<Value> {
    let mut all = machines(api).await;
    all.retain(|w| w["id"].as_str().is_some_and(|id| id.starts_with("anna")));
    all
}

/// Chunks of anna's that the server had a use for.
async fn served_by_anna(api: &Api) -> u64 {
    annas(api).await.iter().filter_map(|w| w["served"].as_u64()).sum()
}

fn is_missed(worker: &Value) -> bool {
    worker["health"] == "suspect" || worker["health"] == "gone"
}

const LOST: &str = "lost the broker";
const CONNECTED: &str = "connected to the broker";

/// Does something, and waits until programs have logged a line so many times more. How long that took.
fn brings(log: impl Fn() -> String, line: &str, times: usize, what: impl FnOnce()) -> Duration {
    let count = || log().matches(line).count();
    let (wanted, began) = (count() + times, Instant::now());
    what();
    until_sync(&format!("{line}, {times} times"), || (count() >= wanted).then_some(()));
    began.elapsed()
}

/// Cuts a host off, and expects that the connections of these programs are soon found dead.
fn cut_off(host: &Host, how: Cut, log: impl Fn() -> String, connections: usize) {
    let noticed = brings(log, LOST, connections, || host.cut_off(how));
    assert!(noticed < NOTICED, "noticed only after {noticed:?}");
}

#[tokio::test]
async fn a_host_of_workers_is_cut_off_and_comes_back() {
    let Some(lab) = Lab::build() else { return };
    let (api, host) = (lab.server.api(), &lab.hosts.anna);
    for how in [Cut::Cable, Cut::OnTheWay] {
        let track = another_song(&api).await;
        busy(&api, "anna", &track).await;
        cut_off(host, how, || lab.anna.log(), OF_A_POOL);
        is_done_as_ever(&api, &track).await;
        assert!(annas(&api).await.iter().all(is_missed), "{:?}", machines(&api).await);

        let (served, acked) = (served_by_anna(&api).await, || lab.anna.log().matches("acked").count());
        let before = acked();
        brings(|| lab.anna.log(), CONNECTED, OF_A_POOL, || host.mend());
        until_sync("what anna had in hand is handed in", || (acked() > before).then_some(()));
        let next = another_song(&api).await;
        is_done_as_ever(&api, &next).await;
        assert!(served_by_anna(&api).await > served, "{:?}", machines(&api).await);
    }
    lab.until_no_message_is_left();
}

#[tokio::test]
async fn the_servers_host_is_cut_off_and_comes_back() {
    let Some(lab) = Lab::build() else { return };
    let (api, host) = (lab.server.api(), &lab.hosts.server);
    for how in [Cut::Cable, Cut::OnTheWay] {
        let track = another_song(&api).await;
        until_done(&api, &track, 2).await;
        cut_off(host, how, || lab.server.log(), OF_A_SERVER);
        host.mend();
        is_done_as_ever(&api, &track).await;
    }
    lab.until_no_message_is_left();
}

#[tokio::test]
async fn the_brokers_host_is_cut_off_and_comes_back() {
    let Some(lab) = Lab::build() else { return };
    let (api, host) = (lab.server.api(), &lab.hosts.broker);
    let logs = || [lab.server.log(), lab.anna.log(), lab.bert.log()].concat();
    let ready = async || api.request(Method::GET, "/readyz").send().await.unwrap().status();
    for how in [Cut::Cable, Cut::OnTheWay] {
        let track = another_song(&api).await;
        until_done(&api, &track, 2).await;
        cut_off(host, how, logs, OF_A_SERVER + 2 * OF_A_POOL);
        assert_eq!(ready().await, 503);
        // All that was out goes out again.
        lab.until_nobody_is_connected();
        host.mend();
        is_done_as_ever(&api, &track).await;
        assert_eq!(ready().await, 200);
    }
    assert_eq!(sum(&api, "lost").await, 0, "no worker is to blame for that");
    lab.until_no_message_is_left();
}

#[test]
fn a_network_takes_with_it_what_runs_on_its_hosts() {
    let Some(network) = network() else { return };
    let host = network.host("left");
    let mut left = host.command("sleep").arg("1000").spawn().unwrap();
    let is_there = || host.command("true").stderr(Stdio::null()).status().unwrap().success();
    assert!(is_there());
    drop(network);
    until_sync("it is gone", || left.try_wait().unwrap());
    assert!(!is_there());
}
