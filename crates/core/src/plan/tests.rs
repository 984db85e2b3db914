use super::*;
use crate::tail::Tail;
use proptest::prelude::*;

pub(crate) fn any_windowing() -> impl Strategy<Value = Windowing> {
    let sizes = (2usize..40, any::<prop::sample::Index>(), 0usize..20, 0usize..30);
    (sizes, any::<bool>(), any::<bool>()).prop_map(|((window, step, lead, granule), hann, centred)| {
        Windowing {
            window,
            step: step.index(window) + 1,
            lead: lead.min(window - 1),
            granule,
            taper: if hann { Taper::Hann } else { Taper::Triangle },
            tail: if centred { Tail::Centred } else { Tail::Silent },
        }
    })
}

proptest! {
    #[test]
    fn covering_is_what_the_definition_says(w in any_windowing(), length in 1u64..300) {
        let plan = WindowPlan::new(w, length);
        for at in 0..length {
            let slow: Vec<u64> = (0..plan.count()).filter(|&i| plan.span(i).contains(&at)).collect();
            prop_assert!(!slow.is_empty(), "frame {} is not covered", at);
            prop_assert_eq!(plan.covering(at).collect::<Vec<_>>(), slow);
        }
    }

    #[test]
    fn segments_tile_the_range(w in any_windowing(), length in 0u64..300, a in 0u64..300, b in 0u64..300) {
        let plan = WindowPlan::new(w, length);
        let mut at = a;
        for s in plan.segments(a..b) {
            prop_assert_eq!(s.start, at);
            prop_assert!(s.end > s.start && s.cover >= 1 && s.cover <= w.max_cover());
            for p in s.start..s.end {
                prop_assert_eq!(plan.covering(p), s.first..s.first + s.cover as u64);
            }
            at = s.end;
        }
        prop_assert_eq!(at, a.max(b.min(length)));
    }

    #[test]
    fn ready_until_is_what_the_definition_says(
        w in any_windowing(), length in 1u64..200, seed in any::<u64>(), at in 0u64..200,
    ) {
        let plan = WindowPlan::new(w, length);
        let done = |i: u64| seed.rotate_left((i * 7 % 64) as u32) & 3 != 0;
        let at = at.min(length);
        let slow = (at..length).find(|&p| !plan.covering(p).all(done)).unwrap_or(length);
        prop_assert_eq!(plan.ready_until(at, done), slow);
    }

    #[test]
    fn chunks_tile_windows_and_track(w in any_windowing(), length in 0u64..300, per in 1u32..7) {
        let chunks = ChunkPlan::new(WindowPlan::new(w, length), per);
        let (mut window, mut frame) = (0, 0);
        for c in chunks.chunks() {
            prop_assert_eq!(chunks.windows_of(c).start, window);
            prop_assert!(!chunks.windows_of(c).is_empty());
            window = chunks.windows_of(c).end;
            prop_assert_eq!(chunks.share(c).start, frame);
            frame = chunks.share(c).end;
        }
        prop_assert_eq!((window, frame), (chunks.windows().count(), length));
    }

    #[test]
    fn the_largest_job_fits_and_one_more_window_does_not(w in any_windowing(), stems in 1usize..7, limit in 1usize..5000) {
        let job = |n: usize| ((n - 1) * w.step + w.window) * 8;
        let reply = |n: usize| n * w.window * stems * 8;
        match (ChunkPlan::largest(&w, limit), ChunkPlan::usual(&w, stems, limit)) {
            (Ok(largest), Ok(usual)) => {
                let (largest, usual) = (largest as usize, usual as usize);
                prop_assert!(job(largest) <= limit && job(largest + 1) > limit);
                // In one message, if one can be; else one window, in parts of which the smallest fits.
                prop_assert!(job(usual) <= limit && (reply(usual) <= limit || usual == 1));
                prop_assert!(job(usual + 1).max(reply(usual + 1)) > limit);
                prop_assert!(w.window * 8 <= limit);
            }
            (Err(e), Err(same)) => prop_assert!(e == same && e.needed > limit && job(1) > limit),
            _ => prop_assert!(false, "they disagree"),
        }
    }
}

#[test]
fn edge_lengths_of_the_real_mdx_plan() {
    let w = Windowing::mdx(6144, 1024, 256, 0.25);
    assert_eq!((w.window, w.step, w.lead, w.granule), (261_120, 195_840, 3072, 254_976));
    let count = |length: u64| WindowPlan::new(w, length).count();
    assert_eq!(count(0), 0);
    assert_eq!(count(1), 1);
    assert_eq!(count(w.step as u64 - w.lead as u64), 1);
    assert_eq!(count(w.step as u64 - w.lead as u64 + 1), 2);
    let ten_hours = 36_000 * 44_100;
    let plan = WindowPlan::new(w, ten_hours);
    assert_eq!(plan.count(), (ten_hours + 3072).div_ceil(195_840));
    assert_eq!(plan.span(plan.count() - 1).end, ten_hours);
    assert_eq!(plan.span(0), 0..258_048);
}

#[test]
fn the_last_window_is_as_long_as_the_padded_track_allows() {
    // n = 100 000: padded = 3072 + n + (254 976 + 3072 − n) = 261 120, one full window and a stub of 65 280.
    let plan = WindowPlan::new(Windowing::mdx(6144, 1024, 256, 0.25), 100_000);
    assert_eq!(plan.actual_len(0), 261_120);
    assert_eq!(plan.actual_len(1), 65_280);
    // The stub begins behind the end of the track, so it is not in the plan.
    assert_eq!(plan.count(), 1);
}
