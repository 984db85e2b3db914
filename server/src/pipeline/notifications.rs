//! Tells others what becomes of tracks: sends the messages that the store holds, again and again until they arrive.

use super::Pipeline;
use crate::clock::now_ms;
use crate::fault_point;
use crate::notification::{Asked, Event, Notification, mail_text};
use crate::problem::Problem;
use crate::store::{Delivery, DeliveryAttempt};
use karaoke_core::TrackId;
use karaoke_notify::{Mail, Message, Secret, SendError, Target, pause_after};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Messages that are on their way at once, and to one target.
const AT_ONCE: usize = 8;
const EACH: u32 = 2;
/// How much longer than the target's time a message is left alone before it counts as not sent.
const SPARE: Duration = Duration::from_secs(5);
/// How long nothing due is waited for before it is looked again.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The mail server's steps take longer than a webhook may.
const MAIL_LEASE: Duration = Duration::from_secs(180);
const DAY_MS: i64 = 86_400_000;
/// Notifications of one track, and those of all tracks.
const MOST_OF_A_TRACK: u32 = 5;
const MOST_OF_ALL: u32 = 50;

impl Pipeline {
    /// Tells the delivery loop that there may be something to send.
    pub(super) fn wake_deliveries(&self) {
        self.due.notify_one();
    }

