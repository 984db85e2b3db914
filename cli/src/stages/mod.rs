//! Measures where the time goes, when `KARAOKE_STAGES` names a folder: what each process has spent on every stage so
//! far is written there as `<pid>.json`, at its end and whenever it gets SIGUSR1.

mod cpu_time;
mod listener;
mod report;
mod threads;

use anyhow::Context;
pub use listener::Listener;
use report::Report;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use threads::Threads;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Names the folder; not a setting, since it changes nothing of what is done.
const VARIABLE: &str = "KARAOKE_STAGES";
/// How often threads are looked at: one that ends takes with it what it has used since.
const LOOK: Duration = Duration::from_millis(250);

/// The folder for reports; none: nothing is measured.
pub fn folder() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// A process that is being measured.
pub struct Measured {
    requests: mpsc::Sender<oneshot::Sender<()>>,
}

impl Measured {
    /// Begins, if it is asked for; `command` is the process's part.
    pub fn start(command: &'static str) -> anyhow::Result<Option<Self>> {
        let Some(folder) = folder() else { return Ok(None) };
        std::fs::create_dir_all(&folder).with_context(|| {
            format!("cannot make the folder {} (set {VARIABLE} to another)", folder.display())
        })?;
        let (requests, inbox) = mpsc::channel();
        let reporter = std::thread::Builder::new().name(report::REPORT_THREAD.to_owned());
        reporter.spawn(move || report_on_request(&inbox, &folder, command))?;
        tokio::spawn(report_on_signal(requests.clone()));
        Ok(Some(Self { requests }))
    }

    /// Writes the last report.
    pub async fn end(self) {
        report(&self.requests).await;
    }
}

async fn report_on_signal(requests: mpsc::Sender<oneshot::Sender<()>>) {
    match signal(SignalKind::user_defined1()) {
        Ok(mut asked) => {
            while asked.recv().await.is_some() {
                report(&requests).await;
            }
        }
        Err(error) => tracing::error!(%error, "cannot listen for SIGUSR1"),
    }
}

async fn report(requests: &mpsc::Sender<oneshot::Sender<()>>) {
    let (done, written) = oneshot::channel();
    // The reporter goes only when there is nobody left who could ask.
    let _ = requests.send(done);
    let _ = written.await;
}

/// Looks at the threads from time to time, and writes a report when asked.
fn report_on_request(inbox: &mpsc::Receiver<oneshot::Sender<()>>, folder: &Path, command: &'static str) {
    let (mut threads, mut number) = (Threads::default(), 0);
    loop {
        let request = inbox.recv_timeout(LOOK);
        threads.look();
        match request {
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
            Ok(done) => {
                number += 1;
                let report = Report::new(command, number, &threads, &cpu_time::all());
                if let Err(error) = report.write(folder) {
                    tracing::error!(%error, folder = %folder.display(), "cannot write where the time went");
                }
                let _ = done.send(());
            }
        }
    }
}
