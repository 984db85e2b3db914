//! Who may reach a track: whoever has its passcode (header or cookie), or the admin key.

use super::App;
use crate::active_track::ActiveTrack;
use crate::problem::Problem;
use crate::store::TrackRecord;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use karaoke_core::TrackId;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;

/// A track whose passcode the request knew.
pub(super) struct Owned {
    pub(super) track: Arc<ActiveTrack>,
    /// The cookie to set, when the passcode came by header only.
    pub(super) cookie: Option<HeaderValue>,
}

impl FromRequestParts<App> for Owned {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Path(path) = Path::<HashMap<String, String>>::from_request_parts(parts, app)
            .await
            .map_err(|_| Problem::no_such_track())?;
        let id = path.get("id").and_then(|id| TrackId::parse(id).ok()).ok_or_else(Problem::no_such_track)?;
        let track = app.pipeline.find(&id).await?.ok_or_else(Problem::no_such_track)?;
        let header = parts.headers.get("x-track-passcode").and_then(|v| v.to_str().ok());
        let cookie = cookie(&parts.headers, &cookie_name(&id));
        if is_admin(app, &parts.headers) {
            return Ok(Self { track, cookie: None });
        }
        let given = header.map(str::to_owned).or_else(|| cookie.clone()).ok_or_else(|| {
            Problem::new(401, "Passcode needed", "Send the track's passcode in the header X-Track-Passcode.")
        })?;
        if !opens(&given, &track.record()) {
            return Err(wrong_passcode());
        }
        let cookie = (cookie.as_deref() != Some(given.as_str())).then(|| set_cookie(&id, &given)).flatten();
        Ok(Self { track, cookie })
    }
}

/// The track of that name, for who knows its passcode.
pub(super) async fn open(app: &App, id: &str, passcode: &str) -> Result<Arc<ActiveTrack>, Problem> {
    let id = TrackId::parse(id).map_err(|_| Problem::no_such_track())?;
    let track = app.pipeline.find(&id).await?.ok_or_else(Problem::no_such_track)?;
    if !opens(passcode, &track.record()) {
        return Err(wrong_passcode());
    }
    Ok(track)
}

/// Whether this is the track's passcode.
pub(super) fn opens(passcode: &str, track: &TrackRecord) -> bool {
    same(&hash(passcode), &track.passcode_sha256)
}

pub(super) fn wrong_passcode() -> Problem {
    Problem::new(403, "Wrong passcode", "This is not the passcode of this track.")
}

/// Whether the request holds the admin key, if there is one.
pub(super) fn is_admin(app: &App, headers: &HeaderMap) -> bool {
    let given = headers.get("x-admin-key").and_then(|v| v.to_str().ok());
    given.is_some_and(|given| has_admin_key(app, given))
}

/// Whether this is the admin key, if there is one.
pub(super) fn has_admin_key(app: &App, given: &str) -> bool {
    let key = &app.config.admin_key;
    !key.is_empty() && same(&hash(given), &hash(key))
}

/// A new passcode.
pub(super) fn new_passcode() -> String {
    passcode(rand::random())
}

/// The passcode made of 80 random bits, so that it can be read out aloud.
pub(super) fn passcode(bits: u128) -> String {
    let text = TrackId::from_random(bits).to_string();
    [&text[..4], &text[4..8], &text[8..12], &text[12..]].join("-")
}

/// What is kept of a passcode. It is random, so that a plain hash is enough.
pub(super) fn hash(passcode: &str) -> String {
    hex::encode(Sha256::digest(passcode.as_bytes()))
}

/// The cookie that lets this browser's players and event streams reach the track.
pub(super) fn set_cookie(id: &TrackId, passcode: &str) -> Option<HeaderValue> {
    let year = 365 * 24 * 3600;
    let text = format!(
        "{}={passcode}; Path=/api/v1/tracks/{id}; Max-Age={year}; HttpOnly; SameSite=Strict",
        cookie_name(id)
    );
    HeaderValue::from_str(&text).ok()
}

fn cookie_name(id: &TrackId) -> String {
    format!("karaoke_{id}")
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok());
    let mut pairs = all.flat_map(|v| v.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(n, _)| *n == name).map(|(_, value)| value.to_owned())
}

/// Compares hashes in constant time.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |acc, (x, y)| acc | (x ^ y)) == 0
}
