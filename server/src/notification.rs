//! What others are told of tracks, and who.

use crate::clock::rfc3339;
use crate::store::TrackRecord;
use karaoke_notify::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

/// `[notifications]`: webhooks and mail that tell what became of songs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NotificationsConfig {
    /// Whether who hands in a song may say who shall be told of it; the admin always may.
    pub for_songs: bool,
    /// Webhooks may lead to private networks and to this machine itself.
    pub allow_private: bool,
    /// Seconds that a webhook may take to answer.
    pub timeout_s: f64,
    /// Days for which it is kept what was sent.
    pub keep_days: u32,
}

impl Default for NotificationsConfig {
    fn default() -> Self {
        Self { for_songs: true, allow_private: false, timeout_s: 15.0, keep_days: 30 }
    }
}

impl NotificationsConfig {
    /// [`Self::timeout_s`] as a duration.
    pub fn timeout(&self) -> Duration {
        Duration::try_from_secs_f64(self.timeout_s).unwrap_or(Duration::from_secs(15))
    }

    /// Says in one sentence which value cannot be.
    pub fn check(&self) -> Result<(), String> {
        if !(0.1..=120.0).contains(&self.timeout_s) {
            return Err("notifications.timeout_s must lie between 0.1 and 120".into());
        }
        if self.keep_days == 0 {
            return Err("notifications.keep_days must be at least 1".into());
        }
        Ok(())
    }
}

/// Who is to be told of a song, as its uploader says it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The address of a webhook.
    pub webhook: Option<String>,
    /// A mail address.
    pub email: Option<String>,
}

/// What can happen to a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It is done.
    Done,
    /// It cannot be done.
    Failed,
    /// Its owner called it off.
    Cancelled,
    /// Its deadline has passed, or it was done after it.
    DeadlineMissed,
    /// Nothing: somebody wants to see whether messages arrive.
    Test,
}

impl Event {
    /// Those that happen to tracks.
    pub const OF_TRACKS: [Self; 4] = [Self::Done, Self::Failed, Self::Cancelled, Self::DeadlineMissed];

    /// As messages and the database have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "track.done",
            Self::Failed => "track.failed",
            Self::Cancelled => "track.cancelled",
            Self::DeadlineMissed => "track.deadline_missed",
            Self::Test => "test",
        }
    }

    /// The event of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::OF_TRACKS.into_iter().chain([Self::Test]).find(|event| event.name() == name)
    }
}

/// Somebody who is to be told.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Its name.
    pub id: String,
    /// A [`karaoke_notify::Target`] as text.
    pub target: String,
    /// What signs messages to a webhook; of mail, the address of the song's page.
    pub secret: String,
    /// What it is told of.
    pub events: Vec<Event>,
    /// Since when, Unix milliseconds.
    pub created_ms: i64,
    /// Why nothing more is sent to it.
    pub disabled: Option<String>,
}

impl Notification {
    /// A new webhook, told of `events`; without a secret it is given one.
    pub fn webhook(target: String, secret: Option<Secret>, events: Vec<Event>, now_ms: i64) -> Self {
        let secret = secret.unwrap_or_else(Secret::random).as_str().to_owned();
        Self { id: new_id("ntf"), target, secret, events, created_ms: now_ms, disabled: None }
    }

    /// Mail to somebody who finds the song at `page`.
    pub fn mail(target: String, page: String, events: Vec<Event>, now_ms: i64) -> Self {
        Self { id: new_id("ntf"), target, secret: page, events, created_ms: now_ms, disabled: None }
    }

    /// Whether messages go by mail.
    pub fn is_mail(&self) -> bool {
        self.target.starts_with("mailto:")
    }
}

/// A new name, such as `msg_4q7…`: 128 random bits.
pub fn new_id(kind: &str) -> String {
    format!("{kind}_{}", hex::encode(rand::random::<[u8; 16]>()))
}

/// The body of a message about a track, JSON, in the form that Standard Webhooks recommends. It holds nothing that opens
/// the track.
pub fn body(event: Event, track: Option<&TrackRecord>, now_ms: i64) -> String {
    let data = track.map_or_else(|| json!({}), data);
    json!({ "type": event.name(), "timestamp": rfc3339(now_ms), "data": data }).to_string()
}

