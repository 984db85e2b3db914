//! Sends replies while the worker separates the next chunk, one at a time, and acks what they answer.

use crate::fault_injection::{ReplyAction, ReplyFaults};
use crate::worker_status::WorkerStatus;
use karaoke_core::wire::{Job, Outcome, Reply};
use karaoke_queue::{Delivery, QueueError, WorkerQueue};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// The shortest pause before a reply is sent again, so that a broken queue is not asked without end.
const MIN_PAUSE: Duration = Duration::from_millis(10);

/// How long a reply may take once the worker has been asked to leave.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// At most one reply under way. Dropping it hands back the job of that reply.
pub(crate) struct ResultPublisher {
    sender: Arc<ReplySender>,
    in_flight: JoinSet<()>,
}

/// What it takes to send a reply.
pub(crate) struct ReplySender {
    pub(crate) queue: Arc<dyn WorkerQueue>,
    pub(crate) status: Arc<WorkerStatus>,
    pub(crate) reply_faults: ReplyFaults,
    pub(crate) pause: Duration,
    pub(crate) stop: CancellationToken,
}

impl ResultPublisher {
    pub(crate) fn new(sender: ReplySender) -> Self {
        Self { sender: Arc::new(sender), in_flight: JoinSet::new() }
    }

    /// Takes charge of a finished job, once the reply before it has arrived.
    pub(crate) async fn send(&mut self, delivery: Delivery<Job>, reply: Reply) {
        self.settle().await;
        let sent = self.sender.clone().deliver(delivery, reply);
        self.in_flight.spawn(sent.instrument(tracing::Span::current()));
    }

    /// Waits until nothing is under way.
    pub(crate) async fn settle(&mut self) {
        while let Some(ended) = self.in_flight.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "sending a reply ended badly; its job goes back");
            }
        }
    }
}

impl ReplySender {
    /// Sends the reply, and acks the job once the queue holds all of it; a job whose reply is lost is handed back.
    async fn deliver(self: Arc<Self>, delivery: Delivery<Job>, reply: Reply) {
        let (chunk, seconds) = (reply.chunk, reply.seconds);
        let is_done = matches!(reply.outcome, Outcome::Separated(_));
        match self.send_parts(&delivery.message, reply).await {
            Ok(()) => {
                delivery.ack();
                if is_done {
                    self.status.count_done();
                }
                tracing::info!("chunk {chunk} acked, {seconds:.1} s");
            }
            Err(error) => {
                tracing::warn!(%error, "reply not sent, handing the job back");
                delivery.nack();
            }
        }
    }

    /// Sends the reply in messages of a size that the job allows, one after another. What nobody wants any more
    /// after the first of them is not sent to its end.
    async fn send_parts(&self, job: &Job, reply: Reply) -> Result<(), QueueError> {
        for (n, part) in reply.in_parts(job.max_reply_bytes).into_iter().enumerate() {
            if n > 0 && self.queue.is_unwanted(&job.track, job.chunk) {
                tracing::debug!(parts = n, "nobody wants the rest of the reply");
                return Ok(());
            }
            self.meet(self.reply_faults.action(job.chunk, job.attempt, n), &job.reply_to, part).await?;
        }
        Ok(())
    }

    async fn meet(&self, action: ReplyAction, reply_to: &str, reply: Reply) -> Result<(), QueueError> {
        match action {
            ReplyAction::Sent => self.send(reply_to, reply).await,
            ReplyAction::Dropped => Ok(()),
            ReplyAction::Doubled => {
                self.send(reply_to, reply.clone()).await?;
                self.send(reply_to, reply).await
            }
        }
    }

    /// Sends the reply until there is room for it: computing it again would cost more than waiting. But who
    /// leaves does not wait long for a queue that is not there.
    async fn send(&self, reply_to: &str, reply: Reply) -> Result<(), QueueError> {
        let stop_timeout = async {
            self.stop.cancelled().await;
            tokio::time::sleep(STOP_TIMEOUT).await;
        };
        tokio::select! {
            sent = self.send_until_taken(reply_to, reply) => sent,
            () = stop_timeout => Err(QueueError::Unreachable("told to leave before the queue took it".into())),
        }
    }

    async fn send_until_taken(&self, reply_to: &str, reply: Reply) -> Result<(), QueueError> {
        loop {
            match self.queue.reply(reply_to, reply.clone()).await {
                Err(error) if error.retryable() && !self.stop.is_cancelled() => {
                    tracing::warn!(%error, "reply has to wait");
                    let _ = timeout(self.pause.max(MIN_PAUSE), self.stop.cancelled()).await;
                }
                done => return done,
            }
        }
    }
}
