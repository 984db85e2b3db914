//! What a receipt adds up to.

use super::*;
use crate::store::Audio;
use karaoke_core::{Frames, SampleRate};
use proptest::prelude::*;

fn track(state: TrackState, finished_ms: Option<i64>) -> TrackRecord {
    let audio = Audio {
        source_rate: SampleRate::new(48_000),
        source_channels: 2,
        frames: Frames::new(48_000 * 90),
        model_frames: Frames::new(44_100 * 90),
        gain: 1.0,
        overlap: 0.25,
        windows_per_chunk: 1,
    };
    TrackRecord { state, finished_ms, created_ms: 1_000, audio: Some(audio), ..TrackRecord::sample() }
}

fn chunk(index: u64, worker: &str, seconds: f64) -> ChunkView {
    ChunkView {
        index: index.into(),
        start_s: 0.0,
        end_s: 1.0,
        state: ChunkState::Done,
        worker: Some(worker.into()),
        attempt: 1,
        failures: 0,
        seconds: Some(seconds),
    }
}

fn lost(chunk: u64, worker: &str, seconds: Option<f64>) -> FailedAttempt {
    FailedAttempt {
        chunk: chunk.into(),
        attempt: 1,
        worker: worker.into(),
        outcome: AttemptOutcome::Lost,
        why: "it died".into(),
        seconds,
        at_ms: 3_000,
    }
}

const RATES: BillingConfig =
    BillingConfig { currency: String::new(), per_audio_minute: 0.2, per_compute_second: 0.001 };

#[test]
fn a_finished_track_says_who_did_what_and_what_failed() {
    let track = track(TrackState::Done, Some(9_000));
    let chunks = [chunk(0, "a", 2.0), chunk(1, "b", 3.0), chunk(2, "a", 1.0)];
    let failed = [lost(1, "c", None), lost(2, "b", Some(0.5))];
    let steps = Steps {
        decoding_ms: Some(1_500),
        separating_ms: Some(2_000),
        first_chunk_ms: Some(2_250),
        finishing_ms: Some(8_000),
    };
    let facts =
        Facts { track: &track, steps, chunks: &chunks, failed: &failed, bytes_down: 77, now_ms: 99_000 };
    let receipt = Receipt::new(&facts, &RATES);
    let t = &receipt.times;
    assert_eq!([t.queue_wait_s, t.decode_s, t.separate_s, t.merge_s], [0.5, 0.5, 6.0, 1.0].map(Some));
    assert_eq!((t.worker_wait_s, t.total_s), (Some(0.25), 8.0));
    let workers: Vec<_> =
        receipt.compute.by_worker.iter().map(|w| (&*w.worker, w.chunks, w.seconds, w.failed)).collect();
    assert_eq!(workers, [("a", 2, 3.0, 0), ("b", 1, 3.0, 1), ("c", 0, 0.0, 1)]);
    assert_eq!((receipt.compute.seconds, receipt.compute.wasted_s), (6.0, 0.5));
    assert_eq!(receipt.chunks.iter().map(|c| c.failed.len()).collect::<Vec<_>>(), [0, 1, 1]);
    assert_eq!(receipt.chunks.iter().map(|c| c.attempts).collect::<Vec<_>>(), [1, 2, 2]);
    let amounts: Vec<f64> = receipt.price.lines.iter().map(|l| l.amount).collect();
    assert_eq!((amounts, receipt.price.total), (vec![0.3, 0.006], 0.306));
}

#[test]
fn steps_that_an_older_version_did_not_note_are_unknown() {
    let track = track(TrackState::Done, Some(9_000));
    let receipt = |finishing_ms| {
        let steps = Steps { finishing_ms, ..Steps::default() };
        let facts = Facts { track: &track, steps, chunks: &[], failed: &[], bytes_down: 0, now_ms: 99_000 };
        Receipt::new(&facts, &RATES).times
    };
    for (finishing_ms, merge_s) in [(None, None), (Some(8_000), Some(1.0))] {
        let t = receipt(finishing_ms);
        assert_eq!([t.queue_wait_s, t.decode_s, t.separate_s, t.worker_wait_s], [None; 4]);
        assert_eq!((t.merge_s, t.total_s), (merge_s, 8.0));
    }
}

#[test]
fn who_failed_pays_nothing_and_who_called_off_what_was_computed() {
    let chunks = [chunk(0, "a", 2.0)];
    let total = |state| {
        let track = track(state, Some(9_000));
        let facts = Facts {
            track: &track,
            steps: Steps::default(),
            chunks: &chunks,
            failed: &[],
            bytes_down: 0,
            now_ms: 0,
        };
        Receipt::new(&facts, &RATES).price.total
    };
    assert_eq!([TrackState::Failed, TrackState::Cancelled].map(total), [0.0, 0.002]);
}

#[test]
fn impossible_rates_are_named() {
    let good = BillingConfig::default();
    assert_eq!((good.check(), good.is_free()), (Ok(()), true));
    let bad = [
        ("currency", BillingConfig { currency: "euro".into(), ..good.clone() }),
        ("per_audio_minute", BillingConfig { per_audio_minute: -1.0, ..good.clone() }),
        ("per_compute_second", BillingConfig { per_compute_second: f64::NAN, ..good }),
    ];
    for (key, rates) in bad {
        assert!(rates.check().unwrap_err().to_string().starts_with(&format!("billing.{key}")));
    }
}

proptest! {
    #[test]
    fn whatever_happened_the_steps_and_the_lines_add_up(
        steps in prop::collection::vec(0i64..10_000, 4), known in 0usize..5, ended in any::<bool>(),
        rates in (0.0f64..10.0, 0.0f64..1.0), computed in prop::collection::vec((0usize..3, 0.0f64..100.0), 0..20),
    ) {
        let mut at = 1_000;
        let mut begins = steps.iter().enumerate().map(|(index, step)| {
            at += step;
            (index < known).then_some(at)
        });
        let (decoding_ms, separating_ms, finishing_ms) =
            (begins.next().flatten(), begins.next().flatten(), begins.next().flatten());
        let steps = Steps { decoding_ms, separating_ms, first_chunk_ms: None, finishing_ms };
        let track = track(if ended { TrackState::Done } else { TrackState::Separating }, ended.then_some(50_000));
        // Both are written down together.
        let track = TrackRecord { audio: track.audio.filter(|_| separating_ms.is_some()), ..track };
        let chunks: Vec<ChunkView> = (0..).zip(&computed).map(|(i, (worker, seconds))| {
            chunk(i, ["a", "b", "c"][*worker], *seconds)
        }).collect();
        let facts = Facts { track: &track, steps, chunks: &chunks, failed: &[], bytes_down: 0, now_ms: 60_000 };
        let rates = BillingConfig { per_audio_minute: rates.0, per_compute_second: rates.1, ..Default::default() };
        let receipt = Receipt::new(&facts, &rates);
        let t = &receipt.times;
        let sum: f64 = [t.queue_wait_s, t.decode_s, t.separate_s, t.merge_s].into_iter().flatten().sum();
        prop_assert!((sum - t.total_s).abs() < 1e-9, "{t:?}");
        let seconds: f64 = computed.iter().map(|(_, s)| s).sum();
        prop_assert!((receipt.compute.seconds - seconds).abs() < 1e-6);
        prop_assert_eq!(receipt.compute.by_worker.iter().map(|w| w.chunks).sum::<u64>(), computed.len() as u64);
        let amounts: f64 = receipt.price.lines.iter().map(|l| l.amount).sum();
        prop_assert!((amounts - receipt.price.total).abs() < 1e-9);
    }
}
