//! Programs in Python that tests run, from the environment that `make test-tools` makes.

use crate::program::{binary, root};
use std::path::PathBuf;
use std::process::{Command, Output};

/// A program of the environment, to be started in the folder of the tests' own scripts.
pub fn tool(name: &str) -> Command {
    let target =
        binary().parent().and_then(|profile| profile.parent()).map(PathBuf::from).expect("a target folder");
    let program = target.join("test-python/bin").join(name);
    assert!(program.is_file(), "{} is not there: run `make test-tools`", program.display());
    let mut command = Command::new(program);
    command.current_dir(scripts()).env("PYTHONDONTWRITEBYTECODE", "1").env("NO_PROXY", "*");
    command
}

/// Where the tests' own scripts lie.
pub fn scripts() -> PathBuf {
    root().join("tests/openapi")
}

/// Runs a command to its end, and fails with all that it said unless it succeeds.
pub fn succeeds(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ended with {status}:\n{out}\n{err}");
    out.into_owned()
}
