//! What is kept of a visit: pictures, complaints in the console, the hosts that were asked.

use super::Browser;
use base64::Engine;
use serde_json::{Value, json};
use std::path::PathBuf;

impl Browser {
    /// Takes a picture of the window if `$KARAOKE_SCREENSHOTS` names a folder for them.
    pub fn picture(&self, name: &str) {
        if let Some(dir) = std::env::var_os("KARAOKE_SCREENSHOTS") {
            self.save(dir.into(), name).expect("a picture");
        }
    }

    fn save(&self, dir: PathBuf, name: &str) -> Result<PathBuf, String> {
        let answer = self.try_send("Page.captureScreenshot", json!({ "format": "png" }))?;
        let coded = answer["data"].as_str().unwrap_or_default();
        let bytes = base64::engine::general_purpose::STANDARD.decode(coded).map_err(|e| e.to_string())?;
        let path = dir.join(format!("{name}.png"));
        std::fs::create_dir_all(&dir)
            .and_then(|()| std::fs::write(&path, bytes))
            .map_err(|e| e.to_string())?;
        Ok(path)
    }

    /// Every error and warning that the console holds.
    pub fn complaints(&self) -> Vec<String> {
        let said = self.pipe.events("Runtime.consoleAPICalled");
        let said =
            said.iter().filter(|e| ["error", "warning", "assert"].iter().any(|kind| e["type"] == *kind));
        let logged = self.pipe.events("Log.entryAdded");
        let logged =
            logged.iter().map(|e| &e["entry"]).filter(|e| e["level"] != "verbose" && e["level"] != "info");
        // How the audio probe listens in is its own affair.
        let from_probe =
            |e: &&Value| e["text"].as_str().is_some_and(|text| text.contains("ScriptProcessorNode"));
        let logged = logged.filter(|e| !from_probe(e));
        let thrown = self.pipe.events("Runtime.exceptionThrown");
        said.chain(logged).chain(&thrown).map(Value::to_string).collect()
    }

    /// Every address that was asked for something.
    pub fn requests(&self) -> Vec<String> {
        let sent = self.pipe.events("Network.requestWillBeSent");
        sent.iter().filter_map(|e| e["request"]["url"].as_str().map(str::to_owned)).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
        let text = self.pipe.call(
            Some(&self.session),
            "Runtime.evaluate",
            json!({ "expression": "document.body.innerText", "returnByValue": true }),
        );
        eprintln!("---- picture: {:?}", self.save(pictures(), &test));
        eprintln!("---- console: {:#?}", self.complaints());
        eprintln!(
            "---- the page read:\n{}",
            text.unwrap_or_default()["result"]["value"].as_str().unwrap_or("nothing")
        );
    }
}

/// `screenshots` in the folder of what is built.
fn pictures() -> PathBuf {
    let test = std::env::current_exe().expect("this test's path");
    let target = test.ancestors().find(|dir| dir.join(".rustc_info.json").is_file());
    target.map_or_else(std::env::temp_dir, |dir| dir.join("screenshots"))
}
