//! Workers that misbehave as the configuration says: one of each kind beside healthy ones.

use karaoke_stomp::{Client, Headers, Options};
use karaoke_tests::cluster::{machines, quick, server, sum, undisturbed, until_empty, workers};
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until;
use karaoke_tests::{Api, Broker, Program, Settings, Track};
use reqwest::Method;
use tokio::sync::OnceCell;

fn a_song() -> Sound {
    song(60.0, 44_100)
}

async fn expected() -> &'static Vec<u8> {
    static EXPECTED: OnceCell<Vec<u8>> = OnceCell::const_new();
    EXPECTED.get_or_init(|| async { undisturbed(&a_song(), "centre").await }).await
}

/// Two healthy workers and one that has a fault from its first chunk on; returns the server when the song is
/// done as it should be, and the song.
async fn survives(fault: &str, more: impl Fn(Settings) -> Settings) -> (Program, Track) {
    let place = Broker::shared().virtual_host(&format!("fault-{fault}"));
    let server = server(&quick(), &place.urls);
    let faulty = quick()
        .set("simulation.workers_healthy", 2)
        .set("simulation.workers_unhealthy", 1)
        .set("simulation.simulate_crash_after", 0)
        .set("simulation.fault", fault);
    let settings = more(faulty).set("broker.url", &place.urls.worker);
    let _pool = karaoke_tests::Workers::start_as_configured(&settings, "pool");
    let api = server.api();
    let track = api.accepted("song.wav", a_song().wav_16(), "centre").await;
    api.until_state(&track, "done").await;
    assert!(api.stem(&track, "vocals.wav?bits=float").await == *expected().await, "{fault}");
    (server, track)
}

/// What the song's receipt says of attempts that brought nothing: the outcome of each.
async fn failed_attempts(api: &Api, track: &Track) -> Vec<String> {
    let receipt = api.json(api.about(Method::GET, track, "/receipt")).await;
    let chunks = receipt["chunks"].as_array().expect("chunks").iter();
    let failed = chunks.flat_map(|chunk| chunk["failed"].as_array().expect("attempts").clone());
    failed.map(|attempt| attempt["outcome"].as_str().expect("an outcome").to_owned()).collect()
}

#[tokio::test]
async fn one_that_dies() {
    let (server, track) = survives("kill", |s| s).await;
    let api = server.api();
    until("its death is known", || async {
        machines(&api).await.into_iter().find(|w| w["health"] == "crashed")
    })
    .await;
    assert_eq!(sum(&api, "lost").await, 1);
    assert_eq!(failed_attempts(&api, &track).await, ["lost"]);
    assert!(server.log().contains("chunk goes back"));
}

#[tokio::test]
async fn one_that_freezes() {
    let (server, _) = survives("hang", |s| s).await;
    until("it is missed", || async {
        let gone = |w: &serde_json::Value| w["health"] == "suspect" || w["health"] == "gone";
        machines(&server.api()).await.into_iter().find(gone)
    })
    .await;
}

#[tokio::test]
async fn one_that_hands_everything_back() {
    let (server, track) = survives("nack", |s| s).await;
    let failed = failed_attempts(&server.api(), &track).await;
    assert!(!failed.is_empty() && failed.iter().all(|outcome| outcome == "returned"), "{failed:?}");
    assert!(sum(&server.api(), "failures").await >= 1);
    assert!(server.log().contains("chunk handed back"));
}

#[tokio::test]
async fn one_that_replies_rubbish() {
    let (server, track) = survives("corrupt", |s| s).await;
    let failed = failed_attempts(&server.api(), &track).await;
    assert!(failed.contains(&"refused".to_owned()), "{failed:?}");
    assert!(sum(&server.api(), "refused").await >= 1);
    assert!(server.log().contains("corrupt reply refused"));
}

#[tokio::test]
async fn one_that_is_slow() {
    let (server, _) = survives("slow", |s| s.set("simulation.slow_factor", 40)).await;
    assert!(server.log().contains("a spare copy is sent"), "{}", server.log());
}

#[tokio::test]
async fn replies_that_are_lost_or_come_twice() {
    let (server, _) = survives("lossy", |s| {
        s.set("simulation.fault", "kill")
            .set("simulation.workers_unhealthy", 0)
            .set("simulation.drop_replies", 0.2)
            .set("simulation.double_replies", 0.4)
            .set("simulation.seed", 7)
    })
    .await;
    assert!(sum(&server.api(), "served").await > 0);
}

#[tokio::test]
async fn a_chunk_that_kills_every_worker_fails_its_track_and_no_other() {
    let place = Broker::shared().virtual_host("poison");
    let server = server(&quick(), &place.urls);
    let settings = quick()
        .set("simulation.workers_healthy", 0)
        .set("simulation.workers_unhealthy", 2)
        .set("simulation.simulate_crash_after", 0)
        .set("simulation.fault", "kill")
        .set("simulation.fault_model", "identity")
        .set("simulation.restart_crashed", true)
        .set("broker.url", &place.urls.worker);
    let _pool = karaoke_tests::Workers::start_as_configured(&settings, "pool");
    let api = server.api();
    let poison = api.accepted("poison.wav", song(3.0, 44_100).wav_16(), "identity").await;
    let good = api.accepted("good.wav", a_song().wav_16(), "centre").await;
    let view = until("the poison track has failed", || async {
        let view = api.show(&poison).await;
        (view["state"] == "failed").then_some(view)
    })
    .await;
    let detail = view["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("could not be separated") && detail.contains("attempts failed"), "{detail}");
    api.until_state(&good, "done").await;
    assert!(api.stem(&good, "vocals.wav?bits=float").await == *expected().await);
    until_empty(|| place.queues()).await;
}

#[tokio::test]
async fn rubbish_in_every_queue_harms_nobody() {
    let place = Broker::shared().virtual_host("rubbish");
    let server = server(&quick(), &place.urls);
    let _pool = workers(&quick(), &place.urls, "pool", 2);
    let api = server.api();
    let results = until("the server's queue is there", || async {
        place.queues().into_iter().map(|q| q.name).find(|name| name.starts_with("karaoke.results."))
    })
    .await;
    let stranger = Client::connect(&Options::from_url(&place.urls.url).unwrap()).await.unwrap();
    let named = |n: u32| {
        Headers::new().with("schema", n).with("track", "x").with("chunk", -1).with("windows", u64::MAX)
    };
    for n in 0..20 {
        for to in [&format!("/amq/queue/{results}"), "/amq/queue/karaoke.jobs.centre.cpu"] {
            stranger.send_with_receipt(to, named(n), vec![n as u8; 1000].into()).await.unwrap();
        }
        for topic in ["/topic/karaoke.presence", "/topic/karaoke.notices"] {
            stranger
                .send(topic, named(n), b"{\"notice\":\"cancelled\",\"track\":7}"[..].into())
                .await
                .unwrap();
        }
    }
    let track = api.accepted("song.wav", a_song().wav_16(), "centre").await;
    api.until_state(&track, "done").await;
    assert!(api.stem(&track, "vocals.wav?bits=float").await == *expected().await);
    until_empty(|| place.queues()).await;
}
