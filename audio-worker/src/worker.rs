//! One worker: takes a job, has it separated, sends the reply, and only then acks.

use crate::announcer::Announcer;
use crate::chunk::{BeforeWindow, ChunkError};
use crate::failure_backoff::FailureBackoff;
use crate::fault_injection::{Fault, FaultInjector, ReplyFaults};
use crate::inference_thread::InferenceThread;
use crate::result_publisher::{Post, ResultPublisher};
use crate::worker_status::WorkerStatus;
use karaoke_core::presence::WorkerState;
use karaoke_core::wire::{Job, Outcome, Reply};
use karaoke_core::{Route, WorkerId};
use karaoke_queue::{Delivery, QueueError, WorkerQueue};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long a worker waits until the queue has what it says beside its results, before it goes on.
const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a worker without a job looks whether its last reply was refused.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// One worker in one life.
pub(crate) struct Worker {
    pub(crate) routes: Arc<[Route]>,
    pub(crate) queue: Arc<dyn WorkerQueue>,
    pub(crate) thread: InferenceThread,
    pub(crate) status: Arc<WorkerStatus>,
    pub(crate) pause: Duration,
    pub(crate) injector: Option<Arc<FaultInjector>>,
    pub(crate) reply_faults: ReplyFaults,
    pub(crate) stop: CancellationToken,
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It was told to stop, or the queue was closed.
    Left,
    /// It crashed on purpose.
    Crashed,
}

/// What came of a delivery.
enum After {
    /// A chunk was done.
    Done,
    /// Nothing that says anything about the worker.
    Nothing,
    /// The job was handed back.
    HandedBack(String),
    /// The worker crashes on purpose, and the job goes with it.
    Crash,
    /// The worker hangs on purpose, with the job in hand.
    Hang(Box<Delivery<Job>>),
}

impl Worker {
    /// Works until told to stop or until the queue is closed. The job in hand is finished first.
    pub(crate) async fn run(self) -> Ending {
        let announcer = Announcer::start(self.status.clone(), self.queue.clone());
        let mut publisher = ResultPublisher::new(Post {
            queue: self.queue.clone(),
            status: self.status.clone(),
            reply_faults: self.reply_faults,
            pause: self.pause,
            stop: self.stop.clone(),
        });
        let ending = self.work(&announcer, &mut publisher).await;
        let (state, note) = match ending {
            Ending::Left => {
                publisher.settle().await;
                (WorkerState::Left, None)
            }
            Ending::Crashed => {
                drop(publisher);
                (WorkerState::Crashed, Some("simulated crash"))
            }
        };
        announcer.end(state, note).await;
        self.thread.close().await;
        ending
    }

