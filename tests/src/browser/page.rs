//! The page as a whole: going there, asking it served, keys, files, its size and its light.

use super::{Browser, Node};
use crate::wait::{DEADLINE, until_sync};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// A file dialog that has not opened this long after the click is asked for again.
const DIALOG_PATIENCE: Duration = Duration::from_secs(2);

/// What the system asks pages to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Light on dark.
    Dark,
    /// Dark on light.
    Light,
}

impl Theme {
    /// As style sheets call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
        }
    }
}

impl Browser {
    /// Goes to an address and waits until the page is there.
    pub fn open(&self, url: &str) {
        let answer = self.send("Page.navigate", json!({ "url": url }));
        assert!(answer.get("errorText").is_none(), "{url}: {answer}");
        self.until("document.readyState === 'complete' && 'awake' in document.documentElement.dataset");
    }

    /// Runs a script before the scripts of every page that is opened from now on.
    pub fn before_each_page(&self, script: &str) {
        self.send("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script }));
    }

    /// Loads the page anew.
    pub fn reload(&self) {
        self.js("window.old = true");
        self.send("Page.reload", json!({}));
        self.until("!window.old && document.readyState === 'complete' && 'awake' in document.documentElement.dataset");
    }

    /// What a JavaScript expression (or the promise it gives) comes to.
    pub fn js(&self, expression: &str) -> Value {
        self.try_js(expression).unwrap_or_else(|e| panic!("{expression}: {e}"))
    }

    fn try_js(&self, expression: &str) -> Result<Value, String> {
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true });
        let mut answer = self.try_send("Runtime.evaluate", parameters)?;
        match answer.get("exceptionDetails") {
            Some(exception) => Err(exception.to_string()),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// Waits until an expression is true, whatever the page does meanwhile, and gives what it came to.
    pub fn until(&self, expression: &str) -> Value {
        let begin = Instant::now();
        let mut last = Ok(Value::Null);
        until_sync(&format!("`{expression}`"), || {
            assert!(begin.elapsed() < DEADLINE, "waited in vain for `{expression}`, last: {last:?}");
            last = self.try_js(expression);
            let value = last.clone().ok()?;
            let truth = match &value {
                Value::Null | Value::Bool(false) => false,
                Value::String(text) => !text.is_empty(),
                Value::Number(number) => number.as_f64() != Some(0.0),
                _ => true,
            };
            truth.then_some(value)
        })
    }

    /// Waits for what has this role and this name, as a screen reader tells them.
    pub fn find(&self, role: &str, name: &str) -> Node<'_> {
        until_sync(&format!("there is a {role} “{name}”"), || self.look_for(role, name))
    }

