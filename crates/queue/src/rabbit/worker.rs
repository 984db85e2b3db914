//! A worker's end of the queue over RabbitMQ.

use super::BrokerConfig;
use super::connection::{Connection, Received, SubscriptionSpec, queue_error, send_error};
use super::settle::{delivery, headers};
use super::topology;
use crate::notices::Notices;
use crate::{Delivery, QueueError, WorkerQueue};
use async_trait::async_trait;
use bytes::Bytes;
use karaoke_core::presence::{Order, Presence};
use karaoke_core::wire::{Job, Outcome, Reply};
use karaoke_core::{ChunkIndex, Route, TrackId, WorkerId};
use karaoke_stages::Stage;
use karaoke_stomp::Headers;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tracing::Instrument;

/// Notices that may wait to be heard.
const NOTICES: usize = 256;

/// One worker's connections to the broker: one to consume, one to publish.
pub struct RabbitWorker {
    publish: Connection,
    consume: Mutex<Option<Connection>>,
    jobs: Mutex<mpsc::Receiver<Received>>,
    notices: Arc<Notices>,
    listener: JoinHandle<()>,
    config: BrokerConfig,
    routes: Vec<Route>,
}

impl RabbitWorker {
    /// Connects as `name` and asks for jobs of `routes`; without any it can only announce.
    ///
    /// A broker that cannot be reached yet is no error; one that refuses the login is.
    pub async fn connect(config: &BrokerConfig, name: &str, routes: &[Route]) -> Result<Self, QueueError> {
        tracing::debug!(worker = name, ?routes, "connecting");
        let (to_notices, received) = mpsc::channel(NOTICES);
        // Beside what is published: it is heard also while no jobs are taken.
        let notices = match routes.is_empty() {
            true => Vec::new(),
            false => vec![SubscriptionSpec::topic(topology::NOTICES, to_notices)],
        };
        let publish = Connection::start("publish", config, notices);
        let (publish, (consume, jobs)) = tokio::try_join!(publish, consume(config, routes))?;
        let notices = Arc::new(Notices::default());
        Ok(Self {
            publish,
            consume: Mutex::new(consume),
            jobs: Mutex::new(jobs),
            listener: tokio::spawn(listen(received, notices.clone())),
            notices,
            config: config.clone(),
            routes: routes.to_vec(),
        })
    }

    /// Leaves as it should: what was settled is settled, jobs that wait here go back at once.
    pub async fn leave(&self) {
        self.pause().await;
        self.publish.leave().await;
    }
}

/// A connection that takes jobs of `routes`, and where they arrive; none without routes.
async fn consume(
    config: &BrokerConfig,
    routes: &[Route],
) -> Result<(Option<Connection>, mpsc::Receiver<Received>), QueueError> {
    let (to_jobs, jobs) = mpsc::channel(config.prefetch as usize);
    let mut specs = Vec::new();
    for route in routes {
        specs.push(SubscriptionSpec::queue(topology::jobs(route)?, config.prefetch, to_jobs.clone()));
    }
    if specs.is_empty() {
        return Ok((None, jobs));
    }
    Ok((Some(Connection::start("consume", config, specs).await?), jobs))
}

impl Drop for RabbitWorker {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn listen(mut received: mpsc::Receiver<Received>, notices: Arc<Notices>) {
    while let Some(received) = received.recv().await {
        match serde_json::from_slice(&received.message.body) {
            Ok(notice) => notices.record(notice),
            Err(error) => tracing::debug!(%error, "a notice makes no sense"),
        }
    }
}

#[async_trait]
impl WorkerQueue for RabbitWorker {
    async fn next_job(&self, _routes: &[Route]) -> Result<Delivery<Job>, QueueError> {
        let mut jobs = self.jobs.lock().await;
        loop {
            let received = jobs.recv().await.ok_or(QueueError::Closed)?;
            if received.client.is_closed() {
                // The broker has given it to somebody else by now.
                continue;
            }
            let job =
                Stage::Wire.of(|| Job::from_message(&headers(&received), received.message.body.clone()));
            match job {
                Ok(job) => return Ok(delivery(&received, job)),
                Err(error) => {
                    // It would make no more sense to the next worker; the chunk's lease brings a new one.
                    tracing::warn!(%error, "a job makes no sense; dropped");
                    delivery(&received, ()).ack();
                }
            }
        }
    }

    async fn reply(&self, reply_to: &str, reply: Reply) -> Result<(), QueueError> {
        if !topology::is_plain(reply_to) {
            return Err(QueueError::Refused(format!("`{reply_to}` is no server's name")));
        }
        // That somebody has begun is worth nothing after the broker's death; the rest is.
        let lasting = !matches!(reply.outcome, Outcome::Started);
        let mut headers = Headers::new();
        if lasting {
            headers.push("persistent", "true");
        }
        let (fields, body) = Stage::Wire.of(|| reply.into_message());
        for (name, value) in fields {
            headers.push(name, value);
        }
        let client = self.publish.connected(Duration::from_secs_f64(self.config.receipt_s)).await?;
        let bytes = body.len();
        client
            .send_with_receipt(&topology::replies(reply_to), headers, body)
            .instrument(Stage::Wire.span())
            .await
            .map_err(|e| send_error(&e, bytes))
    }

    async fn announce(&self, presence: Presence) -> Result<(), QueueError> {
        let none = || QueueError::Unreachable("no connection to the broker".into());
        let client = self.publish.client().ok_or_else(none)?;
        let body = serde_json::to_vec(&presence).map_err(|e| QueueError::Refused(e.to_string()))?;
        let sent = client.send(topology::PRESENCE, Headers::new(), Bytes::from(body));
        sent.await.map_err(|e| queue_error(&e))
    }

    fn is_unwanted(&self, track: &TrackId, chunk: ChunkIndex) -> bool {
        self.notices.is_unwanted(track, chunk)
    }

    fn refusals(&self, worker: &WorkerId) -> u64 {
        self.notices.refusals(worker)
    }

    fn order(&self, worker: &WorkerId) -> Option<Order> {
        self.notices.order(worker)
    }

    async fn pause(&self) {
        if let Some(consume) = self.consume.lock().await.take() {
            consume.leave().await;
        }
    }

    async fn resume(&self) -> Result<(), QueueError> {
        let mut current = self.consume.lock().await;
        if current.is_none() {
            let (connection, jobs) = consume(&self.config, &self.routes).await?;
            *self.jobs.lock().await = jobs;
            *current = connection;
        }
        Ok(())
    }

    fn prefetch(&self) -> u32 {
        self.config.prefetch
    }
}
