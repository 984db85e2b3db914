//! `karaoke nodes`: the machines and workers that this store's server has heard of, also while it does not run.

use crate::config::Config;
use crate::console::print_line;
use anyhow::ensure;
use karaoke_core::WorkerId;
use karaoke_server::keys::time;
use karaoke_server::store::Store;
use karaoke_server::view::WorkerTotals;
use karaoke_server::worker_registry::WorkerHistory;
use std::collections::BTreeMap;

/// `karaoke nodes`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Every worker instead of every machine.
    #[arg(long)]
    workers: bool,
}

/// Prints a line for each machine, or for each worker, with tabs between the columns.
pub async fn run(arguments: Arguments, config: Config) -> anyhow::Result<()> {
    let dir = &config.store.dir;
    ensure!(
        dir.is_dir(),
        "there is no store in {} (store.dir): no server has worked there yet",
        dir.display()
    );
    let store = Store::open(dir).await?;
    let workers = store.workers().await;
    store.close().await;
    let workers = workers?;
    if arguments.workers {
        print_line(format_args!("worker\thost\tstate\t{COUNTS}\tfirst seen\tlast seen"))?;
        for (name, w) in &workers {
            let away = w.away.map(|order| format!(" ({})", order.name())).unwrap_or_default();
            let state = format!("{}{away}", w.health.name());
            let (first, last) = (time(w.first_seen_ms), time(w.last_seen_ms));
            print_line(format_args!("{name}\t{}\t{state}\t{}\t{first}\t{last}", w.host, counts(&w.totals)))?;
        }
        return Ok(());
    }
    print_line(format_args!("host\tworkers\t{COUNTS}\tfirst seen\tlast seen"))?;
    for (host, all) in by_host(&workers) {
        let mut totals = WorkerTotals::default();
        all.iter().for_each(|w| totals.add(&w.totals));
        let first = time(all.iter().map(|w| w.first_seen_ms).min().unwrap_or_default());
        let last = time(all.iter().map(|w| w.last_seen_ms).max().unwrap_or_default());
        print_line(format_args!("{host}\t{}\t{}\t{first}\t{last}", all.len(), counts(&totals)))?;
    }
    Ok(())
}

const COUNTS: &str = "runs\tcrashes\tfailures\tserved\trefused\tlost";

fn counts(t: &WorkerTotals) -> String {
    [t.runs, t.crashes, t.failures, t.served, t.refused, t.lost].map(|n| n.to_string()).join("\t")
}

fn by_host(workers: &[(WorkerId, WorkerHistory)]) -> BTreeMap<&str, Vec<&WorkerHistory>> {
    let mut hosts: BTreeMap<&str, Vec<&WorkerHistory>> = BTreeMap::new();
    for (_, worker) in workers {
        hosts.entry(&worker.host).or_default().push(worker);
    }
    hosts
}
