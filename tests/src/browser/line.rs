//! The line between page and server: what went over it, and how fast it is.

use super::Browser;
use serde_json::{Value, json};

/// One answer that came over the line.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// What was asked for.
    pub url: String,
    /// Bytes as they came, compressed, with headers.
    pub bytes: u64,
}

/// How fast a line is.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// From a question to the first of its answer.
    pub latency_ms: u32,
    /// Kilobits a second towards the page.
    pub down_kbit: u32,
    /// Kilobits a second towards the server.
    pub up_kbit: u32,
}

impl Browser {
    /// Every answer that has come whole.
    pub fn transfers(&self) -> Vec<Transfer> {
        let asked = self.pipe.events("Network.requestWillBeSent");
        let ended = self.pipe.events("Network.loadingFinished");
        let size = |id: &Value| ended.iter().find(|e| e["requestId"] == *id)?["encodedDataLength"].as_f64();
        let transfers = asked.iter().filter_map(|e| {
            let url = e["request"]["url"].as_str()?.to_owned();
            Some(Transfer { url, bytes: size(&e["requestId"])? as u64 })
        });
        transfers.collect()
    }

    /// Makes the line as slow as this, and the processor so many times slower than it is.
    pub fn slow_down(&self, line: Line, processor: f64) {
        let bytes_a_second = |kbit: u32| f64::from(kbit) * 1000.0 / 8.0;
        let conditions = json!({
            "offline": false, "latency": line.latency_ms,
            "downloadThroughput": bytes_a_second(line.down_kbit), "uploadThroughput": bytes_a_second(line.up_kbit),
        });
        self.send("Network.emulateNetworkConditions", conditions);
        self.send("Emulation.setCPUThrottlingRate", json!({ "rate": processor }));
    }

    /// Every cookie that the browser has for the page, also those that no script sees.
    pub fn cookies(&self) -> Vec<Value> {
        let stored = self.pipe.call(None, "Storage.getCookies", json!({})).expect("cookies");
        stored["cookies"].as_array().cloned().unwrap_or_default()
    }

    /// What keeps the page from being installed as an app, in the browser's own words.
    pub fn install_errors(&self) -> Vec<String> {
        let manifest = self.send("Page.getAppManifest", json!({}));
        let wrong = manifest["errors"].as_array().cloned().unwrap_or_default();
        let wrong = wrong.iter().map(|e| e["message"].to_string());
        let found = self.send("Page.getInstallabilityErrors", json!({}));
        let missing = found["installabilityErrors"].as_array().cloned().unwrap_or_default();
        wrong.chain(missing.iter().map(|e| e.to_string())).collect()
    }
}