fn data(r: &TrackRecord) -> Value {
    let seconds = r.audio.map(|a| a.frames.seconds(a.source_rate));
    let error =
        r.failure.as_ref().map(|f| json!({ "status": f.status, "title": f.title, "detail": f.detail }));
    json!({
        "id": r.id, "state": r.state, "file_name": r.file_name, "title": r.title, "artist": r.artist,
        "album": r.album, "model": r.manifest.name, "duration_s": seconds, "created_at": rfc3339(r.created_ms),
        "finished_at": r.finished_ms.map(rfc3339), "deadline_at": r.deadline_ms.map(rfc3339), "error": error,
        "links": { "self": format!("/api/v1/tracks/{}", r.id) },
    })
}

/// Subject and text of the mail that a message's `body` becomes; `page`: where the song is.
pub fn mail_text(body: &str, page: &str) -> (String, String) {
    let message: Value = serde_json::from_str(body).unwrap_or_default();
    let field = |key: &str| message["data"][key].as_str().map(plain).filter(|text| !text.is_empty());
    let file = field("file_name").map(|name| match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem.to_owned(),
        _ => name,
    });
    let song = field("title").or(file).unwrap_or_else(|| "your song".into());
    let by = field("artist").map(|artist| format!(" by {artist}")).unwrap_or_default();
    let (subject, sentence) = match message["type"].as_str().and_then(Event::from_name) {
        Some(Event::Done) => (format!("“{song}” is ready"), format!("“{song}”{by} is ready to be sung.")),
        Some(Event::Failed) => {
            let why = message["data"]["error"]["detail"].as_str().map(plain).unwrap_or_default();
            (
                format!("“{song}” could not be separated"),
                format!("“{song}”{by} could not be separated. {why}"),
            )
        }
        Some(Event::Cancelled) => {
            (format!("“{song}” was called off"), format!("“{song}”{by} was called off before it was done."))
        }
        Some(Event::DeadlineMissed) => {
            (format!("“{song}” is late"), format!("“{song}”{by} was not ready by its deadline."))
        }
        Some(Event::Test) | None => ("A test".into(), "Mail from this server arrives.".to_owned()),
    };
    let place = if page.is_empty() { String::new() } else { format!("\r\n\r\n{page}") };
    let why = "You get this because your address was given when the song was handed in.";
    (subject, format!("{sentence}{place}\r\n\r\n{why}\r\n"))
}

/// A text from a file's tags as it may stand in a mail: one line, not long, without what mail programs make links of.
fn plain(text: &str) -> String {
    const LONGEST: usize = 100;
    let clean = text.replace("://", ": ").replace("www.", "www ");
    let clean: String = clean.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    match clean.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &clean[..end]),
        None => clean.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Failure;

    #[test]
    fn a_message_tells_of_the_track_and_opens_nothing() {
        let mut track = TrackRecord::sample();
        track.passcode_sha256 = "feed".into();
        track.failure = Some(Failure { status: 422, title: "T".into(), detail: "D.".into() });
        let text = body(Event::Failed, Some(&track), 0);
        let message: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(message["type"], "track.failed");
        assert_eq!(message["timestamp"], "1970-01-01T00:00:00Z");
        assert_eq!(message["data"]["error"]["detail"], "D.");
        assert!(!text.contains("feed"));
    }

    #[test]
    fn names_of_events_are_read_back() {
        for event in Event::OF_TRACKS.into_iter().chain([Event::Test]) {
            assert_eq!(Event::from_name(event.name()), Some(event));
        }
    }

    #[test]
    fn mail_shows_tags_as_one_harmless_line() {
        let mut track = TrackRecord::sample();
        track.title = Some(format!("Win\r\nBcc: all@example.org https://spam.example {}", "x".repeat(200)));
        let (subject, text) = mail_text(&body(Event::Done, Some(&track), 0), "https://example.org/#song=a.b");
        assert!(!subject.contains(['\r', '\n']) && !subject.contains("://"), "{subject}");
        assert!(subject.chars().count() < 120, "{subject}");
        assert!(text.contains("\r\n\r\nhttps://example.org/#song=a.b\r\n"), "{text}");
        assert_eq!(text.matches("://").count(), 1);
        // Without tags: the name of the file, without what kind it is.
        track.title = None;
        assert_eq!(mail_text(&body(Event::Done, Some(&track), 0), "").0, "“a” is ready");
    }
}
