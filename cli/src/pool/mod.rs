//! Keeps worker processes alive: starts them, starts again those that die, and takes leave with them.

mod child;
pub mod name;
mod policy;
pub mod process;
mod settings;

use crate::console::print_line;
use anyhow::{Context, bail};
use child::WorkerProcess;
use karaoke_queue::WorkerQueue;
use karaoke_queue::rabbit::RabbitWorker;
use karaoke_worker::{Backoff, Fault, Identity, crash_announcement};
use policy::{Death, Next, Record};
pub use settings::{PoolSettings, Stop};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long a crash announcement may take; a server that does not hear it misses the worker soon enough.
const ANNOUNCE_TIMEOUT: Duration = Duration::from_secs(2);

/// A pool with a connection of its own to announce those that died.
pub struct Pool {
    settings: PoolSettings,
    announcer: RabbitWorker,
    stop: Stop,
    record: Mutex<Record>,
}

impl Pool {
    /// Connects to the broker; one that cannot be reached yet is no error, one that refuses the login is.
    pub async fn start(settings: PoolSettings) -> anyhow::Result<Self> {
        let stop = Stop::default();
        listen(stop.clone()).context("cannot listen for signals")?;
        let announcer = tokio::select! {
            connected = RabbitWorker::connect(&settings.broker, &settings.id, &[]) => connected.context("broker")?,
            () = stop.ask.cancelled() => bail!("stopped before the broker answered"),
        };
        Ok(Self { settings, announcer, stop, record: Mutex::default() })
    }

    /// Runs the workers until a signal comes.
    pub async fn run(self) -> anyhow::Result<()> {
        let pool = Arc::new(self);
        let id = &pool.settings.id;
        let mut workers = JoinSet::new();
        let mut ups = Vec::new();
        for (index, fault) in pool.settings.faults.iter().enumerate() {
            let (name, up) = (format!("{id}.{}", index + 1), CancellationToken::new());
            ups.push(up.clone());
            workers.spawn(pool.clone().keep(name, *fault, up));
        }
        let ready = tokio::spawn(tell_when_ready(pool.clone(), ups));
        let mut hopeless = false;
        while let Some(worker) = workers.join_next().await {
            hopeless |= matches!(worker, Ok(Next::GiveUp));
        }
        if !pool.stop.ask.is_cancelled() {
            tracing::warn!(
                pool = id,
                "no worker is left, and none is to be started again; Ctrl-C ends the pool"
            );
            pool.stop.ask.cancelled().await;
        }
        ready.abort();
        pool.announcer.leave().await;
        if hopeless {
            bail!("the workers of pool {id} cannot start; what is wrong stands above");
        }
        if pool.stop.insist.is_cancelled() {
            bail!("stopped at once; what was in hand goes back to the queue");
        }
        tracing::info!(pool = id, "all workers have left");
        Ok(())
    }

    /// Keeps one worker alive, run after run; returns when there is to be no further one.
    async fn keep(self: Arc<Self>, name: String, fault: Option<Fault>, up: CancellationToken) -> Next {
        let mut backoff = Backoff::default();
        loop {
            let death = self.one_life(&name, fault, &up).await;
            if self.stop.ask.is_cancelled() {
                return Next::StayDead;
            }
            if death.makes_room() {
                tracing::info!(worker = name, "starting it again, for the models that are installed now");
                continue;
            }
            match self.next(&death, fault) {
                Next::Restart => {}
                Next::StayDead => {
                    tracing::warn!(worker = name, "crashed (simulated) and stays dead: {}", death.note());
                    return Next::StayDead;
                }
                Next::GiveUp => {
                    self.stop.ask.cancel();
                    return Next::GiveUp;
                }
            }
            let pause = backoff.after(death.lived);
            tracing::warn!(worker = name, "{}; starting it again in {pause:?}", death.note());
            let _ = timeout(pause, self.stop.ask.cancelled()).await;
        }
    }

    async fn one_life(&self, name: &str, fault: Option<Fault>, up: &CancellationToken) -> Death {
        let identity = Identity::new(name);
        let process = match WorkerProcess::start(&self.settings, &identity, fault) {
            Ok(process) => process,
            Err(error) => {
                tracing::error!(worker = name, %error, "cannot start a worker process");
                return Death::default();
            }
        };
        let pid = process.pid;
        tracing::debug!(worker = name, pid, "started");
        let death = process.until_death(&self.stop, up).await;
        if death.needs_crash_announcement() {
            let said = crash_announcement(&identity, pid, death.note(), death.lived);
            match timeout(ANNOUNCE_TIMEOUT, self.announcer.announce(said)).await {
                Ok(Ok(())) => {}
                _ => tracing::debug!(worker = name, "its death could not be announced"),
            }
        }
        death
    }

    fn next(&self, death: &Death, fault: Option<Fault>) -> Next {
        let simulation = &self.settings.simulation;
        let own_doing = simulation.is_own_doing(fault, death.lived, death.signal);
        self.record().next(death, own_doing && !simulation.restart_crashed)
    }

    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says once, in a line that scripts wait for, that every worker has come up.
async fn tell_when_ready(pool: Arc<Pool>, ups: Vec<CancellationToken>) {
    let up = |up: CancellationToken| {
        let pool = pool.clone();
        async move {
            up.cancelled().await;
            // At once, whoever comes up first: it keeps the pool from giving up for the sake of another worker.
            pool.record().up();
        }
    };
    ups.iter().cloned().map(up).collect::<JoinSet<()>>().join_all().await;
    let PoolSettings { id, broker, .. } = &pool.settings;
    // Workers work also when nobody reads this.
    let (workers, place) = (ups.len(), place(&broker.url));
    let ready = format_args!("{workers} workers of pool {id} are ready, broker {place} (Ctrl-C stops them)");
    let _ = print_line(ready);
}

/// A broker's address without login and passcode.
fn place(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("stomp", url));
    let (login_and_host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = login_and_host.rsplit_once('@').map_or(login_and_host, |(_, host)| host);
    format!("{scheme}://{host}/{path}")
}

/// The first signal asks, the second insists.
fn listen(stop: Stop) -> std::io::Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        for token in [&stop.ask, &stop.insist] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            token.cancel();
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brokers_place_tells_no_passcode() {
        assert_eq!(place("stomp://karaoke:s@cret@127.0.0.1:61613/"), "stomp://127.0.0.1:61613/");
        assert_eq!(place("stomps://a:b@broker.example.org:61614/vh"), "stomps://broker.example.org:61614/vh");
        assert_eq!(place("stomp://localhost"), "stomp://localhost/");
    }
}
