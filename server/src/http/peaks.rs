//! The outline of a track's stems, to draw waveforms with: how loud each stem is at its loudest, place by place.

use super::auth::Owned;
use super::described::Refusal;
use super::stems::multitrack;
use super::{App, respond};
use crate::concurrency::blocking;
use crate::pipeline::StemReader;
use crate::problem::Problem;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::io;
use std::ops::Range;
use utoipa::{IntoParams, ToSchema};

/// Places in an outline, unless another number is asked for, and at most.
const PLACES: u64 = 1200;
const MOST_PLACES: u64 = 4000;

/// Of a place, so many frames are looked at: an outline of a song of ten hours costs what one of an hour costs.
const LOOKED_AT: u64 = 1 << 14;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Places along the whole track.
    places: Option<u64>,
    /// The first place wanted…
    from: Option<u64>,
    /// …and the one behind the last.
    to: Option<u64>,
}

/// Outlines of stems, place by place.
#[derive(Serialize, ToSchema)]
pub(super) struct Outline {
    /// Places along the whole track.
    places: u64,
    /// The first place that is told of.
    from: u64,
    stems: Vec<StemOutline>,
}

/// The outline of a stem.
#[derive(Serialize, ToSchema)]
struct StemOutline {
    name: String,
    /// For each place the peak in 255ths of full scale; null where it is not separated yet.
    peaks: Vec<Option<u8>>,
}

/// The outlines of a track's stems, to draw waveforms.
#[utoipa::path(
    get, path = "/api/v1/tracks/{id}/peaks", operation_id = "get_peaks", tag = "stems",
    params(("id" = String, Path, description = "The track."), Wanted),
    security(("passcode" = []), ("cookie" = []), ("key" = []), ("admin" = [])),
    responses(
        (status = 200, description = "The outlines of its stems.", body = Outline), Refusal<401>, Refusal<404>,
        Refusal<409>, Refusal<422>,
    ),
)]
pub(super) async fn peaks(
    State(app): State<App>,
    owned: Owned,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(wanted) = wanted.map_err(|e| Problem::new(422, "Unknown parameter", e.body_text()))?;
    let record = owned.track.record();
    let places = wanted.places.unwrap_or(PLACES).clamp(1, MOST_PLACES);
    let to = wanted.to.unwrap_or(places).min(places);
    let asked = wanted.from.unwrap_or(0).min(to)..to;
    let permit = app.pipeline.encoders.clone().acquire_owned().await.map_err(|e| Problem::internal(&e))?;
    let readers = multitrack(&app, &record, None).await?;
    let names: Vec<String> = record.manifest.parts().map(str::to_owned).collect();
    let (from, range) = (asked.start, asked);
    let work = move || {
        // Held until the work ends, also when nobody waits for it any more.
        let _permit = permit;
        readers.iter().map(|reader| outline(reader, range.clone(), places)).collect::<io::Result<Vec<_>>>()
    };
    let outlines = blocking(work).await.map_err(|e| Problem::disk(&e))?;
    let whole = outlines.iter().flatten().all(Option::is_some);
    let stems = names.into_iter().zip(outlines).map(|(name, peaks)| StemOutline { name, peaks }).collect();
    let mut response = Json(Outline { places, from, stems }).into_response();
    // What is final never changes.
    let keep = if whole { respond::PRIVATE } else { HeaderValue::from_static("no-store") };
    response.headers_mut().insert(header::CACHE_CONTROL, keep);
    Ok(response)
}

fn outline(reader: &StemReader, asked: Range<u64>, places: u64) -> io::Result<Vec<Option<u8>>> {
    let mut frames = Vec::new();
    asked
        .map(|place| {
            let span = span(place, places, reader.frames);
            if !reader.is_final(&span) {
                return Ok(None);
            }
            frames.resize((span.end - span.start) as usize * 2, 0.0);
            reader.lock().read(span.start as i64, &mut frames)?;
            Ok(Some(peak(&frames)))
        })
        .collect()
}

/// The frames that stand for a place.
fn span(place: u64, places: u64, frames: u64) -> Range<u64> {
    let at = |place: u64| (u128::from(frames) * u128::from(place) / u128::from(places)) as u64;
    let (from, to) = (at(place), at(place + 1));
    from..to.min(from + LOOKED_AT)
}

fn peak(samples: &[f32]) -> u8 {
    let most = samples.iter().fold(0.0f32, |most, s| most.max(s.abs()));
    (most * 255.0).round().min(255.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn places_lie_in_the_track_in_order(frames in 0u64..1 << 40, places in 1u64..MOST_PLACES, place in 0u64..MOST_PLACES) {
            let place = place % places;
            let (this, next) = (span(place, places, frames), span(place + 1, places, frames));
            prop_assert!(this.start <= this.end && this.end <= frames && this.end <= next.start);
            prop_assert!(this.end - this.start <= LOOKED_AT);
        }
    }

    #[test]
    fn the_loudest_sample_of_either_sign_counts() {
        assert_eq!([peak(&[]), peak(&[0.25, -0.5]), peak(&[-3.0]), peak(&[f32::NAN])], [0, 128, 255, 0]);
    }
}
