//! Which provider a track is given to, and when it goes to another.

use super::stage::{Stage, announce, presence, separated, until};
use karaoke_core::presence::WorkerState;
use karaoke_core::wire::Outcome;
use karaoke_queue::WorkerQueue;
use karaoke_server::active_track::ActiveTrack;

/// So many workers of `cuda` that they have more room than the one of `cpu` that every stage has.
async fn with_cuda(stage: &Stage) {
    all_say(stage, WorkerState::Working, 60.0).await;
    until("all are heard", || async { (stage.pipeline.registry.views().len() == 4).then_some(()) }).await;
}

async fn all_say(stage: &Stage, state: WorkerState, every_s: f64) {
    for worker in ["c1", "c2", "c3"] {
        stage.queue.announce(presence(worker, "cuda", state, every_s)).await.unwrap();
    }
}

fn providers(track: &ActiveTrack) -> Vec<String> {
    track.view().providers
}

/// Does one chunk on `cuda`.
async fn one_chunk(stage: &Stage) {
    let job = stage.taken_by("c1", "cuda").await;
    stage.say(&job.message, "c1", Outcome::Separated(separated(&job.message))).await;
    job.ack();
    stage.until_heard().await;
}

#[tokio::test]
async fn a_track_goes_where_most_room_is_and_stays_after_a_restart() {
    let stage = Stage::set().await;
    with_cuda(&stage).await;
    let track = stage.song().await;
    one_chunk(&stage).await;
    assert_eq!(providers(&track), ["cuda"]);
    let id = track.id.clone();
    drop(track);
    let stage = stage.restarted().await;
    // Only the other provider is heard by the new life; the track waits for its own.
    announce(&stage.queue, "crew", "cpu", WorkerState::Working).await;
    let track = stage.pipeline.active(&id).expect("it is taken up again");
    stage.do_the_rest_on("cuda", &track).await;
    stage.check_stems(&track).await;
    assert_eq!(providers(&track), ["cuda"]);
}

#[tokio::test]
async fn without_workers_a_track_has_no_provider_and_waits() {
    let stage = Stage::set().await;
    until("it is heard", || async { (stage.pipeline.registry.views().len() == 1).then_some(()) }).await;
    announce(&stage.queue, "crew", "cpu", WorkerState::Left).await;
    until("it has left", || async { stage.pipeline.registry.capacities().is_empty().then_some(()) }).await;
    let track = stage.song().await;
    assert!(providers(&track).is_empty() && stage.queue.waiting_jobs() == 0);
    with_cuda(&stage).await;
    stage.do_the_rest_on("cuda", &track).await;
    stage.check_stems(&track).await;
    assert_eq!(providers(&track), ["cuda"]);
}

#[tokio::test]
async fn a_track_whose_provider_is_gone_goes_on_with_another_and_stays_there() {
    let stage = Stage::set().await;
    with_cuda(&stage).await;
    let track = stage.song().await;
    // One chunk is done, another is out.
    one_chunk(&stage).await;
    let lost = stage.taken_by("c2", "cuda").await;
    // Gone is who is silent for ten times as long as it is from one announcement to the next.
    all_say(&stage, WorkerState::Working, 0.02).await;
    all_say(&stage, WorkerState::Left, 0.02).await;
    until("it is moved", || async { (providers(&track).len() == 2).then_some(()) }).await;
    with_cuda(&stage).await;
    stage.do_the_rest_on("cpu", &track).await;
    stage.check_stems(&track).await;
    assert_eq!(providers(&track), ["cuda", "cpu"]);
    let moved: Vec<_> =
        stage.pipeline.registry.recent_events().into_iter().filter(|h| h.what == "moved").collect();
    assert_eq!(moved.len(), 1, "{moved:?}");
    drop(lost);
}

#[tokio::test]
async fn a_provider_that_is_away_for_a_moment_keeps_its_track() {
    let stage = Stage::set().await;
    with_cuda(&stage).await;
    let track = stage.song().await;
    one_chunk(&stage).await;
    all_say(&stage, WorkerState::Left, 60.0).await;
    until("they have left", || async { (stage.pipeline.registry.capacities().len() == 1).then_some(()) })
        .await;
    // Other workers wait for work all the while, and get none of this track.
    let other = stage.song().await;
    stage.do_the_rest(&other).await;
    assert_eq!((providers(&other), providers(&track)), (vec!["cpu".to_owned()], vec!["cuda".to_owned()]));
    with_cuda(&stage).await;
    stage.do_the_rest_on("cuda", &track).await;
    stage.check_stems(&track).await;
    assert_eq!(providers(&track), ["cuda"]);
}
