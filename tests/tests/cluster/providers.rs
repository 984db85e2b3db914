//! Workers of two execution providers (pretended): a track stays with one as long as it has workers, and not longer.

use karaoke_tests::api::{Api, Track};
use karaoke_tests::cluster::{busy, machines, quick, server, undisturbed, until_done, workers};
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until;
use karaoke_tests::{Broker, Settings, VirtualHost, Workers};
use reqwest::Method;
use serde_json::{Value, json};

fn songs() -> [Sound; 2] {
    [song(120.0, 44_100), song(60.0, 44_100)]
}

/// A pool that is called as its provider.
fn pool(settings: &Settings, place: &VirtualHost<'_>, provider: &str, count: usize) -> Workers {
    workers(&settings.clone().set("simulation.provider", provider), &place.urls, provider, count)
}

/// Workers that have done chunks of a track, by the beginning of their names.
async fn pools_of(api: &Api, track: &Track) -> Vec<String> {
    let all = api.json(api.about(Method::GET, track, "/chunks")).await;
    let names = all["chunks"]
        .as_array()
        .expect("chunks")
        .iter()
        .filter(|c| c["state"] == "done")
        .filter_map(|c| c["worker"].as_str());
    let mut pools: Vec<String> = names.map(|n| n.split('.').next().unwrap().to_owned()).collect();
    pools.sort();
    pools.dedup();
    pools
}

async fn providers(api: &Api, track: &Track) -> Value {
    api.show(track).await["providers"].clone()
}

#[tokio::test]
async fn a_track_stays_with_its_provider_and_goes_on_with_another_when_none_is_left() {
    let place = Broker::shared().virtual_host("providers");
    let mut server = server(&quick(), &place.urls);
    let (_beta, alpha) = (pool(&quick(), &place, "beta", 1), pool(&quick(), &place, "alpha", 2));
    let api = server.api();
    let [long, short] = songs();
    until("all are heard", || async { (machines(&api).await.len() == 3).then_some(()) }).await;
    let seen = machines(&api).await;
    assert!(
        seen.iter().all(|w| w["id"].as_str().unwrap().starts_with(w["provider"].as_str().unwrap())),
        "{seen:?}"
    );
    assert!(seen.iter().all(|w| w["provider_why"] == "simulation.provider says so"), "{seen:?}");

    // The first goes where there is most room, the second where there is most left.
    let first = api.accepted("first.wav", long.wav_16(), "centre").await;
    busy(&api, "alpha", &first).await;
    let second = api.accepted("second.wav", short.wav_16(), "centre").await;
    until_done(&api, &second, 1).await;
    assert_eq!(
        (providers(&api, &first).await, providers(&api, &second).await),
        (json!(["alpha"]), json!(["beta"]))
    );

    // A server that comes back knows it still.
    server.kill();
    server.restart();
    let api = server.api();
    until_done(&api, &first, 4).await;
    assert_eq!(pools_of(&api, &first).await, ["alpha"]);
    assert_eq!(pools_of(&api, &second).await, ["beta"]);

    // All of one provider's workers go, and do not come back.
    drop(alpha);
    api.until_state(&first, "done").await;
    assert_eq!(providers(&api, &first).await, json!(["alpha", "beta"]));
    assert_eq!(pools_of(&api, &first).await, ["alpha", "beta"]);
    assert!(server.log().contains("no worker of the provider is left"), "{}", server.log());
    api.until_state(&second, "done").await;
    assert_eq!(providers(&api, &second).await, json!(["beta"]));
    for (track, song) in [(&first, &long), (&second, &short)] {
        // Both only pretend, so that they round alike.
        assert!(api.stem(track, "vocals.wav?bits=float").await == undisturbed(song, "centre").await);
    }
}

#[tokio::test]
async fn workers_that_are_started_again_keep_their_track() {
    let place = Broker::shared().virtual_host("providers-blip");
    let server = server(&quick(), &place.urls);
    // Ten seconds of absence are a blip.
    let settings = quick().set("broker.presence_s", 1);
    let (_beta, alpha) = (pool(&settings, &place, "beta", 1), pool(&settings, &place, "alpha", 2));
    let api = server.api();
    until("all are heard", || async { (machines(&api).await.len() == 3).then_some(()) }).await;
    let [_, song] = songs();
    let track = api.accepted("song.wav", song.wav_16(), "centre").await;
    busy(&api, "alpha", &track).await;
    let gone = |w: &Value| w["id"].as_str().unwrap().starts_with("alpha") && w["health"] != "alive";
    assert!(alpha.leave().success());
    until("they are known to have left", || async {
        (machines(&api).await.iter().filter(|w| gone(w)).count() == 2).then_some(())
    })
    .await;
    let _alpha = pool(&settings, &place, "alpha", 2);
    api.until_state(&track, "done").await;
    assert_eq!(providers(&api, &track).await, json!(["alpha"]));
    assert_eq!(pools_of(&api, &track).await, ["alpha"]);
}
