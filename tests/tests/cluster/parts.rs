//! Replies in parts over a real broker, whose frames hold one stem of one window of six.

use karaoke_core::Route;
use karaoke_core::presence::{Presence, WorkerState};
use karaoke_core::reply_part::ReplyPart;
use karaoke_core::wire::{Outcome, Reply, Separated};
use karaoke_queue::WorkerQueue;
use karaoke_queue::rabbit::{BrokerConfig, RabbitWorker};
use karaoke_tests::cluster::{busy, pid, quick, server, until_empty, workers};
use karaoke_tests::program::{root, signal};
use karaoke_tests::sound::{Sound, song};
use karaoke_tests::wait::{DEADLINE, until};
use karaoke_tests::{Broker, Settings};
use tokio::time::timeout;

fn six() -> Settings {
    quick().models(&root().join("tests/models")).set("models.default", "six")
}

/// Checks two stems and the sum of five: together they are the song.
async fn check(api: &karaoke_tests::Api, track: &karaoke_tests::api::Track, sound: &Sound) {
    api.until_state(track, "done").await;
    for (stem, fraction) in [("vocals", 0.5), ("other", 0.03125), ("instrumental", 0.5)] {
        let got = Sound::from_wav(&api.stem(track, &format!("{stem}.wav?bits=float")).await);
        assert_eq!(got.frames(), sound.frames());
        let same =
            got.samples.iter().zip(&sound.samples).all(|(g, s)| g.to_bits() == (s * fraction).to_bits());
        assert!(same, "{stem} is not {fraction} of the song");
    }
}

#[tokio::test]
async fn a_killed_worker_and_lost_and_doubled_parts_change_no_bit() {
    let place = Broker::shared().virtual_host("six-stems");
    let server = server(&six(), &place.urls);
    let lossy = six().set("simulation.drop_replies", 0.05).set("simulation.double_replies", 0.2);
    let _pool = workers(&lossy.set("simulation.seed", 5), &place.urls, "pool", 2);
    let api = server.api();
    let wav = song(60.0, 44_100).wav_16();
    let track = api.accepted("song.wav", wav.clone(), "six").await;
    signal(pid(&busy(&api, "pool", &track).await), "KILL");
    check(&api, &track, &Sound::from_wav(&wav)).await;
    assert!(server.log().contains("part kept"));
    until_empty(|| place.queues()).await;
}

#[tokio::test]
async fn a_worker_that_dies_between_two_parts_is_followed_by_one_that_sends_them_all() {
    let place = Broker::shared().virtual_host("six-stems-half");
    let server = server(&six(), &place.urls);
    let config = BrokerConfig { url: place.urls.worker.clone(), prefetch: 1, ..Default::default() };
    let doomed = worker(&config).await;
    let api = server.api();
    let wav = song(20.0, 44_100).wav_16();
    let track = api.accepted("song.wav", wav.clone(), "six").await;
    let job = timeout(DEADLINE, taken(&doomed)).await.expect("a job in time");
    let said = |outcome| Reply {
        track: job.message.track.clone(),
        chunk: job.message.chunk,
        attempt: job.message.attempt,
        worker: "doomed".into(),
        seconds: 0.1,
        outcome,
    };
    doomed.reply(&job.message.reply_to, said(Outcome::Started)).await.unwrap();
    // Silence instead of sound, so that what the next worker sends has to replace it.
    let (window, windows) = (job.message.window, job.message.windows);
    let body = vec![0; windows as usize * 6 * window * 8].into();
    let whole = Separated { windows, stems: 6, window, part: ReplyPart::whole(windows, 6), body };
    let parts = said(Outcome::Separated(whole)).in_parts(job.message.max_reply_bytes);
    assert_eq!(parts.len(), 6);
    for part in parts.into_iter().take(2) {
        doomed.reply(&job.message.reply_to, part).await.unwrap();
    }
    until("two parts are safe", || async { (server.log().matches("part kept").count() >= 2).then_some(()) })
        .await;
    assert_eq!(api.show(&track).await["chunks_done"], 0);
    // Its connections are gone without a goodbye, and its job goes back.
    drop(doomed);
    drop(job);
    // The track stays with the provider that the first one said it had.
    let _pool = workers(&six().set("simulation.provider", "cpu"), &place.urls, "pool", 2);
    check(&api, &track, &Sound::from_wav(&wav)).await;
    until_empty(|| place.queues()).await;
}

async fn worker(config: &BrokerConfig) -> RabbitWorker {
    let worker =
        RabbitWorker::connect(config, "doomed", &[Route::new("six", "cpu")]).await.expect("a worker");
    worker.announce(presence()).await.expect("announced");
    worker
}

async fn taken(worker: &RabbitWorker) -> karaoke_queue::Delivery<karaoke_core::wire::Job> {
    worker.next_job(&[Route::new("six", "cpu")]).await.expect("a job")
}

/// It says so once and is not missed for long.
fn presence() -> Presence {
    Presence {
        state: WorkerState::Working,
        every_s: 600.0,
        ..Presence::new("doomed", vec!["six".into()], "cpu")
    }
}
