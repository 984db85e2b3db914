//! What a pool is called: names are unique, short and readable.

use karaoke_worker::config::is_name;
use karaoke_worker::{Identity, process};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::str::FromStr;

/// Pools of one machine that can have names without being given one.
const MOST: usize = 999;

/// A name, and what keeps other pools of this machine from taking it.
pub struct Claim {
    pub name: String,
    _lock: Option<File>,
}

/// A worker's name and the number of its run, as `NAME/NUMBER`: no name holds a `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunName(pub Identity);

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0.name.as_str(), self.0.life)
    }
}

impl FromStr for RunName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, life) = text.split_once('/').ok_or("a run is NAME/NUMBER")?;
        let life = life.parse().map_err(|_| "the number of a run has digits only")?;
        Ok(Self(Identity { name: parse(name)?.into(), life }))
    }
}

/// Reads a name from the command line.
pub fn parse(name: &str) -> Result<String, String> {
    match is_name(name) {
        true => Ok(name.to_owned()),
        false => Err("a name has 1 to 64 letters, digits, '-', '_' or '.'".to_owned()),
    }
}

/// The name that was `asked` for, or the first free one of `<host>-<prefix>1`, `<host>-<prefix>2`, …
pub fn claim(asked: Option<String>, prefix: &str) -> Claim {
    match asked {
        Some(name) => Claim { name, _lock: None },
        None => first_free(&std::env::temp_dir(), &format!("{}-{prefix}", process::host())),
    }
}

/// A pool locks a file of its name for as long as it lives, however it dies.
fn first_free(folder: &Path, stem: &str) -> Claim {
    (1..=MOST)
        .find_map(|number| {
            let name = format!("{stem}{number}");
            // One that cannot be opened is another user's.
            let path = folder.join(format!("karaoke-pool-{name}.lock"));
            let lock = OpenOptions::new().create(true).append(true).open(path).ok()?;
            lock.try_lock().ok()?;
            Some(Claim { name, _lock: Some(lock) })
        })
        // Where nothing can be locked, the process id is unique at least.
        .unwrap_or_else(|| Claim { name: format!("{stem}-{}", std::process::id()), _lock: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_kept() {
        assert_eq!(parse("anna-w1"), Ok("anna-w1".to_owned()));
        assert!(parse("").is_err() && parse("a b").is_err() && parse("a/b").is_err());
        assert_eq!(claim(Some("anna".into()), "w").name, "anna");
    }

    #[test]
    fn runs_are_written_and_read_alike() {
        let run = RunName(Identity { name: "anna-w1.3".into(), life: 7 });
        assert_eq!(run.to_string().parse(), Ok(run));
        assert!("anna".parse::<RunName>().is_err() && "anna/x".parse::<RunName>().is_err());
    }

    #[test]
    fn pools_of_one_machine_differ_and_names_become_free_again() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = [1, 2].map(|_| first_free(folder.path(), "anna-w"));
        assert_eq!([a.name.as_str(), b.name.as_str()], ["anna-w1", "anna-w2"]);
        drop(a);
        assert_eq!(first_free(folder.path(), "anna-w").name, "anna-w1");
    }

    #[test]
    fn without_a_folder_for_locks_there_is_still_a_name() {
        let name = first_free(Path::new("/proc/nothing"), "anna-w").name;
        assert_eq!(name, format!("anna-w-{}", std::process::id()));
    }
}
