//! One thing on the page: clicking it, reading it.

use super::Browser;
use serde_json::{Value, json};

/// Its middle, if it stands still and a click there would reach it; scrolls it into view first.
const REACHABLE_MIDDLE: &str = "async function () {
    this.scrollIntoView({ block: 'nearest', behavior: 'instant' });
    const before = this.getBoundingClientRect();
    await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
    const { x, y, width, height } = this.getBoundingClientRect();
    if (x !== before.x || y !== before.y) return null;
    const [at, down] = [x + width / 2, y + height / 2];
    const top = document.elementFromPoint(at, down);
    return this.contains(top) || top?.closest('label')?.contains(this) ? [at, down] : null;
}";

/// Something with a role and a name.
#[derive(Clone, Copy)]
pub struct Node<'b> {
    browser: &'b Browser,
    id: u64,
}

impl<'b> Node<'b> {
    pub(super) fn new(browser: &'b Browser, id: u64) -> Self {
        Self { browser, id }
    }

    /// Clicks it with the mouse, as soon as it is enabled and nothing lies over it.
    pub fn click(&self) {
        let middle = crate::wait::until_sync("it can be clicked", || {
            let middle = self.call(REACHABLE_MIDDLE).ok()?;
            (!middle.is_null() && self.call("function () { return !this.disabled }").ok()? == true)
                .then_some(middle)
        });
        let mouse = |kind: &str, buttons: u32| {
            let (x, y) = (&middle[0], &middle[1]);
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1 });
            self.browser.send("Input.dispatchMouseEvent", event);
        };
        mouse("mouseMoved", 0);
        mouse("mousePressed", 1);
        mouse("mouseReleased", 0);
    }

    /// Drags a file over it and lets it go there.
    pub fn drop_file(&self, file: &std::path::Path) {
        let middle = crate::wait::until_sync("it can be reached", || {
            self.call(REACHABLE_MIDDLE).ok().filter(|middle| !middle.is_null())
        });
        self.browser.drop_file_at(file, &middle);
    }

    /// What `function () { return … }` gives, with this as `this`.
    pub fn js(&self, expression: &str) -> Value {
        let function = format!("function () {{ return {expression} }}");
        self.call(&function).unwrap_or_else(|e| panic!("{expression}: {e}"))
    }

    /// Its text, as it is read.
    pub fn text(&self) -> String {
        self.js("this.innerText").as_str().unwrap_or_default().to_owned()
    }

    fn call(&self, function: &str) -> Result<Value, String> {
        let object = self.browser.try_send("DOM.resolveNode", json!({ "backendNodeId": self.id }))?;
        let parameters = json!({
            "functionDeclaration": function, "objectId": object["object"]["objectId"],
            "awaitPromise": true, "returnByValue": true,
        });
        let mut answer = self.browser.try_send("Runtime.callFunctionOn", parameters)?;
        match answer.get("exceptionDetails") {
            Some(exception) => Err(exception.to_string()),
            None => Ok(answer["result"]["value"].take()),
        }
    }
}
