//! The store against a real database file.

use super::*;
use karaoke_core::{Frames, Manifest, SampleRate, TrackId, TrackState};

const MANIFEST: &str = "name='x'\ntitle='X'\nkind='waveform'\nfile='x.onnx'\nlicence='MIT'\nsample_rate=44100\n\
    overlap=0.25\nstems=['vocals']\nsha256='aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'\n\
    [waveform]\nsegment=8\n";

const AUDIO: Audio = Audio {
    source_rate: SampleRate::new(48_000),
    source_channels: 1,
    frames: Frames::new(480),
    model_frames: Frames::new(441),
    gain: 0.123_456_78,
    overlap: 0.25,
    windows_per_chunk: 3,
};

fn new_track(n: u128) -> NewTrack {
    NewTrack {
        id: TrackId::from_random(n),
        passcode_sha256: "p".into(),
        created_ms: 1,
        deadline_ms: Some(9),
        file_name: "a.wav".into(),
        size_bytes: 10,
        upload_sha256: "u".into(),
        manifest: Manifest::parse(MANIFEST).unwrap(),
        notifications: Vec::new(),
        client: Default::default(),
    }
}

async fn with_track(dir: &tempfile::TempDir) -> (Store, TrackId) {
    let store = Store::open(dir.path()).await.unwrap();
    let track = new_track(7);
    store.insert_track(&track).await.unwrap();
    (store, track.id)
}

#[tokio::test]
async fn what_is_written_is_there_after_the_database_was_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (store, id) = with_track(&dir).await;
    assert!(!store.start_separating(&id, &AUDIO, 5, 3).await.unwrap(), "it is not decoding yet");
    assert!(store.set_state(&id, TrackState::Decoding, 2).await.unwrap());
    assert!(store.start_separating(&id, &AUDIO, 5, 3).await.unwrap());
    assert!(store.chunk_done(&id, 3.into(), 2, &"w1".into(), 0.5).await.unwrap());
    assert!(store.track(&id).await.unwrap().unwrap().providers.is_empty());
    let providers = ["cuda", "openvino-bf16"].map(str::to_owned);
    store.set_providers(&id, &providers).await.unwrap();
    store.close().await;
    let store = Store::open(dir.path()).await.unwrap();
    let track = store.track(&id).await.unwrap().unwrap();
    assert_eq!((track.state, track.audio), (TrackState::Separating, Some(AUDIO)));
    assert_eq!(track.providers, providers);
    let chunks = store.chunks(&id).await.unwrap();
    let done: Vec<bool> = chunks.iter().map(|c| c.done).collect();
    assert_eq!(done, [false, false, false, true, false]);
    assert_eq!((chunks[3].attempts, chunks[3].worker.as_deref()), (2, Some("w1")));
}

#[tokio::test]
async fn a_chunk_is_done_once_and_a_state_is_left_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, id) = with_track(&dir).await;
    store.set_state(&id, TrackState::Decoding, 2).await.unwrap();
    store.start_separating(&id, &AUDIO, 2, 3).await.unwrap();
    assert!(store.chunk_done(&id, 0.into(), 1, &"w1".into(), 0.5).await.unwrap());
    assert!(!store.chunk_done(&id, 0.into(), 2, &"w2".into(), 0.1).await.unwrap());
    assert!(!store.chunk_done(&id, 9.into(), 1, &"w2".into(), 0.1).await.unwrap(), "there is no such chunk");
    assert!(store.set_state(&id, TrackState::Finishing, 3).await.unwrap());
    assert!(!store.set_state(&id, TrackState::Finishing, 3).await.unwrap());
    assert!(store.set_state(&id, TrackState::Cancelled, 4).await.unwrap());
    assert!(!store.set_state(&id, TrackState::Done, 5).await.unwrap(), "a cancelled track stays cancelled");
}

#[tokio::test]
async fn only_what_ended_before_then_is_old() {
    let dir = tempfile::tempdir().unwrap();
    let (store, id) = with_track(&dir).await;
    assert!(store.ended_before(i64::MAX).await.unwrap().is_empty(), "a living track is never old");
    let why = Failure { status: 422, title: "t".into(), detail: "d".into() };
    assert!(store.fail(&id, &why, 1000, 1000).await.unwrap());
    assert!(!store.fail(&id, &why, 2000, 2000).await.unwrap());
    assert!(store.ended_before(1000).await.unwrap().is_empty());
    assert_eq!(store.ended_before(1001).await.unwrap(), std::slice::from_ref(&id));
    assert_eq!(store.track(&id).await.unwrap().unwrap().failure, Some(why));
    assert!(store.delete_track(&id).await.unwrap());
    assert!(!store.delete_track(&id).await.unwrap());
}

