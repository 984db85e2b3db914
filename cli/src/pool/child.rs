//! A process of workers, as its pool sees it: started, listened to, asked to leave, gone.

use super::name::RunName;
use super::policy::Death;
use super::{PoolSettings, Stop};
use karaoke_worker::{Fault, Identity, process};
use std::io;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

/// What a worker process says on its standard output when its workers are up.
pub const UP: &str = "up";
/// What it says when its workers have taken their leave.
pub const LEFT: &str = "left";

/// How often a process that was asked to leave is looked at: a frozen one will never hear it.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// A living worker process.
pub struct WorkerProcess {
    child: Child,
    pub pid: u32,
    born: Instant,
    said: Option<Lines<BufReader<ChildStdout>>>,
    /// Ends with the pool's process, however that dies: then the worker leaves by itself.
    _tie: Option<ChildStdin>,
}

impl WorkerProcess {
    /// Starts the process of some workers, on `cores` of the machine's cores.
    pub fn start(
        settings: &PoolSettings,
        identities: &[Identity],
        fault: Option<Fault>,
        cores: usize,
    ) -> io::Result<Self> {
        let mut command = Command::new(&settings.program);
        if let Some(file) = &settings.file {
            command.arg("--config").arg(file);
        }
        command.args(["worker-process", "--cores", &cores.to_string()]);
        for identity in identities {
            command.args(["--worker", &RunName(identity.clone()).to_string()]);
        }
        if let Some(fault) = fault {
            command.args(["--fault", &fault.to_string()]);
        }
        // A process group of its own: the terminal's Ctrl-C is for the pool alone, which passes it on.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).kill_on_drop(true);
        let mut child = command.spawn()?;
        let said = child.stdout.take().map(|out| BufReader::new(out).lines());
        Ok(Self { pid: child.id().unwrap_or(0), born: Instant::now(), said, _tie: child.stdin.take(), child })
    }

    /// Waits until it has died, passes on that it has to, and cancels `ups` when its workers are up.
    pub async fn until_death(mut self, stop: &Stop, ups: &[CancellationToken]) -> Death {
        let mut death = Death::default();
        let (mut asked, mut insisted) = (false, false);
        let status = loop {
            tokio::select! {
                line = next(&mut self.said) => self.hear(line, &mut death, ups),
                status = self.child.wait() => break status,
                () = stop.ask.cancelled(), if !asked => {
                    asked = true;
                    self.ask_to_leave();
                }
                () = stop.insist.cancelled(), if !insisted => {
                    insisted = true;
                    self.kill();
                }
                // Looked at again and again: it may be stopped long after it was asked.
                () = tokio::time::sleep(POLL_INTERVAL), if asked => {
                    if process::is_frozen(self.pid) {
                        self.kill();
                    }
                }
            }
        };
        // Its last words may still be on their way.
        while self.said.is_some() {
            let line = next(&mut self.said).await;
            self.hear(line, &mut death, ups);
        }
        death.lived = self.born.elapsed();
        match status {
            Ok(status) => death.with(status),
            Err(error) => {
                tracing::error!(pid = self.pid, %error, "cannot learn how a worker process ended");
                death
            }
        }
    }

    fn hear(&mut self, line: Option<String>, death: &mut Death, ups: &[CancellationToken]) {
        match line.as_deref() {
            Some(UP) => {
                death.was_up = true;
                ups.iter().for_each(CancellationToken::cancel);
            }
            Some(LEFT) => death.has_left = true,
            Some(_) => {}
            None => self.said = None,
        }
    }

    fn ask_to_leave(&self) {
        if let Err(error) = process::terminate(self.pid) {
            tracing::warn!(pid = self.pid, %error, "cannot ask a worker process to leave");
        }
    }

    fn kill(&mut self) {
        if let Err(error) = self.child.start_kill() {
            tracing::warn!(pid = self.pid, %error, "cannot kill a worker process");
        }
    }
}

/// The next line; `None` when there will be none. Waits for ever when that was said already.
async fn next(said: &mut Option<Lines<BufReader<ChildStdout>>>) -> Option<String> {
    match said {
        Some(lines) => lines.next_line().await.ok().flatten(),
        None => std::future::pending().await,
    }
}
