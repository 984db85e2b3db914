//! The reference of the API, as a page.

use crate::page::Page;
use karaoke_tests::Settings;

/// Opens the reference, with what `hash` names unfolded.
pub fn open(page: &Page, hash: &str) {
    page.browser.open(&format!("{}/api.html{hash}", page.program.url));
    page.browser.until("'awake' in document.documentElement.dataset && document.querySelector('details')");
}

#[test]
fn every_operation_and_schema_can_be_read() {
    let page = Page::with(Settings::default().set("models.default", "identity"));
    open(&page, "#upload_track");
    let browser = &page.browser;
    assert_eq!(browser.js("document.title"), "Karaoke: API");
    let missing = browser.js(
        "(async () => {
            const api = await (await fetch('/api/v1/openapi.json')).json();
            const named = Object.values(api.paths).flatMap((item) => Object.values(item).map((one) => one.operationId));
            const schemas = Object.keys(api.components.schemas).map((name) => `schema-${name}`);
            return [...named, ...schemas].filter((id) => !document.getElementById(id));
        })()",
    );
    assert_eq!(missing, serde_json::json!([]));
    // What the address names is unfolded, and nothing else.
    assert_eq!(
        browser.js("[...document.querySelectorAll('details[open]')].map((d) => d.id)"),
        serde_json::json!(["upload_track"])
    );
    let words = browser.js("document.querySelector('details[open]').innerText");
    let words = words.as_str().expect("text");
    for said in [
        "POST",
        "/api/v1/tracks",
        "multipart/form-data",
        "deadline_s",
        "application/problem+json",
        "an API key",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
    // A link leads to its schema.
    browser.js("document.querySelector('details[open] a[href=\"#schema-Accepted\"]').click()");
    browser.until("document.getElementById('schema-Accepted').open");
    browser.picture("reference");
}

#[test]
fn a_word_finds_its_operations() {
    let page = Page::with(Settings::default().set("models.default", "identity"));
    open(&page, "");
    let browser = &page.browser;
    browser.find("searchbox", "Find").click();
    browser.js("document.execCommand('insertText', false, 'zip')");
    browser
        .until("[...document.querySelectorAll('details:not([hidden])')].some((d) => d.id === 'ask_archive')");
    assert_eq!(browser.js("document.getElementById('list_workers').hidden"), true);
    let empty = "[...document.querySelectorAll('section:not([hidden])')].filter((s) => !s.querySelector('details:not([hidden])')).length";
    assert_eq!(browser.js(empty), 0);
}
