//! The browser's connection, its clipboard and its downloads.

use super::Browser;
use crate::wait::until_sync;
use serde_json::json;
use std::path::{Path, PathBuf};

impl Browser {
    /// Takes the network away.
    pub fn go_offline(&self) {
        self.connect(true, -1.0);
    }

    /// Gives the network back.
    pub fn go_online(&self) {
        self.connect(false, -1.0);
    }

    /// Lets so many bytes a second leave the browser.
    pub fn throttle_uploads(&self, bytes_per_s: f64) {
        self.connect(false, bytes_per_s);
    }

    fn connect(&self, offline: bool, upload: f64) {
        let conditions =
            json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": upload });
        self.send("Network.emulateNetworkConditions", conditions);
    }

    /// What was copied.
    pub fn clipboard(&self) -> String {
        let permissions = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        self.pipe.call(None, "Browser.grantPermissions", permissions).expect("permissions");
        self.js("navigator.clipboard.readText()").as_str().unwrap_or_default().to_owned()
    }

    /// Downloads go into a folder from here on; gives it.
    pub fn take_downloads(&self) -> PathBuf {
        let dir = self.folder().join("downloads");
        std::fs::create_dir_all(&dir).expect("a folder");
        let behaviour = json!({ "behavior": "allow", "downloadPath": dir, "eventsEnabled": true });
        self.pipe.call(None, "Browser.setDownloadBehavior", behaviour).expect("a folder for downloads");
        dir
    }

    /// Waits for a download of that name in the folder, until it is whole.
    pub fn downloaded(&self, dir: &Path, name: &str) -> PathBuf {
        until_sync(&format!("{name} is downloaded"), || {
            let ended = self.pipe.events("Browser.downloadProgress");
            let whole = ended.iter().any(|e| e["state"] == "completed");
            let path = dir.join(name);
            (whole && path.is_file()).then_some(path)
        })
    }

    /// How often an address that ends like this was asked with a method.
    pub fn asked(&self, method: &str, ending: &str) -> usize {
        let sent = self.pipe.events("Network.requestWillBeSent");
        let asked = sent.iter().map(|e| &e["request"]);
        asked
            .filter(|r| r["method"] == method && r["url"].as_str().is_some_and(|url| url.ends_with(ending)))
            .count()
    }
}
