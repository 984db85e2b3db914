//! The processor time of every thread of this process, also of those that libraries have started.

use std::collections::HashMap;
use std::path::Path;

/// Threads as they were last seen. Where the system has no `/proc`, there are none.
#[derive(Default)]
pub struct Threads {
    seen: HashMap<u32, Seen>,
    /// Threads whose number another has by now.
    gone: Vec<(u32, Seen)>,
}

/// A thread.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its name, of which the system keeps 15 characters.
    pub name: String,
    /// Processor seconds.
    pub cpu_s: f64,
}

impl Threads {
    /// Looks at all threads that there are now; those that have ended stay as they were.
    pub fn look(&mut self) {
        self.look_in(Path::new("/proc/self/task"));
    }

    fn look_in(&mut self, tasks: &Path) {
        let Ok(entries) = std::fs::read_dir(tasks) else { return };
        for entry in entries.flatten() {
            // A thread may end between the two.
            if let Some(number) = entry.file_name().to_str().and_then(|name| name.parse().ok())
                && let Some(thread) = read(&entry.path())
            {
                self.note(number, thread);
            }
        }
    }

    /// Puts down what was seen of a thread.
    pub(super) fn note(&mut self, number: u32, thread: Seen) {
        let is_another = |old: &Seen| old.cpu_s > thread.cpu_s;
        if self.seen.get(&number).is_some_and(is_another)
            && let Some(old) = self.seen.remove(&number)
        {
            self.gone.push((number, old));
        }
        self.seen.insert(number, thread);
    }

    /// All of them, by number.
    pub fn all(&self) -> impl Iterator<Item = (u32, &Seen)> {
        let gone = self.gone.iter().map(|(number, thread)| (*number, thread));
        gone.chain(self.seen.iter().map(|(number, thread)| (*number, thread)))
    }
}

/// A thread's name and its time on a processor, which stands first in its `schedstat`, in nanoseconds.
fn read(task: &Path) -> Option<Seen> {
    let name = std::fs::read_to_string(task.join("comm")).ok()?.trim_end().to_owned();
    let spent = std::fs::read_to_string(task.join("schedstat")).ok()?;
    let ns: u64 = spent.split_ascii_whitespace().next()?.parse().ok()?;
    Some(Seen { name, cpu_s: ns as f64 * 1e-9 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, cpu_s: f64) -> Seen {
        Seen { name: name.to_owned(), cpu_s }
    }

    #[test]
    fn threads_that_end_are_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let task = |number: &str, name: &str, spent: &str| {
            let task = dir.path().join(number);
            std::fs::create_dir_all(&task).unwrap();
            std::fs::write(task.join("comm"), name).unwrap();
            std::fs::write(task.join("schedstat"), spent).unwrap();
        };
        let mut threads = Threads::default();
        task("7", "w1\n", "2000000000 5 1\n");
        task("8", "broken\n", "?\n");
        threads.look_in(dir.path());
        std::fs::remove_dir_all(dir.path().join("7")).unwrap();
        threads.look_in(dir.path());
        assert_eq!(threads.all().collect::<Vec<_>>(), [(7, &seen("w1", 2.0))]);
        task("7", "other\n", "1000000000 5 1\n");
        threads.look_in(dir.path());
        assert_eq!(threads.all().collect::<Vec<_>>(), [(7, &seen("w1", 2.0)), (7, &seen("other", 1.0))]);
    }

    #[test]
    fn a_thread_that_computes_is_seen() {
        if !Path::new("/proc/self/schedstat").exists() {
            return;
        }
        let mut threads = Threads::default();
        threads.look();
        assert!(threads.all().any(|(_, thread)| thread.cpu_s > 0.0));
    }
}
