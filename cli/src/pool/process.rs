//! `karaoke worker-process`: workers of a pool that share this process and its model sessions, each with a
//! connection of its own.

use super::child::{LEFT, UP};
use super::name::RunName;
use crate::config::Config;
use crate::signals;
use crate::worker::options;
use anyhow::{Context, ensure};
use futures::future::{join_all, try_join_all};
use karaoke_models::Catalogue;
use karaoke_queue::rabbit::RabbitWorker;
use karaoke_worker::{Fault, Member, Pool, Runtime, installed, until_changed};
use std::io::{self, Write};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// `karaoke worker-process`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A worker, and the number of its run.
    #[arg(long = "worker", required = true, value_name = "NAME/NUMBER")]
    workers: Vec<RunName>,
    /// What goes wrong with them on purpose.
    #[arg(long)]
    fault: Option<Fault>,
    /// How many of the machine's cores are for them.
    #[arg(long)]
    cores: usize,
}

/// Runs the workers until they are asked to stop, there are no more jobs, or other models are installed: a connection
/// subscribes to its routes once.
pub async fn run(arguments: Arguments, config: Config) -> anyhow::Result<()> {
    crate::log::start(&config.log, crate::telemetry::start(&config.telemetry, "karaoke-worker")?);
    let stop = told_to_leave()?;
    let Arguments { workers, fault, cores } = arguments;
    let catalogue = Catalogue::open(&config.models.dir)?;
    let runtime = Runtime::load(Some(&config.worker.onnxruntime), config.worker.provider)?;
    let options = options(&config, &catalogue, Some(&runtime));
    let models = installed(&catalogue);
    let routes = options.routes(&models);
    let connections = try_join_all(
        workers.iter().map(|RunName(run)| RabbitWorker::connect(&config.broker, &run.name, &routes)),
    );
    let connected = tokio::select! {
        connected = connections => connected,
        () = stop.cancelled() => return Ok(()),
    };
    let queues: Vec<_> = connected.context("broker")?.into_iter().map(Arc::new).collect();
    let member = |(RunName(identity), queue): (RunName, &Arc<RabbitWorker>)| Member {
        identity,
        fault,
        queue: queue.clone(),
    };
    let members = workers.into_iter().zip(&queues).map(member).collect();
    let catalogue = Arc::new(catalogue);
    let mut pool = Pool::start_members(&options, members, cores, catalogue.clone(), runtime)
        .context("the workers cannot start")?;
    tokio::select! {
        () = pool.announced() => say(UP),
        () = stop.cancelled() => {}
    }
    let has_ended = tokio::select! {
        () = stop.cancelled() => false,
        _ = pool.join_next() => true,
        () = until_changed(&catalogue, &models) => {
            tracing::info!("other models are installed now; another process takes over, which serves those");
            false
        }
    };
    pool.stop().await;
    join_all(queues.iter().map(|queue| queue.leave())).await;
    say(LEFT);
    ensure!(!has_ended, "there will be no more jobs");
    Ok(())
}

/// Cancelled by SIGTERM or Ctrl-C, and when the pool's process has ended: then standard input does too.
fn told_to_leave() -> anyhow::Result<CancellationToken> {
    let stop_requested = CancellationToken::new();
    let (by_signal, by_end) = (stop_requested.clone(), stop_requested.clone());
    tokio::spawn(async move {
        match signals::stop().await {
            Ok(()) => by_signal.cancel(),
            Err(error) => tracing::error!(%error, "cannot listen for signals"),
        }
    });
    // A thread of its own, for as long as the process lives: the runtime would wait for it at the end.
    std::thread::Builder::new().name("pool's end".to_owned()).spawn(move || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        by_end.cancel();
    })?;
    Ok(stop_requested)
}

/// Tells the pool. When that is gone, nobody listens any more.
fn say(word: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{word}").and_then(|()| out.flush());
}
