//! The thread on which a worker computes, so that no async thread ever waits for a network.

use crate::chunk::{self, BeforeWindow, ChunkError};
use crate::sessions::{ModelFile, Sessions};
use karaoke_core::wire::{Job, Separated};
use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

enum Request {
    Separate {
        job: Box<Job>,
        before_window: BeforeWindow,
        done: oneshot::Sender<Result<Separated, ChunkError>>,
    },
    Load(ModelFile),
}

/// A worker's computing thread and its loaded models.
pub(crate) struct InferenceThread {
    requests: mpsc::Sender<Request>,
    thread: JoinHandle<()>,
}

impl InferenceThread {
    /// Starts the thread, named `name`.
    pub(crate) fn start(name: &str, sessions: Sessions) -> io::Result<Self> {
        let (requests, inbox) = mpsc::channel();
        let thread = std::thread::Builder::new().name(name.to_owned());
        Ok(Self { requests, thread: thread.spawn(move || serve(&inbox, sessions))? })
    }

    /// Separates `job` on the thread. A panic there is an error of this job alone.
    pub(crate) async fn separate(
        &self,
        job: Job,
        before_window: BeforeWindow,
    ) -> Result<Separated, ChunkError> {
        let (done, result) = oneshot::channel();
        // When the thread is gone the request is dropped, and with it `done`: then `result` says so.
        let _ = self.requests.send(Request::Separate { job: Box::new(job), before_window, done });
        result.await.unwrap_or_else(|_| Err(ChunkError::Panicked("its thread is gone".to_owned())))
    }

    /// Has a model loaded before a job asks for it; a job that comes meanwhile waits.
    pub(crate) fn load(&self, file: ModelFile) {
        // A thread that is gone says so to the next job.
        let _ = self.requests.send(Request::Load(file));
    }

    /// Ends the thread and gives the models' memory back.
    pub(crate) async fn close(self) {
        drop(self.requests);
        let joined = tokio::task::spawn_blocking(move || self.thread.join()).await;
        if !matches!(joined, Ok(Ok(()))) {
            tracing::error!("a computing thread ended with a panic");
        }
    }
}

fn serve(inbox: &mpsc::Receiver<Request>, mut sessions: Sessions) {
    while let Ok(request) = inbox.recv() {
        match request {
            Request::Separate { job, before_window, done } => {
                let file = ModelFile::of_job(&job);
                let work =
                    |sessions: &mut Sessions| chunk::separate(sessions.of(&file)?, &job, before_window);
                // Nobody waits any more when the worker was aborted; then nobody needs the result.
                let _ = done.send(caught(&mut sessions, work));
            }
            Request::Load(file) => {
                // The job that needs it will fail in the same way, and say so.
                if let Err(error) = caught(&mut sessions, |sessions| Ok(sessions.of(&file).map(drop)?)) {
                    tracing::warn!(model = file.name.as_str(), %error, "cannot load the default model ahead");
                }
            }
        }
    }
}

/// What `work` gives; a panic is an error, after which no model is left that may be half changed.
fn caught<T>(
    sessions: &mut Sessions,
    work: impl FnOnce(&mut Sessions) -> Result<T, ChunkError>,
) -> Result<T, ChunkError> {
    catch_unwind(AssertUnwindSafe(|| work(&mut *sessions))).unwrap_or_else(|panic| {
        sessions.clear();
        Err(ChunkError::Panicked(text(&*panic)))
    })
}

/// What a panic said.
fn text(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    literal.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}
