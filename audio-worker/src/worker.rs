//! One worker: takes a job, has it separated, sends the reply, and only then acks.

use crate::announcer::Announcer;
use crate::chunk::{BeforeWindow, ChunkError};
use crate::failure_backoff::FailureBackoff;
use crate::fault_injection::{Fault, FaultInjector, ReplyFaults};
use crate::inference_thread::InferenceThread;
use crate::installed::Served;
use crate::result_publisher::{ReplySender, ResultPublisher};
use crate::sessions::ModelFile;
use crate::worker_status::WorkerStatus;
use karaoke_core::presence::{OrderKind, WorkerState};
use karaoke_core::wire::{Job, Outcome, Reply, Separated};
use karaoke_core::{ModelName, Route, WorkerId};
use karaoke_queue::{Delivery, QueueError, WorkerQueue};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

/// How long a worker waits until the queue has what it says beside its results, before it goes on.
const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(2);

/// How often a worker without a job looks whether its last reply was refused.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Where a worker takes the jobs of these models.
pub(crate) type RoutesOf = Arc<dyn Fn(&[ModelName]) -> Vec<Route> + Send + Sync>;

/// The model to open before its first job comes, if there is one.
pub(crate) type Preload = Arc<dyn Fn() -> Option<ModelFile> + Send + Sync>;

/// One worker in one run.
pub(crate) struct Worker {
    /// The models that it takes jobs for, and where it takes them.
    pub(crate) models: Served,
    pub(crate) routes: RoutesOf,
    pub(crate) queue: Arc<dyn WorkerQueue>,
    pub(crate) thread: InferenceThread,
    pub(crate) status: Arc<WorkerStatus>,
    pub(crate) pause: Duration,
    pub(crate) injector: Option<Arc<FaultInjector>>,
    pub(crate) reply_faults: ReplyFaults,
    pub(crate) preload: Preload,
    /// The number of the last order before this run: it was obeyed.
    pub(crate) order_before: Option<u64>,
    pub(crate) stop: CancellationToken,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunResult {
    /// It was asked to stop, or the queue was closed.
    Left,
    /// It crashed on purpose.
    Crashed,
    /// The operator wants it to begin anew.
    Restart,
}

/// What came of a delivery.
enum JobResult {
    /// A chunk was done.
    Done,
    /// Nothing that says anything about the worker.
    Nothing,
    /// The job was handed back.
    Returned(String),
    /// The worker crashes on purpose, and the job goes with it.
    Crash,
    /// The worker hangs on purpose, with the job in hand.
    Hang(Box<Delivery<Job>>),
}

impl Worker {
    /// Works until asked to stop or until the queue is closed. The job in hand is finished first.
    pub(crate) async fn run(self) -> RunResult {
        let announcer = Announcer::start(self.status.clone(), self.queue.clone());
        let mut publisher = ResultPublisher::new(ReplySender {
            queue: self.queue.clone(),
            status: self.status.clone(),
            reply_faults: self.reply_faults,
            pause: self.pause,
            stop: self.stop.clone(),
        });
        let result = self.work(&announcer, &mut publisher).await;
        let (state, note) = match result {
            RunResult::Left | RunResult::Restart => {
                publisher.settle().await;
                (WorkerState::Left, None)
            }
            RunResult::Crashed => {
                drop(publisher);
                (WorkerState::Crashed, Some("simulated crash"))
            }
        };
        announcer.end(state, note).await;
        self.thread.close().await;
        result
    }

