//! Workers that die with a chunk in hand, and the order in which the server hears of it.

use super::stage::{Stage, announce, until};
use karaoke_core::presence::WorkerState;
use karaoke_server::view::Health;

#[tokio::test]
async fn a_death_that_is_heard_before_the_beginning_is_charged_to_the_dead() {
    let stage = Stage::set().await;
    let track = stage.song().await;
    announce(&stage.queue, "doomed", "cpu", WorkerState::Idle).await;
    announce(&stage.queue, "doomed", "cpu", WorkerState::Crashed).await;
    let registry = &stage.pipeline.registry;
    until("the death is heard", || async {
        (registry.health(&"doomed".into()) == Some(Health::Crashed)).then_some(())
    })
    .await;
    let job = stage.taken("doomed").await;
    stage.until_heard().await;
    let lost = registry.views().into_iter().find(|w| w.id == "doomed").expect("it is remembered").lost;
    assert_eq!(lost, 1);
    assert_eq!(track.chunk(job.message.chunk).expect("a chunk").failed.len(), 1);
    job.nack();
    stage.do_the_rest(&track).await;
    stage.check_stems(&track).await;
}