    /// What has this role and this name now.
    pub fn look_for(&self, role: &str, name: &str) -> Option<Node<'_>> {
        self.named(role, Some(name)).into_iter().next().map(|(_, node)| node)
    }

    /// All of a role, with their names.
    pub fn all(&self, role: &str) -> Vec<(String, Node<'_>)> {
        self.named(role, None)
    }

    fn named(&self, role: &str, name: Option<&str>) -> Vec<(String, Node<'_>)> {
        let root = self.send("Runtime.evaluate", json!({ "expression": "document" }));
        let mut query = json!({ "objectId": root["result"]["objectId"], "role": role });
        if let Some(name) = name {
            query["accessibleName"] = name.into();
        }
        // The page may change under the question; whoever asks asks again.
        let answer = self.try_send("Accessibility.queryAXTree", query).unwrap_or_default();
        let found = answer["nodes"].as_array().cloned().unwrap_or_default();
        let seen = found.iter().filter(|node| node["ignored"] == false);
        seen.filter_map(|node| {
            let name = node["name"]["value"].as_str().unwrap_or_default().to_owned();
            Some((name, Node::new(self, node["backendDOMNodeId"].as_u64()?)))
        })
        .collect()
    }

    /// Presses and releases a key: `Tab`, `Enter`, `Space`, `Escape`, `ArrowRight`, …
    pub fn press(&self, key: &str) {
        let (key, code, number, text) = match key {
            "Space" => (" ", "Space", 32, " "),
            "Enter" => ("Enter", "Enter", 13, "\r"),
            "Tab" => ("Tab", "Tab", 9, ""),
            "Escape" => ("Escape", "Escape", 27, ""),
            "Home" => ("Home", "Home", 36, ""),
            "/" => ("/", "Slash", 191, "/"),
            "ArrowLeft" => ("ArrowLeft", "ArrowLeft", 37, ""),
            "ArrowRight" => ("ArrowRight", "ArrowRight", 39, ""),
            "ArrowUp" => ("ArrowUp", "ArrowUp", 38, ""),
            "ArrowDown" => ("ArrowDown", "ArrowDown", 40, ""),
            "Backspace" => ("Backspace", "Backspace", 8, ""),
            "p" => ("p", "KeyP", 80, "p"),
            "r" => ("r", "KeyR", 82, "r"),
            "s" => ("s", "KeyS", 83, "s"),
            "z" => ("z", "KeyZ", 90, "z"),
            other => panic!("the harness does not know the key {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            self.send(
                "Input.dispatchKeyEvent",
                json!({ "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number, "text": text }),
            );
        }
    }

    /// The name of what has the focus.
    pub fn focused(&self) -> String {
        let found = self.send("Runtime.evaluate", json!({ "expression": "document.activeElement" }));
        let tree = self.send(
            "Accessibility.getPartialAXTree",
            json!({ "objectId": found["result"]["objectId"], "fetchRelatives": false }),
        );
        tree["nodes"][0]["name"]["value"].as_str().unwrap_or_default().to_owned()
    }

    /// Does what opens the system's file dialog, and chooses files in it.
    pub fn choose_files(&self, files: &[&Path], open: impl Fn()) {
        let opened = "Page.fileChooserOpened";
        let seen = self.pipe.events(opened).len();
        // Chromium swallows a click that comes while it is still closing the last dialog.
        let event = until_sync("the file dialog opens", || {
            open();
            self.pipe.event_after(seen, opened, DIALOG_PATIENCE)
        });
        self.send(
            "DOM.setFileInputFiles",
            json!({ "files": files, "backendNodeId": event["backendNodeId"] }),
        );
    }

    /// Drags a file over the page and lets it go there.
    pub fn drop_file(&self, file: &Path) {
        self.drop_file_at(file, &json!([200, 300]));
    }

    /// Drags a file to a place on the page and lets it go there.
    pub(super) fn drop_file_at(&self, file: &Path, place: &Value) {
        for kind in ["dragEnter", "dragOver", "drop"] {
            let data = json!({ "items": [], "files": [file], "dragOperationsMask": 1 });
            let (x, y) = (&place[0], &place[1]);
            self.send("Input.dispatchDragEvent", json!({ "type": kind, "x": x, "y": y, "data": data }));
        }
    }

    /// Types a text into what has the focus.
    pub fn type_text(&self, text: &str) {
        self.send("Input.insertText", json!({ "text": text }));
    }

    /// Makes the window this large, in CSS pixels.
    pub fn view(&self, width: u32, height: u32) {
        self.send(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 }),
        );
    }

    /// Turns the system's light on or off.
    pub fn theme(&self, theme: Theme) {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme.name() }]);
        self.send("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// The size of text that its user has set, CSS pixels; 16 unless it is set.
    pub fn text_size(&self, pixels: u32) {
        self.send("Page.setFontSizes", json!({ "fontSizes": { "standard": pixels } }));
    }

    /// The system asks pages to move as little as they can.
    pub fn still(&self) {
        let features = json!([{ "name": "prefers-reduced-motion", "value": "reduce" }]);
        self.send("Emulation.setEmulatedMedia", json!({ "features": features }));
    }
}
