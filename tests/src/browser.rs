//! A real browser, headless, used as a person uses it: by the roles and names of what is on the page.
//!
//! It speaks the DevTools protocol over a pipe (`docs/decisions/0004-browser-tests.md` says why), waits for
//! conditions instead of sleeping, and leaves a picture behind when a test fails.

mod downloads;
mod evidence;
mod line;
mod network;
mod node;
mod page;
mod pipe;

pub use line::{Line, Transfer};
pub use node::Node;
pub use page::Theme;

use pipe::Pipe;
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Quiet, no sandbox (tests may run as root in a container), no network of its own, sound without a click.
const FLAGS: [&str; 15] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-pipe",
];

/// Takes the pipe from stdin and stdout to where the browser looks for it.
const ON_PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// Runs in each page before the page's own scripts: remembers players and layout shifts for the tests.
const AUDIO_PROBE: &str = include_str!("browser/audio_probe.js");

/// A browser with one page. It ends with the test, also when the test is killed.
pub struct Browser {
    pipe: Pipe,
    session: String,
    profile: TempDir,
}

impl Browser {
    /// Starts Chromium with an empty profile.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts it with more flags.
    pub fn start_with(flags: &[String]) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let complaints = profile.path().join("stderr.log");
        let child = Command::new("sh")
            .args(["-c", ON_PIPES])
            .arg(program())
            .args(FLAGS)
            .args(flags)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&complaints).expect("a file"))
            .spawn()
            .expect("sh starts");
        let pipe = Pipe::new(child);
        let session = attach(&pipe).unwrap_or_else(|e| {
            panic!("{e}; it said:\n{}", std::fs::read_to_string(&complaints).unwrap_or_default())
        });
        let browser = Self { pipe, session, profile };
        for domain in ["Page", "Runtime", "Network", "Log", "DOM", "Accessibility"] {
            browser.send(&format!("{domain}.enable"), json!({}));
        }
        browser.send("Page.setInterceptFileChooserDialog", json!({ "enabled": true }));
        browser.send("Page.addScriptToEvaluateOnNewDocument", json!({ "source": AUDIO_PROBE }));
        browser.view(1440, 900);
        browser
    }

    /// Sends a command to the page; its failure is the test's.
    fn send(&self, method: &str, parameters: Value) -> Value {
        self.try_send(method, parameters).unwrap_or_else(|e| panic!("{method}: {e}"))
    }

    fn try_send(&self, method: &str, parameters: Value) -> Result<Value, String> {
        self.pipe.call(Some(&self.session), method, parameters)
    }

    /// The folder for files that the test hands in.
    pub fn folder(&self) -> &Path {
        self.profile.path()
    }
}

/// The session of the page that the browser opens with.
fn attach(pipe: &Pipe) -> Result<String, String> {
    let target = crate::wait::until_sync("the browser has a page", || {
        let targets = pipe.call(None, "Target.getTargets", json!({}));
        let page = |targets: Value| {
            let all = targets["targetInfos"].as_array()?;
            all.iter().find(|t| t["type"] == "page").map(|t| t["targetId"].clone())
        };
        targets.map(page).transpose()
    })?;
    let answer = pipe.call(None, "Target.attachToTarget", json!({ "targetId": target, "flatten": true }))?;
    Ok(answer["sessionId"].as_str().expect("a session").to_owned())
}

/// `$CHROMIUM`, or the first Chromium on the PATH.
fn program() -> PathBuf {
    if let Some(chosen) = std::env::var_os("CHROMIUM") {
        return chosen.into();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let mut places = std::env::split_paths(&path).flat_map(|dir| names.map(|name| dir.join(name)));
    places.find(|place| place.is_file()).expect(
        "the page is tested in Chromium, which is not installed: `make test` installs it, $CHROMIUM names another",
    )
}
