//! Who may reach a track: whoever has its passcode (header or cookie), the API key that it was handed in with, or the
//! admin key.

use super::App;
use crate::active_track::ActiveTrack;
use crate::client::ApiKey;
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
    /// The passcode that it gave, if it gave the right one.
    pub(super) passcode: Option<String>,
    /// The cookie to set, when the passcode came by header only.
    pub(super) cookie: Option<HeaderValue>,
}

impl FromRequestParts<App> for Owned {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, app).await;
        let id = path.ok().and_then(|Path(path)| TrackId::parse(path.get("id")?).ok());
        let credentials = Credentials::of(app, &parts.headers).await?;
        let header = parts.headers.get("x-track-passcode").and_then(|v| v.to_str().ok());
        let cookie = id.as_ref().and_then(|id| cookie(&parts.headers, &cookie_name(id)));
        let given = header.map(str::to_owned).or_else(|| cookie.clone());
        // Asked before it is looked whether there is such a track: that is nobody's business.
        if given.is_none() && !credentials.are_some() {
            let detail = "Send the track's passcode in the header X-Track-Passcode.";
            return Err(Problem::new(401, "Passcode needed", detail));
        }
        let id = id.ok_or_else(Problem::no_such_track)?;
        let track = credentials.open(app, &id, given.as_deref()).await?;
        // Keys open a track whatever stands beside them; that must not become a cookie or a link.
        let given = given.filter(|given| opens(given, &track.record()));
        let is_new = cookie != given && !credentials.is_admin;
        let cookie = given.as_ref().filter(|_| is_new).and_then(|given| set_cookie(&id, given));
        Ok(Self { track, passcode: given, cookie })
    }
}

/// What a request shows of itself beside passcodes.
pub(super) struct Credentials {
    pub(super) is_admin: bool,
    pub(super) key: Option<ApiKey>,
}

impl Credentials {
    /// 401 where a request has a key that is none.
    pub(super) async fn of(app: &App, headers: &HeaderMap) -> Result<Self, Problem> {
        let is_admin = is_admin(app, headers);
        let key = if is_admin { None } else { key_of(app, headers).await? };
        Ok(Self { is_admin, key })
    }

    fn are_some(&self) -> bool {
        self.is_admin || self.key.is_some()
    }

    /// The track of that name, for who has its passcode, the key that it was handed in with, or the admin key. A track
    /// that there is not and one that does not open answer alike.
    pub(super) async fn open(
        &self,
        app: &App,
        id: &TrackId,
        passcode: Option<&str>,
    ) -> Result<Arc<ActiveTrack>, Problem> {
        let track = app.pipeline.find(id).await?.ok_or_else(Problem::no_such_track)?;
        let record = track.record();
        let is_own = self.key.as_ref().is_some_and(|key| record.client == Some(key.client_name()));
        let opens = self.is_admin || is_own || passcode.is_some_and(|given| opens(given, &record));
        opens.then_some(track).ok_or_else(Problem::no_such_track)
    }
}

/// The API key of a request, if it has one. 401 where it is none of this server's.
pub(super) async fn key_of(app: &App, headers: &HeaderMap) -> Result<Option<ApiKey>, Problem> {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some((scheme, key)) = given.and_then(|value| value.trim().split_once(' ')) else { return Ok(None) };
    // Other schemes may be a proxy's.
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let known = app.pipeline.store.key(&hash(key.trim())).await?;
    known.map(Some).ok_or_else(|| {
        Problem::new(
            401,
            "Unknown key",
            "This API key is none of this server's, or it was revoked; ask its operator for one.",
        )
    })
}

/// Whether this is the track's passcode.
fn opens(passcode: &str, track: &TrackRecord) -> bool {
    same(&hash(passcode), &track.passcode_sha256)
}

/// 401: only who has the admin key may do that.
pub(super) fn admin_only(app: &App, headers: &HeaderMap, what: &str) -> Result<(), Problem> {
    if is_admin(app, headers) {
        return Ok(());
    }
    let detail = format!("{what} needs the admin key (header X-Admin-Key; http.admin_key in config.toml).");
    Err(Problem::new(401, "Admin key needed", detail))
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
