//! Replies in parts: whatever happens to the parts, a chunk is done when all of them are safe, and no bit changes.

use super::fixture::{CELL, Fixture, parts, reply, separated, until, within};
use karaoke_core::ChunkIndex;
use karaoke_core::reply_part::ReplyPart;
use karaoke_core::wire::{Job, Outcome, Reply, Separated};
use karaoke_queue::ServerQueue;
use karaoke_server::active_track::ActiveTrack;
use karaoke_server::view::ChunkState;

fn is_done(track: &ActiveTrack, chunk: ChunkIndex) -> bool {
    track.chunk(chunk).is_some_and(|c| c.state == ChunkState::Done)
}

async fn until_done(track: &ActiveTrack, chunk: ChunkIndex) {
    until("the chunk is done", || async { is_done(track, chunk).then_some(()) }).await;
}

/// The same with one sample that is no number.
fn spoilt(reply: Reply) -> Reply {
    let Outcome::Separated(part) = &reply.outcome else { panic!("no samples") };
    let mut body = part.body.to_vec();
    body[8..12].copy_from_slice(&f32::NAN.to_le_bytes());
    Reply { outcome: Outcome::Separated(Separated { body: body.into(), ..part.clone() }), ..reply }
}

#[tokio::test]
async fn parts_of_two_attempts_doubled_and_out_of_order_make_a_chunk_when_the_last_cell_is_there() {
    let fixture = Fixture::new().await;
    let track = fixture.song().await;
    let job = fixture.taken("a").await;
    // Two workers that cut differently, as if one were set up for other messages.
    let mut mixed = parts(&job.message, "a", CELL);
    let second = parts(&Job { attempt: 2, ..job.message.clone() }, "b", 2 * CELL);
    assert_eq!((mixed.len(), second.len()), (8, 4));
    let last = mixed.remove(5);
    mixed.extend(second.into_iter().filter(|r| !covers(r, &last)));
    mixed.reverse();
    for part in mixed.into_iter().flat_map(|part| [part.clone(), part]) {
        fixture.send(part).await;
    }
    fixture.until_replies_handled().await;
    assert!(!is_done(&track, job.message.chunk), "a cell is missing");
    fixture.send(last).await;
    until_done(&track, job.message.chunk).await;
    job.ack();
    fixture.finish_rest(&track).await;
    fixture.check_stems(&track).await;
}

/// Whether a part holds all that another does.
fn covers(reply: &Reply, other: &Reply) -> bool {
    let part = |r: &Reply| match &r.outcome {
        Outcome::Separated(s) => s.part.clone(),
        other => panic!("{other:?}"),
    };
    let (a, b) = (part(reply), part(other));
    a.windows.contains(&b.windows.start) && a.stems.contains(&b.stems.start)
}

#[tokio::test]
async fn a_part_that_is_lost_is_missed_and_the_chunk_asked_for_again() {
    let fixture = Fixture::new().await;
    let track = fixture.song().await;
    let job = fixture.taken("a").await;
    for part in parts(&job.message, "a", CELL).into_iter().skip(1) {
        fixture.send(part).await;
    }
    let (chunk, attempt) = (job.message.chunk, job.message.attempt);
    job.ack();
    // Other chunks come first; none is answered before the lost one has come again.
    let again = loop {
        let next = fixture.taken("b").await;
        if next.message.chunk == chunk {
            break next;
        }
        fixture.say(&next.message, "b", Outcome::Separated(separated(&next.message))).await;
        next.ack();
    };
    assert!(again.message.attempt > attempt && !is_done(&track, chunk));
    let first = parts(&again.message, "b", CELL).swap_remove(0);
    fixture.send(first).await;
    until_done(&track, chunk).await;
    again.ack();
    fixture.finish_rest(&track).await;
    fixture.check_stems(&track).await;
}

#[tokio::test]
async fn a_reply_with_several_corrupt_parts_is_one_failure() {
    let fixture = Fixture::new().await;
    let track = fixture.song().await;
    let job = fixture.taken("bad").await;
    let chunk = job.message.chunk;
    for part in parts(&job.message, "bad", CELL).into_iter().map(spoilt) {
        fixture.send(part).await;
    }
    job.ack();
    fixture.finish_rest(&track).await;
    fixture.check_stems(&track).await;
    let chunk = track.chunk(chunk).unwrap();
    assert_eq!((chunk.failed.len(), chunk.refused.len()), (1, 1), "{chunk:?}");
}