#[tokio::test]
async fn steps_keep_their_first_time_and_spare_copies_count_once() {
    let dir = tempfile::tempdir().unwrap();
    let (store, id) = with_track(&dir).await;
    store.set_state(&id, TrackState::Decoding, 2).await.unwrap();
    // The server died and begins again.
    store.set_state(&id, TrackState::Queued, 3).await.unwrap();
    store.set_state(&id, TrackState::Decoding, 4).await.unwrap();
    store.start_separating(&id, &AUDIO, 2, 5).await.unwrap();
    store.first_chunk(&id, 6).await.unwrap();
    store.first_chunk(&id, 7).await.unwrap();
    store.set_state(&id, TrackState::Finishing, 8).await.unwrap();
    let other = TrackId::from_random(8);
    store.add_bytes_down(&[(id.clone(), 10), (other.clone(), 5)]).await.unwrap();
    store.add_bytes_down(&[(id.clone(), 7)]).await.unwrap();
    let steps = Steps {
        decoding_ms: Some(2),
        separating_ms: Some(5),
        first_chunk_ms: Some(6),
        finishing_ms: Some(8),
    };
    assert_eq!(store.steps(&id).await.unwrap(), Some((steps, 17)));
    assert_eq!(store.steps(&other).await.unwrap(), None);

    let lost = FailedAttempt {
        chunk: 1.into(),
        attempt: 1,
        worker: "w1".into(),
        outcome: AttemptOutcome::Lost,
        why: "it died".into(),
        seconds: None,
        at_ms: 6,
    };
    let spare = FailedAttempt { outcome: AttemptOutcome::Spare, seconds: Some(0.5), ..lost.clone() };
    for attempt in [&lost, &spare, &spare] {
        store.attempt_failed(&id, attempt).await.unwrap();
        store.attempt_failed(&other, attempt).await.unwrap();
    }
    assert_eq!(store.failed_attempts(&id).await.unwrap(), [lost, spare]);
    assert!(store.failed_attempts(&other).await.unwrap().is_empty());
    store.delete_track(&id).await.unwrap();
    assert!(store.failed_attempts(&id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_copy_holds_what_has_ended_and_forgets_what_was_deleted_since() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (store, running) = with_track(&dir).await;
    let ended = [8, 9].map(new_track);
    for track in &ended {
        store.insert_track(track).await.unwrap();
        for state in [TrackState::Decoding, TrackState::Finishing, TrackState::Done] {
            assert!(store.set_state(&track.id, state, 2).await.unwrap());
        }
    }
    let [deleted, kept] = ended.map(|track| track.id);
    let mut copy = EndedCopy::begin(dir.path(), to.path()).await.unwrap().unwrap();
    assert_eq!((copy.left_out, copy.done().await.unwrap().len()), (1, 2));
    store.delete_track(&deleted).await.unwrap();
    assert!(!copy.is_there(&deleted).await.unwrap() && copy.is_there(&kept).await.unwrap());
    copy.forget(&deleted).await.unwrap();
    copy.close().await.unwrap();
    let copied = Store::open(to.path()).await.unwrap();
    for gone in [&running, &deleted] {
        assert!(copied.track(gone).await.unwrap().is_none());
    }
    assert_eq!(copied.track(&kept).await.unwrap().unwrap().state, TrackState::Done);
}

#[tokio::test]
async fn an_upload_that_has_become_a_track_takes_its_room_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let track = new_track(7);
    let upload = UploadRecord {
        id: track.id.clone(),
        length: track.size_bytes,
        received: 0,
        metadata: String::new(),
        deadline_ms: None,
        client: None,
        expires_ms: 1000,
        failure: None,
    };
    let bounds = UploadBounds { count: 1, bytes: 100 };
    assert!(store.insert_upload(&upload, bounds).await.unwrap());
    assert_eq!(store.disk_use().await.unwrap().bytes, track.size_bytes);
    assert_eq!(store.insert_track(&track).await.unwrap(), None);
    assert_eq!(store.disk_use().await.unwrap().bytes, track.size_bytes, "its row is still there");
}
