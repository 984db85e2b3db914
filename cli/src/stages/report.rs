//! What a process has spent so far, stage by stage, and on what threads the rest went; as JSON.

use super::cpu_time::{StageTime, ThreadTimes};
use super::threads::{Seen, Threads};
use karaoke_stages::Stage;
use karaoke_worker::process::cpu_seconds;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The name of the thread that measures.
pub const REPORT_THREAD: &str = "stages";
/// How the names of the database's threads begin.
const DATABASE: &str = "sqlx-sqlite";

/// The times at one moment. Times are of the process's whole run; whoever reads two takes the difference.
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
    /// How much of it the threads have that run networks.
    workers_wall_s: f64,
    workers_cpu_s: f64,
}

impl Report {
    /// What is in the all_times, what the threads of libraries have done, and what is left.
    pub fn new(
        command: &'static str,
        number: u64,
        threads: &Threads,
        all_times: &[Arc<ThreadTimes>],
    ) -> Self {
        let mut stages: BTreeMap<_, _> = Stage::ALL.iter().map(|s| (s.name(), Entry::default())).collect();
        for (stage, times) in Stage::ALL.iter().flat_map(|s| all_times.iter().map(move |l| (*s, l))) {
            stages.entry(stage.name()).or_default().add(times.spent(stage), runs_networks(times));
        }
        let mut rest: BTreeMap<String, f64> = BTreeMap::new();
        for (name, stage, cpu_s) in beside(threads, all_times) {
            let spent = StageTime { cpu_s, ..StageTime::default() };
            match stage {
                Some(stage) => {
                    stages.entry(stage.name()).or_default().add(spent, stage == Stage::Inference);
                }
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

impl Entry {
    fn add(&mut self, spent: StageTime, by_worker: bool) {
        let StageTime { wall_s, cpu_s, times } = spent;
        self.wall_s += wall_s;
        self.cpu_s += cpu_s;
        self.times += times;
        if by_worker {
            self.workers_wall_s += wall_s;
            self.workers_cpu_s += cpu_s;
        }
    }
}

/// Whether it is the account of a thread that runs networks.
fn runs_networks(times: &ThreadTimes) -> bool {
    [Stage::Load, Stage::Window, Stage::Inference].iter().any(|stage| times.spent(*stage).times > 0)
}

/// Processor seconds of threads on what is in no times: name, stage if it is known by the name, and how many.
///
/// The database's threads are its own. A pool of a network's threads is made by the thread that opens it and
/// bears its name, if that is the one that runs the network.
fn beside(threads: &Threads, all_times: &[Arc<ThreadTimes>]) -> Vec<(String, Option<Stage>, f64)> {
    let mut staged: HashMap<u32, f64> = HashMap::new();
    for times in all_times {
        *staged.entry(times.thread).or_default() += times.cpu_s();
    }
    let workers: HashSet<u32> = all_times.iter().filter(|l| runs_networks(l)).map(|l| l.thread).collect();
    let of_workers = threads.all().filter(|(number, _)| workers.contains(number));
    let inferring: HashSet<&str> = of_workers.map(|(_, thread)| thread.name.as_str()).collect();
    let one = |(number, thread): (u32, &Seen)| {
        let stage = match staged.get(&number) {
            _ if thread.name.starts_with(DATABASE) => Some(Stage::Store),
            None if inferring.contains(thread.name.as_str()) => Some(Stage::Inference),
            _ => None,
        };
        let left = thread.cpu_s - staged.get(&number).copied().unwrap_or(0.0);
        (thread.name.clone(), stage, left.max(0.0))
    };
    threads.all().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::cpu_time;
    use super::*;

    #[test]
    fn threads_of_libraries_are_known_by_their_names() {
        let all_times = std::thread::scope(|scope| {
            let account = || {
                cpu_time::enter(Stage::Inference);
                cpu_time::exit(Stage::Inference);
                cpu_time::mine()
            };
            vec![scope.spawn(account).join().unwrap()]
        });
        let mut threads = Threads::default();
        let worker = all_times[0].thread;
        let others = [(worker + 1, "w1"), (worker + 2, "sqlx-sqlite-wor"), (worker + 3, "tokio-rt-worker")];
        for (number, name) in [(worker, "w1")].into_iter().chain(others) {
            threads.note(number, Seen { name: name.to_owned(), cpu_s: 2.0 });
        }
        let report = Report::new("up", 3, &threads, &all_times);
        let inference = report.stages["inference"];
        assert_eq!((inference.times, report.stages["store"].cpu_s), (1, 2.0));
        assert!(inference.cpu_s >= 2.0 && inference.cpu_s == inference.workers_cpu_s, "{inference:?}");
        assert_eq!(report.stages["store"].workers_cpu_s, 0.0);
        // What the worker's thread did beside its stages is no stage.
        assert!((1.9..=2.0).contains(&report.rest["w1"]) && report.rest["tokio-rt-worker"] == 2.0);
    }

    #[test]
    fn a_report_is_written_whole() {
        let dir = tempfile::tempdir().unwrap();
        for number in [1, 2] {
            Report::new("server", number, &Threads::default(), &[]).write(dir.path()).unwrap();
        }
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().collect();
        let path = dir.path().join(format!("{}.json", std::process::id()));
        let text: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert_eq!((files.len(), &text["number"], &text["command"]), (1, &2.into(), &"server".into()));
        assert_eq!(text["stages"].as_object().unwrap().len(), Stage::ALL.len());
    }
}
