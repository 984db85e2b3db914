//! Workers that die with a chunk in hand, and the order in which the server hears of it.

use super::fixture::{Fixture, announce, until};
use karaoke_core::presence::WorkerState;
use karaoke_server::view::Health;

#[tokio::test]
async fn a_death_that_is_heard_before_the_beginning_is_charged_to_the_dead() {
    let fixture = Fixture::new().await;
    let track = fixture.song().await;
    announce(&fixture.queue, "doomed", "cpu", WorkerState::Idle).await;
    announce(&fixture.queue, "doomed", "cpu", WorkerState::Crashed).await;
    let registry = &fixture.pipeline.registry;
    until("the death is heard", || async {
        (registry.health(&"doomed".into()) == Some(Health::Crashed)).then_some(())
    })
    .await;
    let job = fixture.taken("doomed").await;
    fixture.until_replies_handled().await;
    let lost = registry.views().into_iter().find(|w| w.id == "doomed").expect("it is remembered").lost;
    assert_eq!(lost, 1);
    assert_eq!(track.chunk(job.message.chunk).expect("a chunk").failed.len(), 1);
    job.nack();
    fixture.finish_rest(&track).await;
    fixture.check_stems(&track).await;
}
