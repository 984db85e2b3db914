//! The real program as a process of its own, with its own store, killed when the test ends.

use crate::api::Api;
use crate::hosts::Host;
use crate::wait::DEADLINE;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// How a program is started.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    env: BTreeMap<String, String>,
    /// A folder of models instead of the built-in ones.
    pub models: Option<PathBuf>,
    /// Descriptors that it may have.
    open_files: Option<u32>,
    /// The store lies on a disk of its own with so many megabytes.
    disk_mb: Option<u32>,
    /// It runs on a host of its own.
    host: Option<Host>,
}

impl Settings {
    /// Sets `section.key` of the configuration.
    pub fn set(mut self, key: &str, value: impl ToString) -> Self {
        let name = format!("KARAOKE__{}", key.to_uppercase().replace('.', "__"));
        self.env.insert(name, value.to_string());
        self
    }

    /// Sets a variable that is no setting.
    pub fn variable(mut self, name: &str, value: impl ToString) -> Self {
        self.env.insert(name.to_owned(), value.to_string());
        self
    }

    /// Lets the program have so many descriptors.
    pub fn open_files(mut self, count: u32) -> Self {
        self.open_files = Some(count);
        self
    }

    /// Puts the store on a disk of its own with so many megabytes.
    pub fn disk_mb(mut self, mb: u32) -> Self {
        self.disk_mb = Some(mb);
        self
    }

    /// Runs the program on a host; a server listens on that host's address.
    pub fn on(self, host: &Host) -> Self {
        let mut settings = self.set("http.host", &host.address);
        settings.host = Some(host.clone());
        settings
    }

    /// Takes models from `dir`.
    pub fn models(mut self, dir: &Path) -> Self {
        self.models = Some(dir.to_owned());
        self
    }
}

/// Whether this machine lets a process have a disk of its own (a mount namespace).
pub fn can_have_own_disk() -> bool {
    Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|s| s.success())
}

/// What a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// `karaoke up`: everything in one process.
    Up,
    /// `karaoke server`: the workers are elsewhere.
    Server,
}

/// `karaoke up` or `karaoke server` as a process.
pub struct Program {
    child: Child,
    role: Role,
    settings: Settings,
    dir: Arc<TempDir>,
    log: Arc<Mutex<String>>,
    /// The address it serves.
    pub url: String,
}

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

/// The binary, built by `make test` (or `cargo build`) into the folder this test lies in.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("this test's path");
    let dir = test.ancestors().find(|d| d.ends_with("deps")).and_then(Path::parent).expect("a target folder");
    let binary = dir.join("karaoke");
    assert!(binary.is_file(), "{} is not built: run `make test`, or `cargo build` first", binary.display());
    binary
}

/// The program with the repository's models and ONNX Runtime, whatever folder it runs in.
pub fn command(settings: &Settings) -> Command {
    let mut command = match &settings.host {
        Some(host) => host.command(binary()),
        None => Command::new(binary()),
    };
    let models = settings.models.clone().unwrap_or_else(|| root().join("models"));
    command
        .env("KARAOKE__MODELS__DIR", models)
        // What a developer has fetched must not change what is tested.
        .env("KARAOKE__MODELS__DEFAULT", "builtin")
        .env("KARAOKE__MODELS__FETCH", "[]")
        // Most tests never use the default model.
        .env("KARAOKE__WORKER__PRELOAD", "false")
        .env("ORT_DYLIB_PATH", root().join(".runtime/onnxruntime"))
        .env("RUST_LOG", "info,karaoke_server=debug,karaoke_worker=debug")
        .envs(&settings.env);
    command
}

impl Program {
    /// Starts `karaoke up` on a free port with an empty store.
    pub fn start(settings: Settings) -> Self {
        Self::start_in(Role::Up, settings, Arc::new(tempfile::tempdir().expect("a folder")), 0)
    }

    /// Starts `karaoke server` on a free port with an empty store; `broker.url` must be set.
    pub fn start_server(settings: Settings) -> Self {
        Self::start_in(Role::Server, settings, Arc::new(tempfile::tempdir().expect("a folder")), 0)
    }

    /// Starts `karaoke up` on a free port with the store that lies in `dir`, in the folder `store`.
    pub fn start_on(settings: Settings, dir: TempDir) -> Self {
        Self::start_in(Role::Up, settings, Arc::new(dir), 0)
    }

