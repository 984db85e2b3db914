//! Rows of messages that have been, or are to be, sent. A message is written in the transaction of what it tells, so
//! that whatever dies, none is lost and none tells what did not happen (a transactional outbox).

use super::notifications::notification;
use super::track_record::record;
use super::{Store, StoreError};
use crate::notification::{self, Event, Notification};
use karaoke_core::{TrackId, TrackState};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

/// A message to somebody.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its name, the same at every attempt.
    pub id: String,
    /// Whom it is for.
    pub notification: String,
    /// What it tells.
    pub event: String,
    /// Where it goes.
    pub target: String,
    /// What signs it; of mail, the address of the song's page.
    pub secret: String,
    /// JSON.
    pub body: String,
    /// When it was written, Unix milliseconds.
    pub created_ms: i64,
    /// When it is tried (again), Unix milliseconds; none: no more.
    pub next_ms: Option<i64>,
    /// When it arrived, Unix milliseconds.
    pub delivered_ms: Option<i64>,
    /// Attempts so far.
    pub attempts: u32,
}

/// An attempt to deliver a message.
#[derive(Clone, Debug)]
pub struct DeliveryAttempt {
    /// When, Unix milliseconds.
    pub at_ms: i64,
    /// Of the HTTP answer.
    pub status: Option<u16>,
    /// Why it did not arrive; none: it did.
    pub error: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

impl Delivery {
    /// A message to somebody that was not tried yet.
    fn new(n: &Notification, event: Event, body: String, now_ms: i64, next_ms: Option<i64>) -> Self {
        Self {
            id: notification::new_id("msg"),
            notification: n.id.clone(),
            event: event.name().to_owned(),
            target: n.target.clone(),
            secret: n.secret.clone(),
            body,
            created_ms: now_ms,
            next_ms,
            delivered_ms: None,
            attempts: 0,
        }
    }
}

impl Store {
    /// Takes up to `limit` messages that are due, at most `each` to one target and none to a `busy` one, and leaves them
    /// alone until `lease_ms` (both Unix milliseconds): should this process die, they are due then.
    pub async fn claim_deliveries(
        &self,
        now_ms: i64,
        lease_ms: i64,
        limit: u32,
        each: u32,
        busy: &[&str],
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query(
            "UPDATE deliveries SET leased_ms = ?2 WHERE id IN (
                SELECT id FROM (SELECT id, next_ms, ROW_NUMBER() OVER (PARTITION BY target ORDER BY next_ms) AS place
                                FROM deliveries
                                WHERE next_ms <= ?1 AND COALESCE(leased_ms, 0) <= ?1
                                AND target NOT IN (SELECT value FROM json_each(?5)))
                WHERE place <= ?4 ORDER BY next_ms LIMIT ?3)
             RETURNING *",
        )
        .bind(now_ms)
        .bind(lease_ms)
        .bind(limit)
        .bind(each)
        .bind(serde_json::to_string(busy).map_err(|_| StoreError::Corrupt("target"))?)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(delivery).collect()
    }

