//! Commands to the browser and events from it: JSON messages, each ended by a zero byte.

use crate::wait::DEADLINE;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// A browser that has not gone this long after it was told to is killed.
const FAREWELL: Duration = Duration::from_secs(5);

/// The browser's process and the two ends of its pipe.
pub(super) struct Pipe {
    child: Child,
    commands: Mutex<ChildStdin>,
    inbox: Arc<Inbox>,
    next: AtomicU64,
}

#[derive(Default)]
struct Inbox {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    answers: HashMap<u64, Value>,
    events: Vec<Value>,
    closed: bool,
}

impl Pipe {
    /// Speaks to a browser over its stdin and stdout.
    pub(super) fn new(mut child: Child) -> Self {
        let commands = Mutex::new(child.stdin.take().expect("stdin"));
        let inbox = Arc::new(Inbox::default());
        let (from, to) = (child.stdout.take().expect("stdout"), inbox.clone());
        std::thread::spawn(move || to.fill(from));
        Self { child, commands, inbox, next: AtomicU64::new(1) }
    }

    /// Sends a command and waits for its answer.
    pub(super) fn call(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Result<Value, String> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let bytes = format!("{message}\0");
        self.commands
            .lock()
            .expect("pipe")
            .write_all(bytes.as_bytes())
            .map_err(|e| format!("browser gone: {e}"))?;
        let gone = || "the browser has gone or does not answer".to_owned();
        let mut answer = self.inbox.wait(DEADLINE, |state| state.answers.remove(&id)).ok_or_else(gone)?;
        match answer.get("error") {
            Some(error) => Err(error.to_string()),
            None => Ok(answer["result"].take()),
        }
    }

    /// All events of a kind so far.
    pub(super) fn events(&self, method: &str) -> Vec<Value> {
        let state = self.inbox.state.lock().expect("inbox");
        state.events.iter().filter(|e| e["method"] == method).map(|e| e["params"].clone()).collect()
    }

    /// Waits a while for the event of a kind that comes after `seen` others of it.
    pub(super) fn event_after(&self, seen: usize, method: &str, patience: Duration) -> Option<Value> {
        let nth = |state: &mut State| {
            state.events.iter().filter(|e| e["method"] == method).nth(seen).map(|e| e["params"].clone())
        };
        self.inbox.wait(patience, nth)
    }
}

impl Inbox {
    fn fill(&self, from: impl Read) {
        for message in BufReader::new(from).split(0).map_while(Result::ok) {
            let message: Value = serde_json::from_slice(&message).expect("JSON from the browser");
            let mut state = self.state.lock().expect("inbox");
            match message["id"].as_u64() {
                Some(id) => drop(state.answers.insert(id, message)),
                None => state.events.push(message),
            }
            self.news.notify_all();
        }
        self.state.lock().expect("inbox").closed = true;
        self.news.notify_all();
    }

    fn wait<T>(&self, patience: Duration, mut look: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let mut found = None;
        let state = self.state.lock().expect("inbox");
        let open = |state: &mut State| {
            found = look(state);
            found.is_none() && !state.closed
        };
        drop(self.news.wait_timeout_while(state, patience, open));
        found
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = self.commands.lock().map(|mut c| c.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0"));
        // Its end of the pipe closes when it has gone, and with it its helpers, so that its folder can go too.
        if let Ok(state) = self.inbox.state.lock() {
            drop(self.inbox.news.wait_timeout_while(state, FAREWELL, |state| !state.closed));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
