//! Seeded chaos: while three songs are separated, whatever there is is killed, frozen and started again, and
//! replies are lost and doubled. Afterwards everything is as if nothing had happened.
//!
//! `CHAOS_SEEDS=1-30` (see `make chaos`) runs those seeds and prints what each of them did; with `CHAOS_LOG=1`
//! also what pools and server have logged.

use karaoke_tests::api::Track;
use karaoke_tests::cluster::{machines, pid, quick, server, undisturbed, until_empty, workers};
use karaoke_tests::program::signal;
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until;
use karaoke_tests::{Broker, Program, Settings, Workers};
use reqwest::Method;
use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// What happens at most in one run, and how often of that to what takes seconds to come back.
const ACTS: usize = 14;
const BROKER_DEATHS: u32 = 2;
const SERVER_DEATHS: u32 = 3;
/// A run in which nothing more comes for so long has failed.
const TIMEOUT: Duration = Duration::from_secs(150);

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    KillWorker,
    FreezeWorker,
    KillPool,
    KillBroker,
    FreezeBroker,
    KillServer,
    FreezeServer,
}

/// How likely each is.
const WEIGHTS: [(Act, u64); 7] = [
    (Act::KillWorker, 6),
    (Act::FreezeWorker, 4),
    (Act::KillPool, 2),
    (Act::KillBroker, 2),
    (Act::FreezeBroker, 1),
    (Act::KillServer, 3),
    (Act::FreezeServer, 1),
];

/// Songs, their models, and the stem that is compared.
fn songs() -> [(Sound, &'static str); 3] {
    [(song(50.0, 44_100), "centre"), (song(35.0, 48_000), "centre"), (song(20.0, 44_100), "identity")]
}

async fn expected() -> &'static Vec<Vec<u8>> {
    static EXPECTED: OnceCell<Vec<Vec<u8>>> = OnceCell::const_new();
    let make = || async {
        let mut stems = Vec::new();
        for (song, model) in songs() {
            stems.push(undisturbed(&song, model).await);
        }
        stems
    };
    EXPECTED.get_or_init(make).await
}

/// Numbers that a seed determines (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn act(&mut self) -> Act {
        let mut at = self.roll(WEIGHTS.iter().map(|(_, weight)| weight).sum());
        for (act, weight) in WEIGHTS {
            match at.checked_sub(weight) {
                None => return act,
                Some(rest) => at = rest,
            }
        }
        Act::KillWorker
    }
}

/// Everything that is running, and what is done to it.
struct Stage {
    dice: Dice,
    broker: Broker,
    server: Program,
    pools: Vec<Option<Workers>>,
    settings: Settings,
    tracks: Vec<Track>,
    frozen: Vec<(u32, Instant)>,
    done: BTreeMap<Act, u32>,
}

impl Stage {
    async fn set(seed: u64) -> Self {
        let settings = quick()
            .set("simulation.window_seconds", 0.25)
            .set("simulation.drop_replies", 0.06)
            .set("simulation.double_replies", 0.15)
            .set("simulation.seed", seed)
            .set("http.admin_key", "chaos");
        let broker = Broker::start();
        let server = server(&settings, broker.urls());
        let pools = (0..2).map(|n| Some(workers(&settings, broker.urls(), &format!("pool{n}"), 2))).collect();
        let mut tracks = Vec::new();
        for (n, (song, model)) in songs().iter().enumerate() {
            let name = format!("song{n}.wav");
            tracks.push(server.api().accepted(&name, song.wav_16(), model).await);
        }
        let (frozen, done) = (Vec::new(), BTreeMap::new());
        Self { dice: Dice(seed), broker, server, pools, settings, tracks, frozen, done }
    }

    /// Chunks done of all tracks; none: every track is done.
    async fn progress(&self) -> Option<u64> {
        let (mut chunks, mut finished) = (0, 0);
        for track in &self.tracks {
            let view = self.server.api().show(track).await;
            let state = view["state"].as_str().expect("a state");
            assert!(state != "failed" && state != "cancelled", "{view}");
            finished += usize::from(state == "done");
            chunks += view["chunks_done"].as_u64().expect("a number");
        }
        (finished < self.tracks.len()).then_some(chunks)
    }

