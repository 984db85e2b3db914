//! Windows that stick out behind the song: what a job holds of what came before, and that no bit changes.

use super::fixture::{CELL, Fixture, samples, separated};
use karaoke_core::audio::from_le_bytes;
use karaoke_core::wire::{Job, Outcome};

/// The song's frames from `start` on, as a job has them: left, then right, silence outside.
fn planar(start: i64, frames: usize) -> Vec<f32> {
    let song = samples();
    let at = |side: usize, frame: i64| {
        let index = usize::try_from(frame).ok().map(|frame| 2 * frame + side);
        index.and_then(|index| song.get(index).copied()).unwrap_or(0.0)
    };
    (0..2)
        .flat_map(|side| (start..start + frames as i64).map(move |frame| (side, frame)))
        .map(|(s, f)| at(s, f))
        .collect()
}

#[tokio::test]
async fn a_job_holds_what_came_before_a_window_that_is_moved_back() {
    let fixture = Fixture::set_centred().await;
    let track = fixture.song().await;
    let mut jobs: Vec<Job> = Vec::new();
    for _ in 0..2 {
        let job = fixture.taken("a").await;
        jobs.push(job.message.clone());
        fixture.say(&job.message, "a", Outcome::Separated(separated(&job.message))).await;
        job.ack();
    }
    // They come in any order: each is told of when it is asked for.
    jobs.sort_by_key(|job| job.chunk);
    // Windows begin at 0, 3000, 6000 and 9000; the last holds 1000 frames of 4000, and is taken from 7500.
    let moved: Vec<Vec<usize>> =
        jobs.iter().map(|job| (0..2).map(|w| job.cut().moved(w)).collect()).collect();
    assert_eq!(moved, [[0, 0], [0, 1500]]);
    assert!(jobs.iter().all(|job| job.lead == 0), "nothing lies before the song");
    for (job, (start, frames)) in jobs.iter().zip([(0, 7000), (6000, 5500)]) {
        assert!(job.body.len() <= 2 * CELL && job.frames() == frames);
        assert!(from_le_bytes(&job.body) == planar(start, frames), "chunk {} holds other samples", job.chunk);
    }
    fixture.finish_rest(&track).await;
    fixture.check_stems(&track).await;
}