    async fn work(&self, announcer: &Announcer, publisher: &mut ResultPublisher) -> RunResult {
        let mut backoff = FailureBackoff::new(self.pause, self.queue.refusals(self.name()));
        let mut models = self.models.clone();
        let mut routes = (self.routes)(&models.borrow_and_update());
        let mut loaded_ahead = None;
        self.load_ahead(&mut loaded_ahead).await;
        loop {
            if let Some(order) = self.new_order() {
                return self.obey(order, publisher).await;
            }
            if models.has_changed().unwrap_or(false) {
                routes = (self.routes)(&models.borrow_and_update());
                self.status.announce_soon();
                self.load_ahead(&mut loaded_ahead).await;
            }
            if let Some(pause) = backoff.on_refusals(self.queue.refusals(self.name())) {
                self.status.count_failure();
                self.back_off(pause, "a reply was refused as corrupt").await;
            }
            let next = tokio::select! {
                biased;
                () = self.stop.cancelled() => return RunResult::Left,
                next = self.queue.next_job(&routes) => next,
                () = tokio::time::sleep(POLL_INTERVAL) => continue,
            };
            let result = match next {
                Ok(delivery) => {
                    let span = self.span(&delivery.message);
                    self.handle(delivery, publisher).instrument(span).await
                }
                Err(error) if error.retryable() => JobResult::Returned(format!("no job: {error}")),
                Err(QueueError::Closed) => return RunResult::Left,
                Err(error) => {
                    tracing::error!(worker = self.name().as_str(), %error, "there will be no more jobs");
                    return RunResult::Left;
                }
            };
            match result {
                JobResult::Done => backoff.succeeded(),
                JobResult::Nothing => {}
                JobResult::Returned(why) => self.back_off(backoff.failed(), &why).await,
                JobResult::Crash => return RunResult::Crashed,
                JobResult::Hang(in_hand) => return self.hang(announcer, *in_hand).await,
            }
            self.status.idle();
        }
    }

    /// What is logged and traced of a job stands in its span, which follows the server's.
    fn span(&self, job: &Job) -> Span {
        let (worker, track) = (self.name().as_str(), &job.track);
        let span = tracing::info_span!("job", worker, %track, chunk = %job.chunk, attempt = job.attempt);
        karaoke_telemetry::follow(&span, job.trace_parent.as_deref());
        span
    }

    async fn handle(&self, delivery: Delivery<Job>, publisher: &mut ResultPublisher) -> JobResult {
        let job = &delivery.message;
        if self.queue.is_unwanted(&job.track, job.chunk) {
            delivery.ack();
            return JobResult::Nothing;
        }
        self.status.working(job);
        tracing::info!("chunk {} begun", job.chunk);
        self.send_status(job, 0.0, Outcome::Started).await;
        let began = Instant::now();
        let inference = tracing::info_span!("inference", model = job.model.as_str(), windows = job.windows);
        let result = self.separate(job).instrument(inference).await;
        let seconds = began.elapsed().as_secs_f64();
        match result {
            Ok(separated) => {
                let separated = match self.injector(job) {
                    Some(injector) => injector.after_chunk(separated),
                    None => separated,
                };
                let reply = self.reply(job, seconds, Outcome::Separated(separated));
                publisher.send(delivery, reply).await;
                JobResult::Done
            }
            Err(ChunkError::Cancelled) => {
                delivery.ack();
                JobResult::Nothing
            }
            Err(ChunkError::Stopped) => {
                tracing::info!("let go of, as the operator wants it");
                delivery.nack();
                JobResult::Nothing
            }
            Err(ChunkError::Simulated(Fault::Kill)) => JobResult::Crash,
            Err(ChunkError::Simulated(Fault::Hang)) => JobResult::Hang(Box::new(delivery)),
            Err(error) if error.retryable() => self.return_job(delivery, seconds, &error).await,
            Err(error) => {
                tracing::error!(%error, "job failed for good");
                self.status.count_failure();
                let reply = self.reply(job, seconds, Outcome::Failed(error.to_string()));
                publisher.send(delivery, reply).await;
                JobResult::Nothing
            }
        }
    }

    /// What the operator has ordered in this run.
    fn new_order(&self) -> Option<OrderKind> {
        let order = self.queue.order(self.name());
        order.filter(|order| Some(order.number) != self.order_before).map(|order| order.kind)
    }

