//! What a process has spent so far, stage by stage, and on what threads the rest went; as JSON.

use super::ledger::{Ledger, Spent};
use super::threads::Threads;
use karaoke_stages::Stage;
use karaoke_worker::process::cpu_seconds;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The name of the thread that measures.
pub const CLERK: &str = "stages";
/// How the names of the database's threads begin.
const DATABASE: &str = "sqlx-sqlite";

/// The books at one moment. Times are of the process's whole life; whoever reads two takes the difference.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The process.
    pid: u32,
    /// Its part.
    command: &'static str,
    /// Counts the reports of this process.
    number: u64,
    /// Processor seconds of the whole process.
    cpu_s: f64,
    /// By name.
    stages: BTreeMap<&'static str, Entry>,
    /// Processor seconds on no stage, by the names of threads.
    rest: BTreeMap<String, f64>,
}

/// What a stage has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
struct Entry {
    wall_s: f64,
    cpu_s: f64,
    times: u64,
}

impl Report {
    /// What is in the ledgers, what the threads of libraries have done, and what is left.
    pub fn new(command: &'static str, number: u64, threads: &Threads, ledgers: &[Arc<Ledger>]) -> Self {
        let mut stages: BTreeMap<&str, Entry> =
            Stage::ALL.iter().map(|s| (s.name(), Entry::default())).collect();
        for (stage, ledger) in Stage::ALL.iter().flat_map(|s| ledgers.iter().map(move |l| (*s, l))) {
            let Spent { wall_s, cpu_s, times } = ledger.spent(stage);
            let entry = stages.entry(stage.name()).or_default();
            (entry.wall_s, entry.cpu_s, entry.times) =
                (entry.wall_s + wall_s, entry.cpu_s + cpu_s, entry.times + times);
        }
        let mut rest: BTreeMap<String, f64> = BTreeMap::new();
        for (name, stage, cpu_s) in beside(threads, ledgers) {
            match stage {
                Some(stage) => stages.entry(stage.name()).or_default().cpu_s += cpu_s,
                None => *rest.entry(name).or_default() += cpu_s,
            }
        }
        Self { pid: std::process::id(), command, number, cpu_s: cpu_seconds(), stages, rest }
    }

    /// Writes it into `folder`; nobody ever sees half of it.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.persist(folder.join(format!("{}.json", self.pid)))?;
        Ok(())
    }
}

/// Processor seconds of threads that are in no ledger: name, stage if it is known by the name, and how many.
///
/// The database's threads are its own. A pool of a network's threads is made by the thread that opens it and
/// bears its name, if that is the one that runs the network.
fn beside(threads: &Threads, ledgers: &[Arc<Ledger>]) -> Vec<(String, Option<Stage>, f64)> {
    let mut staged: HashMap<u32, f64> = HashMap::new();
    for ledger in ledgers {
        *staged.entry(ledger.thread).or_default() += ledger.cpu_s();
    }
    let infers = |number: u32| {
        ledgers
            .iter()
            .any(|l| l.thread == number && l.spent(Stage::Inference).times + l.spent(Stage::Load).times > 0)
    };
    let inferring: HashSet<&str> =
        threads.all().filter(|(number, _)| infers(*number)).map(|(_, thread)| thread.name.as_str()).collect();
    let one = |(number, thread): (u32, &super::threads::Seen)| {
        let stage = match staged.contains_key(&number) {
            true => None,
            false if thread.name.starts_with(DATABASE) => Some(Stage::Store),
            false if inferring.contains(thread.name.as_str()) => Some(Stage::Inference),
            false => None,
        };
        let left = thread.cpu_s - staged.get(&number).copied().unwrap_or(0.0);
        (thread.name.clone(), stage, left.max(0.0))
    };
    threads.all().map(one).collect()
}