    pub(super) async fn delivery_loop(self: Arc<Self>) {
        let mut running = Running::default();
        loop {
            let wait = match self.start_deliveries(&mut running).await {
                Ok(wait) => wait,
                Err(problem) => {
                    tracing::warn!(error = %problem, "messages cannot be looked up");
                    LONGEST_WAIT
                }
            };
            tokio::select! {
                () = self.due.notified() => {}
                () = running.one_ended() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Starts what is due and says how long until more is.
    async fn start_deliveries(self: &Arc<Self>, running: &mut Running) -> Result<Duration, Problem> {
        let now = now_ms();
        let free = AT_ONCE - running.targets.len().min(AT_ONCE);
        if free > 0 {
            let busy: Vec<&str> = running.targets.values().map(String::as_str).collect();
            let lease = self.notifications.timeout().max(MAIL_LEASE) + SPARE;
            let lease_ms = now + lease.as_millis() as i64;
            for delivery in self.store.claim_deliveries(now, lease_ms, free as u32, EACH, &busy).await? {
                let (me, target) = (self.clone(), delivery.target.clone());
                running.start(target, async move {
                    me.deliver(&delivery).await;
                });
            }
        }
        let next =
            self.store.next_delivery().await?.map(|ms| Duration::from_millis((ms - now).max(0) as u64));
        // What is due and was not taken waits for one of those that are on their way.
        let wait = next.filter(|wait| !wait.is_zero()).unwrap_or(LONGEST_WAIT);
        Ok(wait.min(LONGEST_WAIT))
    }

    /// Sends a message once and keeps what came of it; the attempt, as the log shows it.
    pub(super) async fn deliver(&self, delivery: &Delivery) -> DeliveryAttempt {
        let (at_ms, began) = (now_ms(), Instant::now());
        fault_point::reach("webhook.claimed");
        let sent = self.send(delivery, at_ms).await;
        fault_point::reach("webhook.sent");
        let error = sent.as_ref().err();
        let attempt = DeliveryAttempt {
            at_ms,
            status: sent.as_ref().map_or_else(SendError::status, |status| *status),
            error: error.map(ToString::to_string),
            seconds: began.elapsed().as_secs_f64(),
        };
        let pause = error.filter(|e| e.retryable() && delivery.next_ms.is_some());
        let pause = pause.and_then(|e| pause_after(delivery.attempts + 1, e.retry_after(), rand::random()));
        let (id, event, target) = (&delivery.id, &delivery.event, &delivery.target);
        match (error, pause) {
            (None, _) => tracing::info!(message = id, event, target, "notification delivered"),
            (Some(error), Some(pause)) => {
                tracing::info!(message = id, event, target, %error, ?pause, "notification not delivered yet");
            }
            (Some(error), None) => {
                tracing::warn!(message = id, event, target, %error, "notification given up")
            }
        }
        let next = pause.map(|pause| now_ms() + pause.as_millis() as i64);
        let kept = self.store.delivery_attempted(id, &attempt, next).await;
        fault_point::reach("webhook.kept");
        let given_up = error.filter(|e| pause.is_none() && (e.is_gone() || delivery.next_ms.is_some()));
        let disabled = match given_up {
            Some(error) => {
                self.store.disable_notification(&delivery.notification, Some(&error.to_string())).await
            }
            None => Ok(()),
        };
        for error in kept.err().into_iter().chain(disabled.err()) {
            tracing::warn!(message = id, %error, "what came of a message cannot be kept; it is sent again");
        }
        attempt
    }

    /// The HTTP status of a webhook's answer; none of mail.
    async fn send(&self, delivery: &Delivery, at_ms: i64) -> Result<Option<u16>, SendError> {
        match Target::parse(&delivery.target, self.notifications.allow_private)? {
            Target::Webhook(url) => {
                let message = Message { id: delivery.id.clone(), body: delivery.body.clone() };
                let secret = Secret::parse(&delivery.secret)?;
                self.webhooks.send(&url, &secret, &message, at_ms / 1000).await.map(Some)
            }
            Target::Email(to) => {
                let mailer = self.mailer.as_ref().ok_or(karaoke_notify::Refusal::NoMail)?;
                let sent = self.store.mails_since(at_ms - DAY_MS).await;
                if sent.map_err(|e| SendError::Unreachable(e.to_string()))? >= self.email.per_day {
                    let why = "as many mails as a day may have were sent (email.per_day)";
                    return Err(SendError::Unreachable(why.into()));
                }
                let (subject, text) = mail_text(&delivery.body, &delivery.secret);
                mailer.send(&Mail { to, id: delivery.id.clone(), subject, text }).await.map(|()| None)
            }
        }
    }

    /// Whether songs' owners may be told by mail.
    pub fn sends_mail(&self) -> bool {
        self.mailer.is_some() && self.notifications.for_songs
    }

    /// Those who are to be told of a song that is handed in; `page`: where mail says that it is.
    pub fn asked_for(&self, asked: &Asked, page: &str) -> Result<Vec<Notification>, Problem> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let (webhook, email) = (given(&asked.webhook), given(&asked.email));
        if (webhook.is_some() || email.is_some()) && !self.notifications.for_songs {
            let detail = "This server tells nobody else of songs (notifications.for_songs); leave webhook and email out.";
            return Err(Problem::new(422, "Target not taken", detail));
        }
        let (all, now) = (Event::OF_TRACKS.to_vec(), now_ms());
        let mut notifications = Vec::new();
        if let Some(url) = webhook {
            let target = self.check_target(&url)?.to_string();
            notifications.push(Notification::webhook(target, None, all.clone(), now));
        }
        if let Some(address) = email {
            let address = address.trim();
            let target = self.check_target(&format!("mailto:{}", address.trim_start_matches("mailto:")))?;
            notifications.push(Notification::mail(target.to_string(), page.to_owned(), all, now));
        }
        Ok(notifications)
    }

    /// Checks a target that somebody names, and gives it the form that is kept.
    pub fn check_target(&self, text: &str) -> Result<Target, Problem> {
        let target = Target::parse(text.trim(), self.notifications.allow_private);
        let target = match target {
            Ok(Target::Email(_)) if self.mailer.is_none() => Err(karaoke_notify::Refusal::NoMail),
            other => other,
        };
        target.map_err(|e| Problem::new(422, "Target not taken", sentence(&e.to_string())))
    }

    /// Adds somebody who is told of a track, or of all.
    pub async fn add_notification(&self, track: Option<&TrackId>, n: &Notification) -> Result<(), Problem> {
        let most = if track.is_some() { MOST_OF_A_TRACK } else { MOST_OF_ALL };
        if self.store.insert_notification(track, n, most).await? {
            return Ok(());
        }
        let detail = format!("This target is told already, or there are {most} of them; delete one first.");
        Err(Problem::new(409, "Notification not added", detail))
    }

    /// One of those who are told of a track, or of all.
    pub async fn notification(&self, track: Option<&TrackId>, id: &str) -> Result<Notification, Problem> {
        let all = self.store.notifications(track).await?;
        all.into_iter().find(|n| n.id == id).ok_or_else(no_such_notification)
    }

    /// Sends somebody a test, once and now; one that had been disabled is told again from now on if it arrives.
    pub async fn test_notification(&self, n: &Notification) -> Result<(Delivery, DeliveryAttempt), Problem> {
        let delivery = self.store.insert_delivery(n, Event::Test, now_ms()).await?;
        let attempt = self.deliver(&delivery).await;
        if attempt.error.is_none() && n.disabled.is_some() {
            self.store.disable_notification(&n.id, None).await?;
        }
        Ok((delivery, attempt))
    }

    /// Sends a message again now.
    pub async fn redeliver(&self, n: &Notification, delivery: &str) -> Result<(), Problem> {
        if !self.store.redeliver(&n.id, delivery, now_ms()).await? {
            return Err(Problem::new(
                404,
                "No such message",
                "There is no message of that name to this target.",
            ));
        }
        self.wake_deliveries();
        Ok(())
    }

    /// Deletes a track whose uploader is told that it was not taken: nobody else hears of it.
    pub async fn withdraw(&self, id: &TrackId) -> Result<(), Problem> {
        self.store.forget_deliveries(id).await?;
        self.store.forget_usage(id).await?;
        self.delete(id).await.map(|_| ())
    }

    pub(super) async fn expire_deliveries(&self) -> Result<(), Problem> {
        let before_ms = now_ms() - i64::from(self.notifications.keep_days) * DAY_MS;
        Ok(self.store.expire_deliveries(before_ms).await?)
    }
}

/// Messages that are on their way.
#[derive(Default)]
struct Running {
    tasks: JoinSet<()>,
    /// Where each goes.
    targets: HashMap<tokio::task::Id, String>,
}

impl Running {
    fn start(&mut self, target: String, task: impl Future<Output = ()> + Send + 'static) {
        self.targets.insert(self.tasks.spawn(task).id(), target);
    }

    /// Waits until one has come to its end; for ever when there is none.
    async fn one_ended(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            // It panicked: the message is due again when its lease ends.
            Some(Err(error)) => error.id(),
            None => return std::future::pending().await,
        };
        self.targets.remove(&id);
    }
}

/// 404.
fn no_such_notification() -> Problem {
    Problem::new(404, "No such notification", "There is no notification of that name here.")
}

/// A message as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