    /// Lets the work go on for a few chunks, or for a while when there are none. False when all is done.
    async fn go_on(&mut self) -> bool {
        let (chunks, patience) = (self.dice.roll(4), Duration::from_millis(300 + self.dice.roll(900)));
        let began = Instant::now();
        let Some(before) = self.progress().await else { return false };
        loop {
            self.wake(false);
            match self.progress().await {
                None => return false,
                Some(now) if now >= before + chunks.max(1) || began.elapsed() > patience => return true,
                Some(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// Wakes what has been frozen for long enough, or all.
    fn wake(&mut self, all: bool) {
        let now = Instant::now();
        let due = |at: Instant| all || at <= now;
        self.frozen.iter().filter(|(_, at)| due(*at)).for_each(|(pid, _)| signal(*pid, "CONT"));
        self.frozen.retain(|(_, at)| !due(*at));
    }

    async fn strike(&mut self) {
        let act = self.dice.act();
        let times = self.done.get(&act).copied().unwrap_or(0);
        match act {
            Act::KillWorker | Act::FreezeWorker => return self.strike_worker(act).await,
            Act::KillPool => {
                let n = self.dice.roll(self.pools.len() as u64) as usize;
                self.pools[n] = None;
                let settings = self.settings.clone().set("broker.url", &self.broker.urls().worker);
                self.pools[n] = Some(Workers::start_without_waiting(&settings, &format!("pool{n}"), 2));
            }
            Act::KillBroker if times < BROKER_DEATHS => {
                self.broker.kill();
                self.broker.restart();
            }
            Act::KillServer if times < SERVER_DEATHS => {
                self.server.kill();
                self.server.restart();
            }
            Act::FreezeBroker => {
                self.broker.freeze();
                tokio::time::sleep(Duration::from_millis(300 + self.dice.roll(2000))).await;
                self.broker.resume();
            }
            Act::FreezeServer => {
                signal(self.server.pid(), "STOP");
                tokio::time::sleep(Duration::from_millis(300 + self.dice.roll(2500))).await;
                signal(self.server.pid(), "CONT");
            }
            Act::KillBroker | Act::KillServer => return,
        }
        *self.done.entry(act).or_default() += 1;
    }

    async fn strike_worker(&mut self, act: Act) {
        let mut alive = machines(&self.server.api()).await;
        alive.retain(|w| w["health"] == "alive");
        if alive.is_empty() {
            return;
        }
        let victim = pid(&alive[self.dice.roll(alive.len() as u64) as usize]);
        if act == Act::KillWorker {
            signal(victim, "KILL");
        } else {
            signal(victim, "STOP");
            self.frozen.push((victim, Instant::now() + Duration::from_millis(200 + self.dice.roll(4000))));
        }
        *self.done.entry(act).or_default() += 1;
    }

    async fn check(&mut self) {
        let api = self.server.api();
        for (track, expected) in self.tracks.iter().zip(expected().await) {
            assert!(api.stem(track, "vocals.wav?bits=float").await == *expected, "{} has changed", track.id);
        }
        until_empty(|| self.broker.queues()).await;
        until("nothing is in flight", || async {
            let queue = api.json(api.request(Method::GET, "/api/v1/queue")).await;
            (queue["in_flight"] == 0 && queue["backlog"] == 0 && queue["tracks"] == 0).then_some(())
        })
        .await;
        let files: Vec<String> =
            self.server.audio_files().iter().map(|p| p.to_string_lossy().into_owned()).collect();
        let left =
            |f: &String| ["layer", ".part", "upload", "model.f32", "incoming"].iter().any(|w| f.contains(w));
        assert!(!files.iter().any(left), "left on disk: {files:?}");
        for track in &self.tracks {
            let deleted = api.about(Method::DELETE, track, "").send().await.expect("an answer");
            assert_eq!(deleted.status(), 204);
        }
        assert!(self.server.audio_files().is_empty(), "left on disk: {:?}", self.server.audio_files());
        assert_eq!(rows(&self.server), "0 0", "left in SQLite");
    }
}

/// The number of tracks and chunks in a server's database.
fn rows(server: &Program) -> String {
    let ask = "import sqlite3, sys\nd = sqlite3.connect(sys.argv[1])\n\
               print(*(d.execute(f'SELECT COUNT(*) FROM {t}').fetchone()[0] for t in ('tracks', 'chunks')))";
    let path = server.store().join("karaoke.sqlite");
    let output = Command::new("python3").arg("-c").arg(ask).arg(path).output().expect("python3");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

async fn run(seed: u64) {
    expected().await;
    let began = Instant::now();
    let mut stage = Stage::set(seed).await;
    let mut acts = 0;
    while acts < ACTS && stage.go_on().await {
        stage.strike().await;
        acts += 1;
    }
    stage.wake(true);
    while stage.progress().await.is_some() {
        assert!(began.elapsed() < TIMEOUT, "seed {seed} does not end; {:?}", stage.done);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let took = began.elapsed().as_secs_f64();
    stage.check().await;
    if std::env::var_os("CHAOS_LOG").is_some() {
        stage.pools.iter().flatten().for_each(|pool| eprintln!("{}", pool.log()));
        eprintln!("{}", stage.server.log());
    }
    println!("seed {seed}: same bits after {took:.1} s and {:?}", stage.done);
}

/// `1-30`, or `4`.
fn seeds() -> std::ops::RangeInclusive<u64> {
    let asked = std::env::var("CHAOS_SEEDS").unwrap_or_else(|_| "1-2".into());
    let (from, to) = asked.split_once('-').unwrap_or((&asked, &asked));
    let number = |text: &str| text.parse().expect("CHAOS_SEEDS is a number, or two with a dash");
    number(from)..=number(to)
}

#[tokio::test]
async fn nothing_is_lost_and_no_bit_changes() {
    for seed in seeds() {
        run(seed).await;
    }
}