    fn start_in(role: Role, settings: Settings, dir: Arc<TempDir>, port: u16) -> Self {
        let store = dir.path().join("store");
        std::fs::create_dir_all(&store).expect("a folder");
        let mut command = command(&settings);
        if let Some(mb) = settings.disk_mb {
            // What is tested is what happens when it is full.
            command.env("KARAOKE__STORE__FREE_BYTES", "0");
            let mount = format!("mount -t tmpfs -o size={mb}m tmpfs \"$1\" && shift && exec \"$@\"");
            let mut inner = Command::new("unshare");
            inner.args(["-rm", "sh", "-c", &mount, "sh"]).arg(&store);
            command = run_by(inner, &command);
        }
        if let Some(count) = settings.open_files {
            let mut inner = Command::new("sh");
            inner.args(["-c", &format!("ulimit -n {count} && exec \"$@\""), "sh"]);
            command = run_by(inner, &command);
        }
        let mut child = command
            .env("KARAOKE__STORE__DIR", &store)
            .args([role.name(), "--port", &port.to_string()])
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take().expect("stderr");
        let sink = log.clone();
        std::thread::spawn(move || copy_lines(stderr, &sink));
        let stdout = child.stdout.take().expect("stdout");
        let url = first_url(stdout).unwrap_or_else(|| {
            let _ = child.wait();
            panic!("the program did not come up:\n{}", log.lock().expect("log"))
        });
        Self { child, role, settings, dir, log, url }
    }

    /// A client of it.
    pub fn api(&self) -> Api {
        Api::new(&self.url)
    }

    /// Where it keeps everything.
    pub fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("log").clone()
    }

    /// kill -9, and the same again with the same store, on another port.
    pub fn kill_and_restart(mut self) -> Self {
        self.kill();
        Self::start_in(self.role, self.settings.clone(), self.dir.clone(), 0)
    }

    /// kill -9. What is said to it from now on is refused.
    pub fn kill(&mut self) {
        self.child.kill().expect("kill");
        self.child.wait().expect("wait");
    }

    /// The same again after a [`Self::kill`]: same store, same port.
    pub fn restart(&mut self) {
        let port = self.url.rsplit(':').next().and_then(|p| p.parse().ok()).expect("a port");
        let again = Self::start_in(self.role, self.settings.clone(), self.dir.clone(), port);
        *self = again;
    }

    /// Waits until it has ended by itself, and starts it with other settings: same store, another port.
    pub fn outlived(mut self, settings: Settings) -> Self {
        crate::wait::until_sync("the program dies", || self.child.try_wait().expect("wait"));
        Self::start_in(self.role, settings, self.dir.clone(), 0)
    }

    /// Asks it to stop as an operator does, waits for its end, and starts it again.
    pub fn terminate_and_restart(mut self) -> (ExitStatus, Self) {
        let status = self.terminate();
        let again = Self::start_in(self.role, self.settings.clone(), self.dir.clone(), 0);
        (status, again)
    }

    /// Asks it to stop as an operator does, and waits for its end; its store stays until what is returned is dropped.
    pub fn stop(mut self) -> Arc<TempDir> {
        self.terminate();
        self.dir.clone()
    }

    fn terminate(&mut self) -> ExitStatus {
        signal(self.child.id(), "TERM");
        crate::wait::until_sync("the program ends", || self.child.try_wait().expect("wait"))
    }

    /// Every file in its store but the database, by path.
    pub fn audio_files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for sub in ["tracks", "incoming"] {
            collect(&self.store().join(sub), &mut files);
        }
        files
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- log of the program at {} ----\n{}", self.url, self.log());
        }
    }
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Server => "server",
        }
    }
}

/// A command that runs another one, with its environment.
fn run_by(mut outer: Command, inner: &Command) -> Command {
    outer.arg(inner.get_program()).args(inner.get_args());
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer
}

/// Sends a signal to a process.
pub fn signal(pid: u32, name: &str) {
    let sent =
        Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
    sent.expect("kill");
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => collect(&path, files),
            path => files.push(path),
        }
    }
}

pub(crate) fn copy_lines(from: impl std::io::Read, to: &Mutex<String>) {
    use std::io::BufRead;
    for line in std::io::BufReader::new(from).lines().map_while(Result::ok) {
        let mut log = to.lock().expect("log");
        log.push_str(&line);
        log.push('\n');
    }
}

/// Reads the line that says where it is; `None` when the program ends first or takes too long.
fn first_url(stdout: impl std::io::Read + Send + 'static) -> Option<String> {
    use std::io::BufRead;
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = std::io::BufReader::new(stdout).lines().map_while(Result::ok);
        let url = lines.find_map(|l| l.split(' ').find(|w| w.starts_with("http://")).map(str::to_owned));
        let _ = send.send(url);
        // Keep reading, so that the program never blocks on a full pipe.
        lines.for_each(drop);
    });
    receive.recv_timeout(DEADLINE).ok().flatten()
}
