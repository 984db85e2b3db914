//! The server's end of the queue over RabbitMQ.

use super::BrokerConfig;
use super::connection::{Connection, Received, SubscriptionSpec, queue_error, send_error};
use super::settle::{delivery, headers};
use super::topology;
use crate::{Delivery, QueueError, ServerQueue};
use async_trait::async_trait;
use bytes::Bytes;
use karaoke_core::presence::{Notice, Presence};
use karaoke_core::wire::{Job, Reply};
use karaoke_stages::Stage;
use karaoke_stomp::Headers;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tracing::Instrument;

/// Replies that may be unacked at once: some on the way while others are written, and no more than that in
/// memory.
const REPLIES: u32 = 8;
/// Announcements that may wait to be heard.
const ANNOUNCEMENTS: usize = 256;

/// A server's connections to the broker: one to publish, one to consume.
pub struct RabbitServer {
    publish: Connection,
    consume: Connection,
    replies: Mutex<mpsc::Receiver<Received>>,
    presence: Mutex<mpsc::Receiver<Received>>,
    reply_to: String,
    timeout: Duration,
}

impl RabbitServer {
    /// Connects as the server `id`, whose results are its own. A broker that cannot be reached yet is no error.
    pub async fn connect(config: &BrokerConfig, id: &str) -> Result<Self, QueueError> {
        if !topology::is_plain(id) {
            return Err(QueueError::Refused(format!("`{id}` cannot be a server's name")));
        }
        let (to_replies, replies) = mpsc::channel(REPLIES as usize);
        let (to_presence, presence) = mpsc::channel(ANNOUNCEMENTS);
        let specs = vec![
            SubscriptionSpec::queue(topology::results(id, config.results_days), REPLIES, to_replies),
            SubscriptionSpec::topic(topology::PRESENCE, to_presence),
        ];
        let (publish, consume) = tokio::try_join!(
            Connection::start("publish", config, Vec::new()),
            Connection::start("consume", config, specs)
        )?;
        Ok(Self {
            publish,
            consume,
            replies: Mutex::new(replies),
            presence: Mutex::new(presence),
            reply_to: id.to_owned(),
            timeout: Duration::from_secs_f64(config.receipt_s),
        })
    }

    /// Leaves as it should: what was acked is acked.
    pub async fn leave(&self) {
        tokio::join!(self.consume.leave(), self.publish.leave());
    }
}

#[async_trait]
impl ServerQueue for RabbitServer {
    async fn publish(&self, job: Job) -> Result<(), QueueError> {
        let queue = topology::jobs(&job.route())?;
        let mut headers = queue.arguments.with("persistent", "true");
        for (name, value) in Stage::Wire.of(|| job.headers()) {
            headers.push(name, value);
        }
        headers.push("priority", if job.urgent { "1" } else { "0" });
        // The queue for its result is declared by subscribing to it; what is sent to a queue that is not there is
        // confirmed, and gone.
        self.consume.connected(self.timeout).await?;
        let client = self.publish.connected(self.timeout).await?;
        let bytes = job.body.len();
        let sent = client.send_with_receipt(&queue.destination, headers, job.body);
        sent.instrument(Stage::Wire.span()).await.map_err(|e| send_error(&e, bytes))
    }

    async fn next_reply(&self) -> Result<Delivery<Reply>, QueueError> {
        let mut replies = self.replies.lock().await;
        loop {
            let received = replies.recv().await.ok_or(QueueError::Closed)?;
            let reply =
                Stage::Wire.of(|| Reply::from_message(&headers(&received), received.message.body.clone()));
            match reply {
                Ok(reply) => return Ok(delivery(&received, reply)),
                Err(error) => {
                    // Nobody can tell what it belongs to; the chunk's lease will.
                    tracing::warn!(%error, "a reply makes no sense; dropped");
                    delivery(&received, ()).ack();
                }
            }
        }
    }

    async fn next_presence(&self) -> Result<Presence, QueueError> {
        let mut presence = self.presence.lock().await;
        loop {
            let received = presence.recv().await.ok_or(QueueError::Closed)?;
            match serde_json::from_slice(&received.message.body) {
                Ok(presence) => return Ok(presence),
                Err(error) => tracing::debug!(%error, "an announcement makes no sense"),
            }
        }
    }

    async fn notify(&self, notice: Notice) -> Result<(), QueueError> {
        let none = || QueueError::Unreachable("no connection to the broker".into());
        let client = self.publish.client().ok_or_else(none)?;
        let body = serde_json::to_vec(&notice).map_err(|e| QueueError::Refused(e.to_string()))?;
        let sent = client.send(topology::NOTICES, Headers::new(), Bytes::from(body));
        sent.await.map_err(|e| queue_error(&e))
    }

    fn reply_to(&self) -> &str {
        &self.reply_to
    }

    fn connection(&self) -> u64 {
        self.consume.number()
    }

    fn is_connected(&self) -> bool {
        self.consume.number() != 0 && self.publish.number() != 0
    }
}
