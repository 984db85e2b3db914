//! A real RabbitMQ of the test's own, which can be killed, frozen and started again.
//!
//! `scripts/broker.py serve` keeps it for as long as a pipe from this process is open: whatever becomes of the
//! test, kill -9 included, nothing of the broker stays.

use crate::hosts::Host;
use crate::program::root;
use serde_json::Value;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

/// A queue as it is at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its name, without `/queue/`.
    pub name: String,
    /// All messages in it.
    pub messages: u64,
    /// Those of them that a consumer has and has not acknowledged.
    pub unacked: u64,
    /// Subscriptions to it.
    pub consumers: u64,
}

/// Where the users of a virtual host connect.
#[derive(Clone, Debug)]
pub struct Urls {
    /// For a user who may do everything.
    pub url: String,
    /// For the user `karaoke-server`, who may do what a server has to.
    pub server: String,
    /// For the user `karaoke-worker`, who may do what a worker has to.
    pub worker: String,
}

/// RabbitMQ with STOMP on free ports.
pub struct Broker {
    supervisor: Mutex<Supervisor>,
    urls: Urls,
    pid: u32,
    dir: PathBuf,
}

impl Broker {
    /// Starts one; two to three seconds.
    pub fn start() -> Self {
        Self::started(Supervisor::spawn(Command::new("python3"), &[]))
    }

    /// Starts one on a host of its own, where the others reach it at the host's address.
    pub fn start_on(host: &Host) -> Self {
        Self::started(Supervisor::spawn(host.command("python3"), &["--host", &host.address]))
    }

    fn started(mut supervisor: Supervisor) -> Self {
        let status = supervisor.answer();
        let text = |key: &str| status[key].as_str().expect("a URL").to_owned();
        let urls = Urls { url: text("url"), server: text("server_url"), worker: text("worker_url") };
        let (pid, dir) = (supervisor.child.id(), text("dir").into());
        Self { supervisor: Mutex::new(supervisor), urls, pid, dir }
    }

    /// One for all tests of this binary, which stay apart by having a [virtual host](Self::virtual_host) each.
    /// Who wants to kill or freeze a broker starts one of its own.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Broker> = LazyLock::new(Broker::start);
        &SHARED
    }

    /// Where everybody connects.
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// Makes a virtual host (letters, digits, `-` and `_`), where nobody else's queues are.
    pub fn virtual_host(&self, name: &str) -> VirtualHost<'_> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(!name.is_empty() && name.chars().all(plain), "{name:?} is no plain name");
        self.ask(&format!("vhost {name}"));
        let of = |url: &str| format!("{url}{name}");
        let Urls { url, server, worker } = &self.urls;
        let urls = Urls { url: of(url), server: of(server), worker: of(worker) };
        VirtualHost { broker: self, name: name.to_owned(), urls }
    }

    /// Every queue of the first virtual host, exactly as it is now.
    pub fn queues(&self) -> Vec<Queue> {
        self.queues_of("/")
    }

    /// Kills it (SIGKILL): connections break, and what was not on disk is lost.
    pub fn kill(&self) {
        self.ask("kill");
    }

    /// Has it write to disk which queues there are, which it may do a moment after it has said that they are there.
    pub fn sync(&self) {
        self.ask("sync");
    }

    /// Starts it again, at the same place and with what was on disk.
    pub fn restart(&self) {
        self.ask("start");
    }

    /// Lets time stop for it (SIGSTOP): connections stay open, and nobody answers.
    pub fn freeze(&self) {
        self.ask("freeze");
    }

    /// Lets a frozen one go on.
    pub fn resume(&self) {
        self.ask("resume");
    }

    /// The end of its log.
    pub fn log(&self) -> String {
        self.ask("log").as_str().unwrap_or_default().to_owned()
    }

    /// The process that keeps it; when that ends, so does the broker.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The folder of everything it writes.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn queues_of(&self, virtual_host: &str) -> Vec<Queue> {
        let all = self.ask("queues");
        let here = all.as_array().into_iter().flatten().filter(|q| q["virtual_host"] == virtual_host);
        let number = |queue: &Value, key: &str| queue[key].as_u64().expect("a number");
        here.map(|q| Queue {
            name: q["name"].as_str().expect("a name").to_owned(),
            messages: number(q, "messages"),
            unacked: number(q, "messages_unacknowledged"),
            consumers: number(q, "consumers"),
        })
        .collect()
    }

    fn ask(&self, command: &str) -> Value {
        self.supervisor.lock().unwrap_or_else(PoisonError::into_inner).ask(command)
    }

    fn dump_log(&self) {
        eprintln!("---- log of the broker at {} ----\n{}", self.urls.url, self.log());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.dump_log();
        }
        self.supervisor.get_mut().unwrap_or_else(PoisonError::into_inner).end();
    }
}

/// A part of a broker where nobody else's queues are.
pub struct VirtualHost<'a> {
    broker: &'a Broker,
    name: String,
    /// Where its users connect.
    pub urls: Urls,
}

impl VirtualHost<'_> {
    /// Every queue in it, exactly as it is now.
    pub fn queues(&self) -> Vec<Queue> {
        self.broker.queues_of(&self.name)
    }
}

impl Drop for VirtualHost<'_> {
    fn drop(&mut self) {
        // The shared broker is never dropped, and its log is wanted now.
        if std::thread::panicking() {
            self.broker.dump_log();
        }
    }
}

/// `scripts/broker.py serve`: a command a line in, an answer a line out.
struct Supervisor {
    child: Child,
    commands: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Supervisor {
    fn spawn(mut python: Command, settings: &[&str]) -> Self {
        let mut child = python
            .arg(root().join("scripts/broker.py"))
            .arg("serve")
            .args(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        let commands = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("stdout")).lines();
        Self { child, commands, answers }
    }

    fn ask(&mut self, command: &str) -> Value {
        let commands = self.commands.as_mut().expect("the broker has not been ended");
        writeln!(commands, "{command}").expect("the broker's keeper lives");
        self.answer()
    }

    fn answer(&mut self) -> Value {
        let line = self.answers.next().expect("the broker's keeper lives").expect("a line");
        let mut answer: Value = serde_json::from_str(&line).expect("JSON");
        assert!(answer["error"].is_null(), "the broker: {}", answer["error"].as_str().unwrap_or(&line));
        answer["ok"].take()
    }

    /// Closes the pipe, and waits until everything is gone.
    fn end(&mut self) {
        self.commands = None;
        let _ = self.child.wait();
    }
}