#[tokio::test]
async fn a_part_of_another_chunks_shape_is_refused() {
    let fixture = Fixture::new().await;
    let track = fixture.song().await;
    let job = fixture.taken("a").await;
    let good = separated(&job.message);
    let strange = [
        Separated { stems: 5, ..good.clone() },
        Separated { windows: good.windows + 1, ..good.clone() },
        Separated { part: ReplyPart { windows: 0..good.windows, stems: 0..9 }, ..good },
    ];
    // One more failure would be the chunk's last.
    for (n, part) in strange.into_iter().enumerate() {
        fixture.send(reply(&job.message, &format!("w{n}"), Outcome::Separated(part))).await;
        until("it is refused", || async {
            (track.chunk(job.message.chunk).unwrap().refused.len() == n + 1).then_some(())
        })
        .await;
    }
    job.ack();
    fixture.finish_rest(&track).await;
    fixture.check_stems(&track).await;
}

#[tokio::test]
async fn a_track_that_is_cancelled_between_parts_takes_no_more_and_leaves_nothing() {
    let fixture = Fixture::new().await;
    let track = fixture.song().await;
    let job = fixture.taken("a").await;
    let mut parts = parts(&job.message, "a", CELL);
    let rest = parts.split_off(3);
    for part in parts {
        fixture.send(part).await;
    }
    fixture.until_replies_handled().await;
    fixture.pipeline.cancel(&track.id).await.unwrap();
    assert!(fixture.queue.is_unwanted_soon(&job.message).await);
    for part in rest {
        fixture.send(part).await;
    }
    job.ack();
    let next = fixture.song().await;
    fixture.finish_rest(&next).await;
    fixture.check_stems(&next).await;
    assert_eq!(track.state().name(), "cancelled");
    assert_eq!(fixture.pipeline.files.tracks().unwrap(), std::slice::from_ref(&next.id));
}

#[tokio::test]
async fn a_restarted_server_asks_again_for_a_chunk_of_which_it_had_parts() {
    let fixture = Fixture::new().await;
    let track = fixture.song().await;
    let job = fixture.taken("a").await;
    let mut parts = parts(&job.message, "a", CELL);
    let rest = parts.split_off(4);
    for part in parts {
        fixture.send(part).await;
    }
    fixture.until_replies_handled().await;
    let chunk = job.message.chunk;
    drop(track);
    let fixture = fixture.restarted().await;
    let track = fixture.pipeline.active(&job.message.track).expect("it is taken up again");
    for part in rest {
        fixture.send(part).await;
    }
    fixture.until_replies_handled().await;
    assert!(!is_done(&track, chunk), "the other half was another life's");
    job.ack();
    fixture.finish_rest(&track).await;
    fixture.check_stems(&track).await;
}

#[tokio::test]
async fn every_stem_and_sum_can_be_heard_while_it_is_separated_and_after() {
    let fixture = Fixture::new().await;
    let track = fixture.song().await;
    let views: Vec<String> = track.view().stems.into_iter().map(|s| s.name).collect();
    assert_eq!(views, ["instrumental", "vocals", "drums", "bass", "other"]);
    let work = fixture.finish_rest(&track);
    let listen = async {
        for (stem, fraction) in [("instrumental", 0.5), ("vocals", 0.5), ("other", 0.125)] {
            within(fixture.check_stem(&track, stem, fraction)).await;
        }
    };
    tokio::join!(work, listen);
    fixture.check_stems(&track).await;
}

/// Whether the workers are told soon that nobody wants a job.
trait ToldSoon {
    async fn is_unwanted_soon(&self, job: &Job) -> bool;
}

impl<Q: karaoke_queue::WorkerQueue + ServerQueue> ToldSoon for Q {
    async fn is_unwanted_soon(&self, job: &Job) -> bool {
        until("it is told", || async { self.is_unwanted(&job.track, job.chunk).then_some(()) }).await;
        true
    }
}
