//! Which provider a track is given to, and when it goes to another.

use super::fixture::{Fixture, announce, presence, separated, until};
use karaoke_core::presence::WorkerState;
use karaoke_core::wire::Outcome;
use karaoke_queue::WorkerQueue;
use karaoke_server::active_track::ActiveTrack;

/// So many workers of `cuda` that they have more room than the one of `cpu` that every stage has.
async fn with_cuda(fixture: &Fixture) {
    announce_all(fixture, WorkerState::Working, 60.0).await;
    until("all are heard", || async { (fixture.pipeline.registry.views().len() == 4).then_some(()) }).await;
}

async fn announce_all(fixture: &Fixture, state: WorkerState, every_s: f64) {
    for worker in ["c1", "c2", "c3"] {
        fixture.queue.announce(presence(worker, "cuda", state, every_s)).await.unwrap();
    }
}

fn providers(track: &ActiveTrack) -> Vec<String> {
    track.view().providers
}

/// Does one chunk on `cuda`.
async fn one_chunk(fixture: &Fixture) {
    let job = fixture.taken_by("c1", "cuda").await;
    fixture.say(&job.message, "c1", Outcome::Separated(separated(&job.message))).await;
    job.ack();
    fixture.until_replies_handled().await;
}

#[tokio::test]
async fn a_track_goes_where_most_room_is_and_stays_after_a_restart() {
    let fixture = Fixture::new().await;
    with_cuda(&fixture).await;
    let track = fixture.song().await;
    one_chunk(&fixture).await;
    assert_eq!(providers(&track), ["cuda"]);
    let id = track.id.clone();
    drop(track);
    let fixture = fixture.restarted().await;
    // Only the other provider is heard by the restarted server; the track waits for its own.
    announce(&fixture.queue, "crew", "cpu", WorkerState::Working).await;
    let track = fixture.pipeline.active(&id).expect("it is taken up again");
    fixture.do_the_rest_on("cuda", &track).await;
    fixture.check_stems(&track).await;
    assert_eq!(providers(&track), ["cuda"]);
}

#[tokio::test]
async fn without_workers_a_track_has_no_provider_and_waits() {
    let fixture = Fixture::new().await;
    until("it is heard", || async { (fixture.pipeline.registry.views().len() == 1).then_some(()) }).await;
    announce(&fixture.queue, "crew", "cpu", WorkerState::Left).await;
    until("it has left", || async { fixture.pipeline.registry.capacities().is_empty().then_some(()) }).await;
    let track = fixture.song().await;
    assert!(providers(&track).is_empty() && fixture.queue.waiting_jobs() == 0);
    with_cuda(&fixture).await;
    fixture.do_the_rest_on("cuda", &track).await;
    fixture.check_stems(&track).await;
    assert_eq!(providers(&track), ["cuda"]);
}

#[tokio::test]
async fn a_track_whose_provider_is_gone_goes_on_with_another_and_stays_there() {
    let fixture = Fixture::new().await;
    with_cuda(&fixture).await;
    let track = fixture.song().await;
    // One chunk is done, another is out.
    one_chunk(&fixture).await;
    let lost = fixture.taken_by("c2", "cuda").await;
    // Gone is who is silent for ten times as long as it is from one announcement to the next.
    announce_all(&fixture, WorkerState::Working, 0.02).await;
    announce_all(&fixture, WorkerState::Left, 0.02).await;
    until("it is moved", || async { (providers(&track).len() == 2).then_some(()) }).await;
    with_cuda(&fixture).await;
    fixture.do_the_rest_on("cpu", &track).await;
    fixture.check_stems(&track).await;
    assert_eq!(providers(&track), ["cuda", "cpu"]);
    let moved: Vec<_> =
        fixture.pipeline.registry.recent_events().into_iter().filter(|h| h.what == "moved").collect();
    assert_eq!(moved.len(), 1, "{moved:?}");
    drop(lost);
}

#[tokio::test]
async fn a_provider_that_is_away_for_a_moment_keeps_its_track() {
    let fixture = Fixture::new().await;
    with_cuda(&fixture).await;
    let track = fixture.song().await;
    one_chunk(&fixture).await;
    announce_all(&fixture, WorkerState::Left, 60.0).await;
    until("they have left", || async { (fixture.pipeline.registry.capacities().len() == 1).then_some(()) })
        .await;
    // Other workers wait for work all the while, and get none of this track.
    let other = fixture.song().await;
    fixture.finish_rest(&other).await;
    assert_eq!((providers(&other), providers(&track)), (vec!["cpu".to_owned()], vec!["cuda".to_owned()]));
    with_cuda(&fixture).await;
    fixture.do_the_rest_on("cuda", &track).await;
    fixture.check_stems(&track).await;
    assert_eq!(providers(&track), ["cuda"]);
}