    /// Makes what a previous run of the server was sending when it died due at once.
    pub async fn release_deliveries(&self) -> Result<(), StoreError> {
        sqlx::query("UPDATE deliveries SET leased_ms = NULL WHERE leased_ms IS NOT NULL")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// When the next message is due, Unix milliseconds.
    pub async fn next_delivery(&self) -> Result<Option<i64>, StoreError> {
        Ok(sqlx::query_scalar("SELECT MIN(MAX(next_ms, COALESCE(leased_ms, 0))) FROM deliveries")
            .fetch_one(&self.pool)
            .await?)
    }

    /// Adds a message that no track's state has to do with; it is not due by itself.
    pub async fn insert_delivery(
        &self,
        n: &Notification,
        event: Event,
        now_ms: i64,
    ) -> Result<Delivery, StoreError> {
        let delivery = Delivery::new(n, event, notification::body(event, None, now_ms), now_ms, None);
        let mut connection = self.pool.acquire().await?;
        insert(&mut connection, None, &delivery).await?;
        Ok(delivery)
    }

    /// Keeps an attempt, and when the next one is due, if there is to be one. A message that arrived is not sent again.
    pub async fn delivery_attempted(
        &self,
        id: &str,
        attempt: &DeliveryAttempt,
        next_ms: Option<i64>,
    ) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        let delivered = attempt.error.is_none().then_some(attempt.at_ms);
        let done = sqlx::query(
            "UPDATE deliveries SET next_ms = ?, leased_ms = NULL,
             delivered_ms = COALESCE(delivered_ms, ?), attempts = attempts + 1
             WHERE id = ?",
        )
        .bind(next_ms)
        .bind(delivered)
        .bind(id)
        .execute(&mut *tx)
        .await?;
        if done.rows_affected() > 0 {
            sqlx::query("INSERT INTO delivery_attempts (delivery, at_ms, status, error, seconds) VALUES (?, ?, ?, ?, ?)")
                .bind(id)
                .bind(attempt.at_ms)
                .bind(attempt.status)
                .bind(&attempt.error)
                .bind(attempt.seconds)
                .execute(&mut *tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }

    /// The newest messages to somebody, each with its attempts.
    pub async fn deliveries_of(
        &self,
        notification: &str,
        limit: u32,
    ) -> Result<Vec<(Delivery, Vec<DeliveryAttempt>)>, StoreError> {
        let query = "SELECT * FROM deliveries WHERE notification = ? ORDER BY created_ms DESC, id LIMIT ?";
        let rows = sqlx::query(query).bind(notification).bind(limit);
        let mut all = Vec::new();
        for row in rows.fetch_all(&self.pool).await? {
            let delivery = delivery(&row)?;
            let attempts =
                sqlx::query("SELECT * FROM delivery_attempts WHERE delivery = ? ORDER BY at_ms, rowid")
                    .bind(&delivery.id)
                    .fetch_all(&self.pool)
                    .await?;
            let attempts = attempts.iter().map(attempt).collect::<Result<_, _>>()?;
            all.push((delivery, attempts));
        }
        Ok(all)
    }

    /// Makes a message due now; false when there is no such message to somebody.
    pub async fn redeliver(&self, notification: &str, id: &str, now_ms: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE deliveries SET next_ms = ? WHERE id = ? AND notification = ?")
            .bind(now_ms)
            .bind(id)
            .bind(notification)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Mails that arrived since then (Unix milliseconds).
    pub async fn mails_since(&self, since_ms: i64) -> Result<u32, StoreError> {
        let query = "SELECT COUNT(*) FROM deliveries WHERE target LIKE 'mailto:%' AND delivered_ms >= ?";
        Ok(sqlx::query_scalar(query).bind(since_ms).fetch_one(&self.pool).await?)
    }

    /// Forgets what nobody has been told yet of a track.
    pub async fn forget_deliveries(&self, track: &TrackId) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM deliveries WHERE track = ? AND delivered_ms IS NULL");
        query.bind(track.as_str()).execute(&self.pool).await?;
        Ok(())
    }

    /// Forgets messages that are over and were written before then (Unix milliseconds).
    pub async fn expire_deliveries(&self, before_ms: i64) -> Result<(), StoreError> {
        let query = sqlx::query("DELETE FROM deliveries WHERE created_ms < ? AND next_ms IS NULL");
        query.bind(before_ms).execute(&self.pool).await?;
        Ok(())
    }

    /// Keeps that a track misses its deadline, and tells of it; false when that was known, or it has none.
    pub async fn miss_deadline(&self, track: &TrackId, now_ms: i64) -> Result<bool, StoreError> {
        let mut tx = self.pool.begin().await?;
        let missed = miss_deadline(&mut tx, track, now_ms).await?;
        tx.commit().await?;
        Ok(missed)
    }
}

/// A track has ended in state `to`: writes who is told of that, from `due_ms` on.
pub(super) async fn track_ended(
    connection: &mut SqliteConnection,
    track: &TrackId,
    to: TrackState,
    now_ms: i64,
    due_ms: i64,
) -> Result<(), StoreError> {
    let event = match to {
        TrackState::Done => Event::Done,
        TrackState::Failed => Event::Failed,
        TrackState::Cancelled => Event::Cancelled,
        _ => return Ok(()),
    };
    miss_deadline(connection, track, now_ms).await?;
    tell(connection, track, event, now_ms, due_ms).await
}

async fn miss_deadline(
    connection: &mut SqliteConnection,
    track: &TrackId,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let missed = sqlx::query(
        "UPDATE tracks SET missed_ms = ?1 WHERE id = ?2 AND deadline_ms < ?1 AND missed_ms IS NULL",
    )
    .bind(now_ms)
    .bind(track.as_str())
    .execute(&mut *connection)
    .await?;
    if missed.rows_affected() == 0 {
        return Ok(false);
    }
    tell(connection, track, Event::DeadlineMissed, now_ms, now_ms).await?;
    Ok(true)
}

/// Writes a message to everybody who is to be told of an event.
async fn tell(
    connection: &mut SqliteConnection,
    track: &TrackId,
    event: Event,
    now_ms: i64,
    due_ms: i64,
) -> Result<(), StoreError> {
    let rows =
        sqlx::query("SELECT * FROM notifications WHERE (track = ? OR track IS NULL) AND disabled IS NULL")
            .bind(track.as_str())
            .fetch_all(&mut *connection)
            .await?;
    if rows.is_empty() {
        return Ok(());
    }
    let row = sqlx::query("SELECT * FROM tracks WHERE id = ?")
        .bind(track.as_str())
        .fetch_one(&mut *connection)
        .await?;
    let body = notification::body(event, Some(&record(&row)?), now_ms);
    for row in &rows {
        let n = notification(row)?;
        if !n.events.contains(&event) {
            continue;
        }
        let delivery = Delivery::new(&n, event, body.clone(), now_ms, Some(due_ms));
        insert(connection, Some(track), &delivery).await?;
    }
    Ok(())
}

async fn insert(
    connection: &mut SqliteConnection,
    track: Option<&TrackId>,
    d: &Delivery,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO deliveries (id, notification, track, event, target, secret, body, created_ms, next_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&d.id)
    .bind(&d.notification)
    .bind(track.map(TrackId::as_str))
    .bind(&d.event)
    .bind(&d.target)
    .bind(&d.secret)
    .bind(&d.body)
    .bind(d.created_ms)
    .bind(d.next_ms)
    .execute(connection)
    .await?;
    Ok(())
}

fn delivery(row: &SqliteRow) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        id: row.try_get("id")?,
        notification: row.try_get("notification")?,
        event: row.try_get("event")?,
        target: row.try_get("target")?,
        secret: row.try_get("secret")?,
        body: row.try_get("body")?,
        created_ms: row.try_get("created_ms")?,
        next_ms: row.try_get("next_ms")?,
        delivered_ms: row.try_get("delivered_ms")?,
        attempts: row.try_get("attempts")?,
    })
}

fn attempt(row: &SqliteRow) -> Result<DeliveryAttempt, StoreError> {
    Ok(DeliveryAttempt {
        at_ms: row.try_get("at_ms")?,
        status: row.try_get("status")?,
        error: row.try_get("error")?,
        seconds: row.try_get("seconds")?,
    })
}