    /// Takes no more jobs; where the operator wants it to stay away, waits until it is to begin anew.
    async fn obey(&self, order: OrderKind, publisher: &mut ResultPublisher) -> RunResult {
        if order == OrderKind::Restart {
            tracing::info!(worker = self.name().as_str(), "restarts, as the operator wants it");
            return RunResult::Restart;
        }
        publisher.settle().await;
        self.queue.pause().await;
        let how = if order == OrderKind::Stop { "stopped" } else { "drained" };
        tracing::info!(worker = self.name().as_str(), "{how} by the operator");
        self.status.drained(&format!("{how} by the operator"));
        while self.new_order() != Some(OrderKind::Restart) {
            if timeout(POLL_INTERVAL, self.stop.cancelled()).await.is_ok() {
                return RunResult::Left;
            }
        }
        match self.queue.resume().await {
            Ok(()) => RunResult::Restart,
            Err(error) => {
                tracing::error!(worker = self.name().as_str(), %error, "cannot take jobs again");
                RunResult::Left
            }
        }
    }

    /// Begins to load the default model, unless that is the one that was loaded ahead already.
    async fn load_ahead(&self, already: &mut Option<ModelFile>) {
        let preload = self.preload.clone();
        // It looks which files are there.
        let wanted = spawn_blocking(move || preload()).await.unwrap_or(None);
        if wanted.is_some() && wanted != *already {
            already.clone_from(&wanted);
            wanted.into_iter().for_each(|file| self.thread.load(file));
        }
    }

    /// Separates on the worker's thread; a fault that becomes due meanwhile takes the job from it.
    async fn separate(&self, job: &Job) -> Result<Separated, ChunkError> {
        let abandoned = CancellationToken::new();
        let _abandon = abandoned.clone().drop_guard();
        let separation = self.thread.separate(job.clone(), self.before_window(job, abandoned));
        let Some(injector) = self.injector(job) else { return separation.await };
        tokio::select! {
            biased;
            result = separation => result,
            fault = injector.when_due() => Err(fault),
        }
    }

    /// What goes wrong with this job on purpose.
    fn injector(&self, job: &Job) -> Option<&Arc<FaultInjector>> {
        self.injector.as_ref().filter(|i| i.acts_on(&job.model))
    }

    /// Asked before each window: is the chunk still wanted, and does nothing go wrong on purpose?
    fn before_window(&self, job: &Job, abandoned: CancellationToken) -> BeforeWindow {
        let (queue, injector) = (self.queue.clone(), self.injector(job).cloned());
        let (track, chunk, windows) = (job.track.clone(), job.chunk, job.windows);
        let (name, before) = (self.name().clone(), self.order_before);
        let is_stopped = move |queue: &dyn WorkerQueue| {
            let order = queue.order(&name).filter(|order| Some(order.number) != before);
            order.is_some_and(|order| order.kind == OrderKind::Stop)
        };
        Box::new(move |window| match &injector {
            _ if is_stopped(&*queue) => Err(ChunkError::Stopped),
            _ if abandoned.is_cancelled() || queue.is_unwanted(&track, chunk) => Err(ChunkError::Cancelled),
            Some(injector) => injector.before_window(window, windows),
            None => Ok(()),
        })
    }

    async fn return_job(&self, delivery: Delivery<Job>, seconds: f64, error: &ChunkError) -> JobResult {
        tracing::warn!(%error, "job failed, handing it back");
        self.status.count_failure();
        self.send_status(&delivery.message, seconds, Outcome::Returned(error.to_string())).await;
        delivery.nack();
        JobResult::Returned(error.to_string())
    }

    /// Holds the job and says nothing, until the stop.
    async fn hang(&self, announcer: &Announcer, in_hand: Delivery<Job>) -> RunResult {
        tracing::warn!(worker = self.name().as_str(), chunk = %in_hand.message.chunk, "hangs from now on (simulated)");
        announcer.pause();
        self.stop.cancelled().await;
        in_hand.nack();
        RunResult::Left
    }

    /// Tells the server how it goes, beside the results. One that does not hear it gets those all the same.
    async fn send_status(&self, job: &Job, seconds: f64, outcome: Outcome) {
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
    async fn back_off(&self, pause: Duration, why: &str) {
        if pause.is_zero() {
            return;
        }
        tracing::warn!(worker = self.name().as_str(), seconds = pause.as_secs_f64(), why, "backing off");
        self.status.resting(why);
        let _ = timeout(pause, self.stop.cancelled()).await;
        self.status.idle();
    }

    fn name(&self) -> &WorkerId {
        self.status.name()
    }
}
