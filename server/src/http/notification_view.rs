//! Notifications and what was sent for them, as the API shows them.

use crate::clock::rfc3339;
use crate::notification::Notification;
use crate::store::{Delivery, DeliveryAttempt};
use serde::Serialize;
use utoipa::ToSchema;

/// All notifications of a track, or of all tracks.
#[derive(Serialize, ToSchema)]
pub(super) struct NotificationList {
    pub(super) notifications: Vec<NotificationView>,
}

/// Somebody who is told.
#[derive(Serialize, ToSchema)]
#[schema(as = Notification)]
pub(super) struct NotificationView {
    id: String,
    /// `https://…` or `mailto:…`.
    target: String,
    /// What it is told of.
    events: Vec<&'static str>,
    /// RFC 3339.
    created_at: String,
    /// Why nothing more is sent.
    disabled: Option<String>,
    /// What signs messages to a webhook; told only to who has just added it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<String>,
}

impl From<&Notification> for NotificationView {
    fn from(n: &Notification) -> Self {
        Self {
            id: n.id.clone(),
            target: n.target.clone(),
            events: n.events.iter().map(|event| event.name()).collect(),
            created_at: rfc3339(n.created_ms),
            disabled: n.disabled.clone(),
            secret: None,
        }
    }
}

impl NotificationView {
    /// For who has just added it, with what checks the signatures.
    pub(super) fn with_secret(n: &Notification) -> Self {
        Self { secret: (!n.is_mail()).then(|| n.secret.clone()), ..Self::from(n) }
    }
}

/// What was sent, the newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryList {
    pub(super) deliveries: Vec<DeliveryView>,
}

/// A message.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(super) struct DeliveryView {
    id: String,
    /// What it tells.
    event: String,
    /// RFC 3339.
    created_at: String,
    /// RFC 3339.
    delivered_at: Option<String>,
    /// RFC 3339.
    next_attempt_at: Option<String>,
    attempts: Vec<AttemptView>,
}

/// An attempt to send a message.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliveryAttempt)]
struct AttemptView {
    /// RFC 3339.
    at: String,
    /// Of the HTTP answer.
    status: Option<u16>,
    /// Why it did not arrive; null: it did.
    error: Option<String>,
    /// How long it took.
    seconds: f64,
}

impl DeliveryView {
    /// Of a message and its attempts, the oldest first.
    pub(super) fn new(d: &Delivery, attempts: &[DeliveryAttempt]) -> Self {
        let arrived = attempts.iter().rev().find(|a| a.error.is_none());
        let attempt = |a: &DeliveryAttempt| AttemptView {
            at: rfc3339(a.at_ms),
            status: a.status,
            error: a.error.clone(),
            seconds: a.seconds,
        };
        Self {
            id: d.id.clone(),
            event: d.event.clone(),
            created_at: rfc3339(d.created_ms),
            delivered_at: arrived.map(|a| rfc3339(a.at_ms)),
            next_attempt_at: d.next_ms.map(rfc3339),
            attempts: attempts.iter().map(attempt).collect(),
        }
    }
}
