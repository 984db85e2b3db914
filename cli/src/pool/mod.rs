//! Keeps processes of workers alive: starts them, starts again those that die, and takes leave with them.

mod child;
pub mod name;
mod policy;
pub mod process;
mod settings;

use crate::console::print_line;
use anyhow::{Context, bail};
use child::WorkerProcess;
use futures::future::try_join_all;
use karaoke_queue::WorkerQueue;
use karaoke_queue::rabbit::RabbitWorker;
use karaoke_worker::config::cores;
use karaoke_worker::{Backoff, Fault, Identity, crash_announcement};
use policy::{Death, Next, Record};
pub use settings::{PoolSettings, Stop};
use std::ops::Range;
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
        let PoolSettings { id, faults, processes, .. } = &pool.settings;
        let ups: Vec<_> = faults.iter().map(|_| CancellationToken::new()).collect();
        let mut groups = JoinSet::new();
        for workers in processes {
            groups.spawn(pool.clone().keep(workers.clone(), ups[workers.clone()].to_vec()));
        }
        let ready = tokio::spawn(tell_when_ready(pool.clone(), ups.clone()));
        let mut hopeless = false;
        while let Some(ended) = groups.join_next().await {
            let Ok(ended) = ended else { continue };
            hopeless |= ended.next == Next::GiveUp;
            if ended.next == Next::Split {
                let Range { start, end } = ended.workers;
                let middle = start.midpoint(end);
                for half in [start..middle, middle..end] {
                    groups.spawn(pool.clone().keep(half.clone(), ups[half].to_vec()));
                }
            }
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

    /// Keeps a process of workers alive, run after run; returns when there is to be no further one.
    async fn keep(self: Arc<Self>, workers: Range<usize>, ups: Vec<CancellationToken>) -> Ended {
        let (mut backoff, who) = (Backoff::default(), self.names(&workers).join(" "));
        let ended = |next| Ended { workers: workers.clone(), next };
        loop {
            let death = self.one_life(&workers, &ups).await;
            if self.stop.ask.is_cancelled() {
                return ended(Next::StayDead);
            }
            if death.makes_room() {
                tracing::info!(workers = who, "starting again, for the models that are installed now");
                continue;
            }
            match self.next(&death, &workers) {
                Next::Restart => {}
                Next::StayDead => {
                    tracing::warn!(workers = who, "crashed (simulated) and stays dead: {}", death.note());
                    return ended(Next::StayDead);
                }
                Next::GiveUp => {
                    self.stop.ask.cancel();
                    return ended(Next::GiveUp);
                }
                Next::Split => {
                    let (note, count) = (death.note(), workers.len());
                    tracing::warn!(
                        workers = who,
                        "{note}; the {count} workers of this process are divided between two"
                    );
                    return ended(Next::Split);
                }
            }
            let pause = backoff.after(death.lived);
            tracing::warn!(workers = who, "{}; starting again in {pause:?}", death.note());
            let _ = timeout(pause, self.stop.ask.cancelled()).await;
        }
    }

    async fn one_life(&self, workers: &Range<usize>, ups: &[CancellationToken]) -> Death {
        let names = self.names(workers);
        let runs: Vec<_> = names.iter().map(|name| Identity::new(name.as_str())).collect();
        let (fault, cores) = (self.fault(workers), self.cores(workers.len()));
        let process = match WorkerProcess::start(&self.settings, &runs, fault, cores) {
            Ok(process) => process,
            Err(error) => {
                tracing::error!(?names, %error, "cannot start a worker process");
                return Death::default();
            }
        };
        let pid = process.pid;
        tracing::debug!(?names, pid, "started");
        let death = process.until_death(&self.stop, ups).await;
        if death.needs_crash_announcement() {
            let announce =
                |run| self.announcer.announce(crash_announcement(run, pid, death.note(), death.lived));
            match timeout(ANNOUNCE_TIMEOUT, try_join_all(runs.iter().map(announce))).await {
                Ok(Ok(_)) => {}
                _ => tracing::debug!(?names, "their death could not be announced"),
            }
        }
        death
    }

    fn next(&self, death: &Death, workers: &Range<usize>) -> Next {
        let simulation = &self.settings.simulation;
        let own_doing = simulation.is_own_doing(self.fault(workers), death.lived, death.signal);
        self.record().next(death, workers.len(), own_doing && !simulation.restart_crashed)
    }

    fn names(&self, workers: &Range<usize>) -> Vec<String> {
        workers.clone().map(|index| format!("{}.{}", self.settings.id, index + 1)).collect()
    }

    /// What goes wrong with these workers on purpose: who has a fault shares a process with nobody.
    fn fault(&self, workers: &Range<usize>) -> Option<Fault> {
        self.settings.faults[workers.start]
    }

    /// The share of the machine's cores for so many of the pool's workers, at least one.
    fn cores(&self, workers: usize) -> usize {
        let all = self.settings.faults.len().max(1);
        ((cores() * workers + all / 2) / all).max(1)
    }

    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the processes of some workers ended, one after the other.
struct Ended {
    workers: Range<usize>,
    next: Next,
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
