//! What is foreseen of deadlines.

use super::*;

#[test]
fn a_deadline_is_met_missed_or_foreseen() {
    let track = |state, finished_ms, deadline_ms| TrackRecord {
        state,
        finished_ms,
        deadline_ms,
        ..TrackRecord::sample()
    };
    use DeadlineStatus::*;
    use TrackState::*;
    assert_eq!(DeadlineView::new(&track(Done, Some(1), None), None, 5), None);
    for (state, finished_ms, expected_ms, now_ms, want) in [
        (Done, Some(100), None, 900, Met),
        (Done, Some(101), None, 900, Missed),
        (Failed, Some(50), None, 60, Missed),
        (Cancelled, Some(50), None, 60, Missed),
        (Separating, None, None, 50, Open),
        (Separating, None, Some(100), 50, Likely),
        (Separating, None, Some(101), 50, Unlikely),
        (Separating, None, Some(90), 101, Missed),
    ] {
        let view = DeadlineView::new(&track(state, finished_ms, Some(100)), expected_ms, now_ms).unwrap();
        assert_eq!(view.status, want, "{state} {finished_ms:?} {expected_ms:?} {now_ms}");
        assert_eq!(view.expected_at.is_some(), expected_ms.is_some());
    }
}
