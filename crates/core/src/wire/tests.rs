use super::*;
use crate::id::TrackId;
use crate::reply_part::ReplyPart;
use crate::tail::WindowCut;
use bytes::Bytes;
use proptest::prelude::*;

fn any_job() -> impl Strategy<Value = Job> {
    let index = any::<prop::sample::Index>;
    (1u32..5, 1usize..9, index(), index(), any::<u64>(), 1e-9f32..10.0).prop_map(
        |(windows, window, step, held, chunk, gain)| {
            let step = step.index(window) + 1;
            let end = (windows as usize - 1) * step + held.index(window) + 1;
            let cut = WindowCut { windows, window, step, end, lead: 0 };
            Job {
                track: TrackId::from_random(u128::from(chunk)),
                chunk: chunk.into(),
                attempt: windows,
                model: "centre".into(),
                model_sha256: "ab".into(),
                provider: "cpu".into(),
                windows,
                window,
                step,
                end,
                lead: chunk as usize % (cut.moved(0) + 1),
                gain,
                urgent: chunk % 2 == 0,
                reply_to: "results.x".into(),
                max_reply_bytes: window,
                trace_parent: (chunk % 3 == 0).then(|| "00-0af7-b7ad-01".into()),
                body: Bytes::from(vec![7; cut.frames() * 8]),
            }
        },
    )
}

/// All samples of a job, each another.
fn whole(job: &Job, stems: u32) -> Separated {
    let (windows, part) = (job.windows, ReplyPart::whole(job.windows, stems));
    let bytes = part.cells() * job.window * 8;
    let body = (0..bytes).map(|i| (i * 7 + i / 256) as u8).collect::<Vec<_>>().into();
    Separated { windows, stems, window: job.window, part, body }
}

proptest! {
    #[test]
    fn jobs_round_trip(job in any_job()) {
        prop_assert_eq!(Job::from_message(&job.headers(), job.body.clone()), Ok(job));
    }

    #[test]
    fn headers_of_later_versions_are_ignored_and_a_trace_parent_may_be_missing(job in any_job()) {
        let mut headers = job.headers();
        headers.insert("of-a-later-version".into(), "1".into());
        headers.remove("traceparent");
        let untraced = Job { trace_parent: None, ..job.clone() };
        prop_assert_eq!(Job::from_message(&headers, job.body), Ok(untraced));
    }

    #[test]
    fn an_end_or_a_lead_that_cannot_be_is_refused(job in any_job(), far in any::<bool>(), by in 0usize..1000) {
        let last = (job.windows as usize - 1) * job.step;
        let end = if far { last + job.window + 1 + by } else { last.saturating_sub(by) };
        let headers = Job { end, ..job.clone() }.headers();
        prop_assert_eq!(Job::from_message(&headers, job.body.clone()), Err(WireError::Bad("end")));
        let lead = job.cut().moved(0) + 1 + by;
        let headers = Job { lead, ..job.clone() }.headers();
        prop_assert_eq!(Job::from_message(&headers, job.body.clone()), Err(WireError::Bad("end")));
        let mut headers = job.headers();
        headers.remove("end");
        prop_assert_eq!(Job::from_message(&headers, job.body), Err(WireError::Missing("end")));
    }

    #[test]
    fn a_body_of_another_length_is_refused(job in any_job(), extra in 1usize..20) {
        let longer = Bytes::from(vec![0; job.body.len() + extra]);
        let refused = Job::from_message(&job.headers(), longer);
        let by_length = matches!(refused, Err(WireError::Length { .. }));
        prop_assert!(by_length);
    }

    #[test]
    fn replies_round_trip(job in any_job(), stems in 1u32..4, kind in 0..4, seconds in 0f64..1e4) {
        let separated = whole(&job, stems);
        let outcome = match kind {
            0 => Outcome::Started,
            1 => Outcome::Returned("später ü".into()),
            2 => Outcome::Failed("Fehler ü".into()),
            _ => Outcome::Separated(separated),
        };
        let reply = Reply { track: job.track, chunk: job.chunk, attempt: 2, worker: "w".into(), seconds, outcome };
        let (headers, body) = reply.clone().into_message();
        prop_assert_eq!(Reply::from_message(&headers, body), Ok(reply));
    }

    #[test]
    fn parts_hold_together_what_the_whole_holds(job in any_job(), stems in 1u32..7, limit in 0usize..900) {
        let whole = whole(&job, stems);
        let outcome = Outcome::Separated(whole.clone());
        let reply = Reply { track: job.track, chunk: 1.into(), attempt: 2, worker: "w".into(), seconds: 0.5, outcome };
        let parts = reply.clone().in_parts(limit);
        prop_assert_eq!(parts.len() == 1, whole.body.len() <= limit || whole.body.len() == job.window * 8);
        let mut cells = 0;
        for part in parts {
            let (headers, body) = part.clone().into_message();
            prop_assert!(body.len() <= limit.max(job.window * 8));
            let got = Reply::from_message(&headers, body).unwrap();
            prop_assert_eq!(&got, &part);
            let Outcome::Separated(got) = got.outcome else { panic!("no samples") };
            for window in got.part.windows.clone() {
                for stem in got.part.stems.clone() {
                    prop_assert_eq!(got.channels(window, stem), whole.channels(window, stem));
                    cells += 1;
                }
            }
            // A slice of the same bytes, not a copy.
            let at = got.body.as_ptr() as usize;
            let all = whole.body.as_ptr() as usize;
            prop_assert!((all..all + whole.body.len()).contains(&at));
        }
        prop_assert_eq!(cells, job.windows * stems);
    }

    #[test]
    fn a_flipped_bit_is_found(job in any_job(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut body = job.body.to_vec();
        let at = at.index(body.len());
        body[at] ^= 1 << bit;
        let refused = Job::from_message(&job.headers(), body.into());
        let by_checksum = matches!(refused, Err(WireError::Checksum { .. }));
        prop_assert!(by_checksum);
    }

    #[test]
    fn a_reply_that_contradicts_itself_still_says_whose_it_is(job in any_job(), cut in 1usize..8) {
        let outcome = Outcome::Separated(whole(&job, 1));
        let reply = Reply { track: job.track, chunk: job.chunk, attempt: 2, worker: "w".into(), seconds: 0.5, outcome };
        let (headers, body) = reply.clone().into_message();
        let got = Reply::from_message(&headers, body.slice(cut..)).unwrap();
        let corrupt = matches!(got.outcome, Outcome::Corrupt(_));
        prop_assert!(corrupt && got.worker == "w" && got.chunk == reply.chunk);
    }

    #[test]
    fn hostile_headers_never_panic(
        pairs in proptest::collection::hash_map(
            prop::sample::select(vec!["schema", "track", "chunk", "attempt", "windows", "window", "step", "end", "lead", "stems", "gain", "urgent", "model", "model-sha256", "provider", "answer-to", "worker", "seconds", "outcome", "crc32", "max-reply-bytes", "first-window", "part-windows", "first-stem", "part-stems"]),
            prop::sample::select(vec!["1", "0", "-1", "18446744073709551615", "4294967295", "NaN", "inf", "", "abc", "separated"]), 0..18),
    ) {
        let headers: Headers = pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let _ = Job::from_message(&headers, Bytes::new());
        let _ = Reply::from_message(&headers, Bytes::new());
    }
}

#[test]
fn another_schema_is_refused() {
    let headers = Headers::from([("schema".into(), (SCHEMA + 1).to_string())]);
    assert_eq!(Job::from_message(&headers, Bytes::new()), Err(WireError::Schema(SCHEMA + 1)));
}
