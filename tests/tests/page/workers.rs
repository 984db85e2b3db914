//! The workers panel: who separates what, for all to see, also while a worker dies.

use crate::looks::every_view;
use crate::stage::{Stage, long_song, short_song};
use karaoke_tests::Settings;
use karaoke_tests::wait::until_sync;

/// Three workers and a fourth that dies in the middle of its first chunk after a second.
fn doomed() -> Stage {
    let settings = Settings::default()
        .set("models.default", "identity")
        .set("simulation.workers_healthy", 3)
        .set("simulation.workers_unhealthy", 1)
        .set("simulation.simulate_crash_after", 1)
        .set("simulation.fault", "kill")
        .set("simulation.window_seconds", 0.3);
    Stage::with(settings)
}

#[test]
fn a_worker_dies_and_all_see_its_part_go_back_and_be_taken() {
    let stage = doomed();
    let browser = &stage.browser;
    until_summary(&stage, "4 workers");
    hear_all(&stage);
    open_panel(&stage);
    until_panel(&stage, "Waits for a part");
    for worker in ["w1", "w2", "w3", "w4"] {
        until_panel(&stage, worker);
    }
    until_panel(&stage, "cpu");

    stage.hand_in("Long Song.wav", &long_song().wav_16());
    until_panel(&stage, "Working");
    until_panel(&stage, "w4 has crashed");
    until_panel(&stage, "Crashed");
    until_summary(&stage, "1 crashed");
    until_said(&stage, "w4 has crashed");
    until_said(&stage, "over from w4");
    until_panel(&stage, "goes back: w4 is lost");
    until_panel(&stage, "over from w4");
    until_panel(&stage, "1 lost");
    until_panel(&stage, " went to w");
    until_sync("a lamp tells of it", || {
        stage.lamps().iter().any(|name| name.contains("came back once")).then_some(())
    });
    stage.until_card("Long Song", "Ready to sing");

    browser.reload();
    until_panel(&stage, "over from w4");
    until_summary(&stage, "3 workers · 1 crashed");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    every_view(&stage, "workers");
}

#[test]
fn it_is_opened_and_closed_with_the_keyboard_and_remembers() {
    let stage = Stage::quick();
    let browser = &stage.browser;
    browser.find("button", "Workers").js("this.focus()");
    browser.press("Enter");
    until_panel(&stage, "What happened");
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
fn nothing_moves_when_it_opens_by_itself_or_goes_on() {
    let stage = Stage::quick();
    open_panel(&stage);
    stage.hand_in("My Song.wav", &short_song().wav_16());
    stage.until_card("My Song", "Ready to sing");
    stage.browser.reload();
    until_panel(&stage, "has done part");
    stage.until_card("My Song", "Ready to sing");
    let shifts = stage.browser.js("audioProbe.shifts").as_f64().expect("a sum");
    assert!(shifts < 0.01, "the page jumped: {shifts}");
}

#[test]
fn an_operator_who_hides_it_hides_all_of_it() {
    let stage = Stage::with(
        Settings::default().set("models.default", "identity").set("http.public_workers", "false"),
    );
    until_sync("it is asked for", || asked_for(&stage, "/queue").then_some(()));
    stage.hand_in("My Song.wav", &short_song().wav_16());
    stage.until_card("My Song", "Ready to sing");
    assert!(stage.browser.look_for("button", "Workers").is_none());
    assert!(stage.browser.look_for("region", "Workers").is_none());
    let asked = stage.browser.requests().iter().filter(|url| url.ends_with("/queue")).count();
    assert_eq!(asked, 1, "who is refused does not insist");
    // The browser itself notes every answer like this one.
    let complaints = stage.browser.complaints();
    assert!(complaints.iter().all(|c| c.contains("status of 401")), "{complaints:?}");
}

fn open_panel(stage: &Stage) {
    stage.browser.find("button", "Workers").click();
}

/// Waits until the open panel reads like this somewhere.
fn until_panel(stage: &Stage, words: &str) {
    until_sync(&format!("the panel reads “{words}”"), || {
        stage.browser.find("region", "Workers").text().contains(words).then_some(())
    });
}

/// Waits until its line sums it up like this.
fn until_summary(stage: &Stage, words: &str) {
    until_sync(&format!("the panel's line reads “{words}”"), || {
        let said = stage
            .browser
            .find("button", "Workers")
            .js("document.getElementById(this.getAttribute('aria-describedby')).textContent");
        said.as_str()?.contains(words).then_some(())
    });
}

/// Keeps what a screen reader is told from now on.
fn hear_all(stage: &Stage) {
    stage.browser.js("(() => {
            const status = document.querySelector('[role=status]');
            window.said = [];
            new MutationObserver(() => said.push(status.textContent)).observe(status, { childList: true });
        })()");
}

/// Waits until a screen reader has been told this.
fn until_said(stage: &Stage, words: &str) {
    stage.browser.until(&format!("said.some((sentence) => sentence.includes('{words}'))"));
}

fn asked_for(stage: &Stage, path: &str) -> bool {
    stage.browser.requests().iter().any(|url| url.ends_with(path))
}
