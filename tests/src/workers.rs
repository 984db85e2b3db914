//! A pool of workers: `karaoke worker` as a process, with its own worker processes.

use crate::program::{Settings, command, copy_lines, signal};
use crate::wait::until_sync;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

/// `karaoke worker` as a process.
pub struct Workers {
    child: Child,
    log: Arc<Mutex<String>>,
    /// Its name, and the beginning of its workers' names.
    pub id: String,
}

impl Workers {
    /// Starts a pool of `count` workers and waits until they are ready; `broker.url` must be set.
    pub fn start(settings: &Settings, id: &str, count: usize) -> Self {
        Self::start_without_waiting(settings, id, count).ready()
    }

    /// Starts a pool of `count` workers.
    pub fn start_without_waiting(settings: &Settings, id: &str, count: usize) -> Self {
        let mut command = command(settings);
        command.args(["worker", "--id", id, "--workers", &count.to_string()]);
        Self::spawn(command, id)
    }

    /// Starts a pool with as many workers, healthy and not, as the settings say, and waits until they are ready.
    pub fn start_as_configured(settings: &Settings, id: &str) -> Self {
        let mut command = command(settings);
        command.args(["worker", "--id", id]);
        Self::spawn(command, id).ready()
    }

    fn ready(self) -> Self {
        until_sync("the workers are ready", || self.log().contains("ready").then_some(()));
        self
    }

    /// Starts a pool with a whole command, say on another host.
    pub fn spawn(mut command: Command, id: &str) -> Self {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let log = Arc::new(Mutex::new(String::new()));
        let streams: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("stdout")), Box::new(child.stderr.take().expect("stderr"))];
        for stream in streams {
            let sink = log.clone();
            std::thread::spawn(move || copy_lines(stream, &sink));
        }
        Self { child, log, id: id.to_owned() }
    }

    /// What pool and workers have said so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("log").clone()
    }

    /// The pool's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks the pool to leave, and waits until it has.
    pub fn leave(mut self) -> ExitStatus {
        signal(self.child.id(), "TERM");
        until_sync("the pool leaves", || self.child.try_wait().expect("wait"))
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Its workers see the end of their pool and leave by themselves.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- log of the pool {} ----\n{}", self.id, self.log());
        }
    }
}
