//! Models that are installed while workers work.

use karaoke_tests::Broker;
use karaoke_tests::cluster::{quick, server, workers};
use karaoke_tests::models::identity_and_late;
use karaoke_tests::program::root;
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::until_sync;

#[tokio::test]
async fn a_model_that_is_installed_later_is_served_without_a_restart_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    identity_and_late(dir.path(), "");
    let place = Broker::shared().virtual_host("new-models");
    let settings = quick().models(dir.path());
    let server = server(&settings, &place.urls);
    let pool = workers(&settings, &place.urls, "pool", 2);
    let (api, sound) = (server.api(), song(3.0, 44_100));
    let first = api.accepted("song.wav", sound.wav_float(), "identity").await;
    api.until_state(&first, "done").await;
    std::fs::copy(root().join("models/identity.onnx"), dir.path().join("late.onnx")).unwrap();
    let second = api.accepted("song.wav", sound.wav_float(), "late").await;
    api.until_state(&second, "done").await;
    let stem = api.stem(&second, "instrumental.wav?bits=float").await;
    assert_eq!(Sound::from_wav(&stem).bits(), sound.bits());
    until_sync("both workers were replaced", || {
        (pool.log().matches("for the models that are installed now").count() == 2).then_some(())
    });
    assert!(!pool.log().contains("ended with exit status"), "{}", pool.log());
}