    async fn work(&self, announcer: &Announcer, publisher: &mut ResultPublisher) -> Ending {
        let mut backoff = FailureBackoff::new(self.pause, self.queue.refusals(self.name()));
        loop {
            if let Some(rest) = backoff.heard(self.queue.refusals(self.name())) {
                self.status.count_failure();
                self.rest(rest, "a reply was refused as corrupt").await;
            }
            let next = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ending::Left,
                next = self.queue.next_job(&self.routes) => next,
                () = tokio::time::sleep(POLL_INTERVAL) => continue,
            };
            let after = match next {
                Ok(delivery) => self.handle(delivery, publisher).await,
                Err(error) if error.retryable() => After::HandedBack(format!("no job: {error}")),
                Err(QueueError::Closed) => return Ending::Left,
                Err(error) => {
                    tracing::error!(worker = self.name().as_str(), %error, "there will be no more jobs");
                    return Ending::Left;
                }
            };
            match after {
                After::Done => backoff.succeeded(),
                After::Nothing => {}
                After::HandedBack(why) => self.rest(backoff.failed(), &why).await,
                After::Crash => return Ending::Crashed,
                After::Hang(in_hand) => return self.hang(announcer, *in_hand).await,
            }
            self.status.idle();
        }
    }

    #[tracing::instrument(
        name = "job", skip_all,
        fields(worker = self.name().as_str(), track = %delivery.message.track, chunk = %delivery.message.chunk,
            attempt = delivery.message.attempt),
    )]
    async fn handle(&self, delivery: Delivery<Job>, publisher: &mut ResultPublisher) -> After {
        let job = &delivery.message;
        if self.queue.is_unwanted(&job.track, job.chunk) {
            delivery.ack();
            return After::Nothing;
        }
        self.status.working(job);
        tracing::info!("chunk {} begun", job.chunk);
        self.say(job, 0.0, Outcome::Started).await;
        let began = Instant::now();
        let result = self.thread.separate(job.clone(), self.before_window(job)).await;
        let seconds = began.elapsed().as_secs_f64();
        match result {
            Ok(separated) => {
                let separated = match self.injector(job) {
                    Some(injector) => injector.after_chunk(separated),
                    None => separated,
                };
                let reply = self.reply(job, seconds, Outcome::Separated(separated));
                publisher.send(delivery, reply).await;
                After::Done
            }
            Err(ChunkError::Cancelled) => {
                delivery.ack();
                After::Nothing
            }
            Err(ChunkError::Simulated(Fault::Kill)) => After::Crash,
            Err(ChunkError::Simulated(Fault::Hang)) => After::Hang(Box::new(delivery)),
            Err(error) if error.retryable() => self.hand_back(delivery, seconds, &error).await,
            Err(error) => {
                tracing::error!(%error, "job failed for good");
                self.status.count_failure();
                let reply = self.reply(job, seconds, Outcome::Failed(error.to_string()));
                publisher.send(delivery, reply).await;
                After::Nothing
            }
        }
    }

    /// What goes wrong with this job on purpose.
    fn injector(&self, job: &Job) -> Option<&Arc<FaultInjector>> {
        self.injector.as_ref().filter(|s| s.acts_on(&job.model))
    }

    /// Asked before each window: is the chunk still wanted, and does nothing go wrong on purpose?
    fn before_window(&self, job: &Job) -> BeforeWindow {
        let (queue, injector) = (self.queue.clone(), self.injector(job).cloned());
        let (track, chunk, windows) = (job.track.clone(), job.chunk, job.windows);
        Box::new(move |window| match &injector {
            _ if queue.is_unwanted(&track, chunk) => Err(ChunkError::Cancelled),
            Some(injector) => injector.before_window(window, windows),
            None => Ok(()),
        })
    }

    async fn hand_back(&self, delivery: Delivery<Job>, seconds: f64, error: &ChunkError) -> After {
        tracing::warn!(%error, "job failed, handing it back");
        self.status.count_failure();
        self.say(&delivery.message, seconds, Outcome::Returned(error.to_string())).await;
        delivery.nack();
        After::HandedBack(error.to_string())
    }

    /// Holds the job and says nothing, until the stop.
    async fn hang(&self, announcer: &Announcer, in_hand: Delivery<Job>) -> Ending {
        tracing::warn!(worker = self.name().as_str(), chunk = %in_hand.message.chunk, "hangs from now on (simulated)");
        announcer.pause();
        self.stop.cancelled().await;
        in_hand.nack();
        Ending::Left
    }

    /// Tells the server how it goes, beside the results. One that does not hear it gets those all the same.
    async fn say(&self, job: &Job, seconds: f64, outcome: Outcome) {
        let reply = self.reply(job, seconds, outcome);
        match timeout(ANNOUNCE_TIMEOUT, self.queue.reply(&job.reply_to, reply)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "could not tell the server how it goes"),
            Err(_) => tracing::warn!("could not tell the server in time how it goes"),
        }
    }

    fn reply(&self, job: &Job, seconds: f64, outcome: Outcome) -> Reply {
        Reply {
            track: job.track.clone(),
            chunk: job.chunk,
            attempt: job.attempt,
            worker: self.name().clone(),
            seconds,
            outcome,
        }
    }

    /// A rest, cut short by the stop.
    async fn rest(&self, rest: Duration, why: &str) {
        if rest.is_zero() {
            return;
        }
        tracing::warn!(worker = self.name().as_str(), seconds = rest.as_secs_f64(), why, "resting");
        self.status.resting(why);
        let _ = timeout(rest, self.stop.cancelled()).await;
        self.status.idle();
    }

    fn name(&self) -> &WorkerId {
        self.status.name()
    }
}
