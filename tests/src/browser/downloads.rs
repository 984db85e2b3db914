//! What the page gives its visitor to take home, and what the visitor allows it.

use super::Browser;
use crate::wait::until_sync;
use serde_json::json;

impl Browser {
    /// Does what begins a download, and gives the file's bytes; it must have this name.
    pub fn download(&self, name: &str, begin: impl Fn()) -> Vec<u8> {
        let folder = self.folder().join("downloads");
        let parameters = json!({ "behavior": "allow", "downloadPath": folder, "eventsEnabled": true });
        self.pipe.call(None, "Browser.setDownloadBehavior", parameters).expect("downloads are allowed");
        let seen = self.ended_downloads();
        begin();
        until_sync(&format!("“{name}” is downloaded"), || (self.ended_downloads() > seen).then_some(()));
        let path = folder.join(name);
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        std::fs::remove_file(&path).expect("it can be removed, so that the next one has its name");
        bytes
    }

    fn ended_downloads(&self) -> usize {
        let events = self.pipe.events("Browser.downloadProgress");
        events.iter().filter(|event| event["state"] == "completed").count()
    }

    /// Answers the question whether a page may have something, such as `microphone`: with no.
    pub fn deny(&self, permission: &str) {
        self.answer(permission, "denied");
    }

    /// Answers the question whether a page may have something, such as `notifications`: with yes.
    pub fn allow(&self, permission: &str) {
        self.answer(permission, "granted");
    }

    fn answer(&self, permission: &str, setting: &str) {
        let parameters = json!({ "permission": { "name": permission }, "setting": setting });
        self.pipe.call(None, "Browser.setPermission", parameters).expect("a known permission");
    }
}
