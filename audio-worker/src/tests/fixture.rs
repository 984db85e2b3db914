//! A queue, pools of models without a network, and what they are heard to say.

use super::fake::{Fake, job};
use crate::kinds::SeparateError;
use crate::sessions::{ModelFile, Open};
use crate::{Pool, PoolOptions, SimulationConfig, WorkerConfig};
use karaoke_core::presence::Presence;
use karaoke_core::wire::{Job, Outcome, Reply};
use karaoke_queue::memory::MemoryQueue;
use karaoke_queue::{ServerQueue, WorkerQueue};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// When a test gives up.
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn queue() -> MemoryQueue {
    MemoryQueue::new(16, Duration::from_secs(5))
}

/// One worker that hardly rests and announces itself all the time.
pub(crate) fn options() -> PoolOptions {
    PoolOptions {
        worker: WorkerConfig { workers: 1, retry_pause_ms: 1, ..Default::default() },
        simulation: SimulationConfig::default(),
        every: Duration::from_millis(5),
        provider: "cpu".into(),
        provider_why: "a test".into(),
        providers: Default::default(),
        preload: None,
    }
}

/// Workers whose `n`-th loading of a model does what `open` says; the model to preload is the one of [`job`]'s jobs.
pub(crate) fn fakes(
    queue: &(impl WorkerQueue + Clone + 'static),
    options: PoolOptions,
    open: impl Fn(usize) -> Result<Box<Fake>, SeparateError> + Send + Sync + 'static,
) -> Pool {
    let count = AtomicUsize::new(0);
    let open: Open = Arc::new(move |_| Ok(open(count.fetch_add(1, SeqCst))?));
    let models = watch::channel(Arc::from(["fake".into()])).1;
    let first = options.preload.as_deref().map(|name| ModelFile::of_job(&job(name, 0)));
    let preload = Arc::new(move || first.clone());
    Pool::start_with(&options, models, Arc::new(queue.clone()), preload, &|_| open.clone()).unwrap()
}

/// A place where loading a model waits until the test lets it go on.
pub(crate) struct Gate {
    reached: Arc<Mutex<Receiver<()>>>,
    open: Sender<()>,
}

impl Gate {
    /// The gate, and what the model's loading is to call.
    pub(crate) fn new() -> (Self, impl Fn() + Send + Sync + 'static) {
        let (reach, reached) = channel();
        let (open, opened) = channel::<()>();
        let opened = Mutex::new(opened);
        let pass = move || {
            reach.send(()).unwrap();
            opened.lock().unwrap().recv().unwrap();
        };
        (Self { reached: Arc::new(Mutex::new(reached)), open }, pass)
    }

    /// Waits until somebody stands before the gate.
    pub(crate) async fn reached(&self) {
        let reached = self.reached.clone();
        let wait = move || reached.lock().unwrap().recv_timeout(DEADLINE).unwrap();
        tokio::task::spawn_blocking(wait).await.unwrap();
    }

    /// Lets one through.
    pub(crate) fn open(&self) {
        self.open.send(()).unwrap();
    }
}

/// A healthy worker `w1` and `w2` with the fault, each with one of the jobs 0 and 1 in hand, about to begin.
pub(crate) async fn one_of_two(queue: &MemoryQueue, simulation: SimulationConfig) -> Pool {
    let simulation = SimulationConfig {
        workers_healthy: 1,
        workers_unhealthy: 1,
        simulate_crash_after: 0.0,
        ..simulation
    };
    let (gate, pass) = Gate::new();
    let pool = fakes(queue, PoolOptions { simulation, ..options() }, move |n| {
        if n < 2 {
            pass();
        }
        Ok(Box::new(Fake))
    });
    for chunk in 0..2 {
        queue.publish(job("fake", chunk)).await.unwrap();
    }
    for _ in 0..2 {
        gate.reached().await;
    }
    gate.open();
    gate.open();
    pool
}

/// The next thing that a worker says.
pub(crate) async fn said(queue: &MemoryQueue) -> Reply {
    let delivery = timeout(DEADLINE, queue.next_reply()).await.expect("nobody says anything").unwrap();
    let reply = delivery.message.clone();
    delivery.ack();
    reply
}

/// The next thing that a worker says other than that it has begun.
pub(crate) async fn reply(queue: &MemoryQueue) -> Reply {
    loop {
        let reply = said(queue).await;
        if reply.outcome != Outcome::Started {
            return reply;
        }
    }
}

/// The next announcement that is `wanted`.
pub(crate) async fn announced(queue: &MemoryQueue, wanted: impl Fn(&Presence) -> bool) -> Presence {
    let wait = async {
        loop {
            let presence = queue.next_presence().await.unwrap();
            if wanted(&presence) {
                return presence;
            }
        }
    };
    timeout(DEADLINE, wait).await.expect("nobody announces that")
}

/// Everything that was said and not heard yet; ends the queue.
pub(crate) async fn rest_of(queue: &MemoryQueue) -> Vec<Reply> {
    queue.close();
    let mut replies = Vec::new();
    while let Ok(delivery) = queue.next_reply().await {
        replies.push(delivery.message.clone());
        delivery.ack();
    }
    replies
}

/// A job for the model of these tests.
pub(crate) fn chunk(chunk: u64) -> Job {
    job("fake", chunk)
}
