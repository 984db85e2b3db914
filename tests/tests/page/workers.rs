//! The workers panel: status of workers, the event log, and a worker that crashes.

use crate::layout::every_view;
use crate::page::{Page, long_song, short_song};
use karaoke_tests::Settings;
use karaoke_tests::wait::until_sync;

/// Three healthy workers and a fourth that crashes during its first chunk after a second.
fn page_with_crashing_worker() -> Page {
    let settings = Settings::default()
        .set("models.default", "identity")
        .set("simulation.workers_healthy", 3)
        .set("simulation.workers_unhealthy", 1)
        .set("simulation.simulate_crash_after", 1)
        .set("simulation.fault", "kill")
        .set("simulation.window_seconds", 0.3);
    Page::with(settings)
}

#[test]
fn a_crashed_workers_chunk_is_returned_and_taken_over_by_another() {
    let page = page_with_crashing_worker();
    let browser = &page.browser;
    until_summary(&page, "4 workers");
    record_announcements(&page);
    open_panel(&page);
    until_panel(&page, "Waits for a part");
    for worker in ["w1", "w2", "w3", "w4"] {
        until_panel(&page, worker);
    }
    until_panel(&page, "cpu");

    page.upload("Long Song.wav", &long_song().wav_16());
    until_panel(&page, "Working");
    until_panel(&page, "w4 has crashed");
    until_panel(&page, "Crashed");
    until_summary(&page, "1 crashed");
    until_announced(&page, "w4 has crashed");
    until_announced(&page, "over from w4");
    until_panel(&page, "goes back: w4 is lost");
    until_panel(&page, "over from w4");
    until_panel(&page, "1 lost");
    until_panel(&page, " went to w");
    until_sync("a cell of the chunk map shows it", || {
        page.chunk_cells().iter().any(|name| name.contains("came back once")).then_some(())
    });
    page.until_card("Long Song", "Ready to sing");

    browser.reload();
    until_panel(&page, "over from w4");
    until_summary(&page, "3 workers · 1 crashed");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    every_view(&page, "workers");
}

#[test]
fn the_panel_is_toggled_with_the_keyboard_and_its_state_is_stored() {
    let page = Page::quick();
    let browser = &page.browser;
    browser.find("button", "Workers").js("this.focus()");
    browser.press("Enter");
    until_panel(&page, "What happened");
    assert_eq!(browser.find("button", "Workers").js("this.ariaExpanded"), "true");
    browser.find("group", "Workers");
    browser.find("group", "What happened");
    browser.press("Space");
    browser.until("document.activeElement.ariaExpanded === 'false'");
    browser.reload();
    assert_eq!(browser.find("button", "Workers").js("this.ariaExpanded"), "false");
    assert!(browser.look_for("group", "Workers").is_none());
}

#[test]
fn an_open_panel_causes_no_layout_shift_after_a_reload() {
    let page = Page::quick();
    open_panel(&page);
    page.upload("My Song.wav", &short_song().wav_16());
    page.until_card("My Song", "Ready to sing");
    page.browser.reload();
    until_panel(&page, "has done part");
    page.until_card("My Song", "Ready to sing");
    let shifts = page.browser.js("audioProbe.shifts").as_f64().expect("a sum");
    assert!(shifts < 0.01, "the page jumped: {shifts}");
}

#[test]
fn the_panel_is_hidden_when_workers_are_not_public() {
    let page =
        Page::with(Settings::default().set("models.default", "identity").set("http.public_workers", "false"));
    until_sync("the queue is requested", || was_requested(&page, "/queue").then_some(()));
    page.upload("My Song.wav", &short_song().wav_16());
    page.until_card("My Song", "Ready to sing");
    assert!(page.browser.look_for("button", "Workers").is_none());
    assert!(page.browser.look_for("region", "Workers").is_none());
    let asked = page.browser.requests().iter().filter(|url| url.ends_with("/queue")).count();
    assert_eq!(asked, 1, "a refused request is not repeated");
    // The browser logs every such response itself.
    let complaints = page.browser.complaints();
    assert!(complaints.iter().all(|c| c.contains("status of 401")), "{complaints:?}");
}

fn open_panel(page: &Page) {
    page.browser.find("button", "Workers").click();
}

/// Waits until the open panel contains a text.
fn until_panel(page: &Page, words: &str) {
    until_sync(&format!("the panel reads “{words}”"), || {
        page.browser.find("region", "Workers").text().contains(words).then_some(())
    });
}

/// Waits until the summary line contains a text.
fn until_summary(page: &Page, words: &str) {
    until_sync(&format!("the summary reads “{words}”"), || {
        let said = page
            .browser
            .find("button", "Workers")
            .js("document.getElementById(this.getAttribute('aria-describedby')).textContent");
        said.as_str()?.contains(words).then_some(())
    });
}

/// Records the announcements to screen readers from now on.
fn record_announcements(page: &Page) {
    page.browser.js("(() => {
            const status = document.querySelector('[role=status]');
            window.said = [];
            new MutationObserver(() => said.push(status.textContent)).observe(status, { childList: true });
        })()");
}

/// Waits until a text was announced to screen readers.
fn until_announced(page: &Page, words: &str) {
    page.browser.until(&format!("said.some((sentence) => sentence.includes('{words}'))"));
}

fn was_requested(page: &Page, path: &str) -> bool {
    page.browser.requests().iter().any(|url| url.ends_with(path))
}
