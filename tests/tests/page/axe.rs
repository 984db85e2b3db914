//! axe-core looks at every view, in either light and at three widths, and finds nothing that keeps anybody out.

use crate::stage::{Stage, long_song, short_song};
use karaoke_tests::program::root;
use karaoke_tests::{Browser, Settings, Theme};
use serde_json::Value;
use std::fmt::Write;

const WINDOWS: [(u32, u32); 3] = [(320, 640), (820, 1180), (1440, 900)];

/// What each rule found, in words that lead to the place; waits until nothing moves, so that colours are what they will be.
const LOOK: &str = "(async () => {
    await Promise.allSettled(document.getAnimations()
        .filter((a) => a.effect.getComputedTiming().endTime !== Infinity).map((a) => a.finished));
    const { violations } = await axe.run(document, { resultTypes: ['violations'] });
    return violations.map(({ id, impact, help, nodes }) => ({
        rule: `${id} (${impact}): ${help}`,
        places: nodes.slice(0, 5).map(({ target, html, any, all, none }) =>
            `${target.join(' ')}\\n      ${html.slice(0, 160)}\\n      ${[...any, ...all, ...none].map((c) => c.message).join('; ')}`),
        more: Math.max(0, nodes.length - 5),
    }));
})()";

/// What sticks out of the recorder, which is then brought into the picture.
const OUTSIDE: &str = "(() => {
    const recorder = document.querySelector('.recorder:not([hidden])');
    recorder?.scrollIntoView({ block: 'center' });
    const edge = recorder?.getBoundingClientRect().right + 0.5;
    return [...(recorder?.querySelectorAll('*') ?? [])]
        .filter((node) => node.getBoundingClientRect().right > edge).map((node) => node.outerHTML.slice(0, 120));
})()";

/// Looks at what the page shows now, everywhere; findings are added to `findings`.
fn look(browser: &Browser, view: &str, findings: &mut String) {
    if browser.js("typeof axe") != "object" {
        let path = root().join(".runtime/axe-core/axe.min.js");
        let axe = std::fs::read_to_string(&path).unwrap_or_else(|e| {
            panic!("{}: {e}; `python3 scripts/fetch_web_libraries.py --tests` brings it", path.display())
        });
        browser.js(&format!("{axe}; true"));
    }
    for theme in [Theme::Dark, Theme::Light] {
        browser.theme(theme);
        for (width, height) in WINDOWS {
            browser.view(width, height);
            let there = format!(
                "innerWidth === {width} && matchMedia('(prefers-color-scheme: {})').matches",
                theme.name()
            );
            browser.until(&there);
            let found = browser.js(LOOK);
            for rule in found.as_array().expect("a list") {
                write(findings, &format!("{view}, {}, {width} px", theme.name()), rule);
            }
            let outside = browser.js(OUTSIDE);
            assert_eq!(
                outside,
                serde_json::json!([]),
                "{view} at {width} px: this sticks out of the recorder"
            );
            browser.picture(&format!("axe-{view}-{}-{width}", theme.name()));
        }
    }
}

fn write(findings: &mut String, place: &str, rule: &Value) {
    let _ = writeln!(findings, "{place}: {}", rule["rule"].as_str().unwrap_or_default());
    for place in rule["places"].as_array().into_iter().flatten() {
        let _ = writeln!(findings, "    {}", place.as_str().unwrap_or_default());
    }
    if rule["more"] != 0 {
        let _ = writeln!(findings, "    and {} more", rule["more"]);
    }
}

fn assert_clean(findings: &str) {
    assert!(findings.is_empty(), "axe-core found:\n{findings}");
}

#[test]
fn axe_finds_nothing_before_and_after_a_song() {
    let stage = Stage::with_browser(
        Settings::default().set("models.default", "identity"),
        Browser::start_with(&crate::recording::microphone_flags(None)),
    );
    let browser = &stage.browser;
    let mut findings = String::new();
    look(browser, "empty", &mut findings);
    browser.find("button", "Workers").click();
    stage.hand_in("My Song.wav", &short_song().wav_16());
    stage.hand_in("broken.wav", b"this is not a song");
    stage.hand_in("notes.txt", b"this is not a song");
    stage.until_card("My Song", "Ready to sing");
    stage.until_card("broken", "Did not work");
    look(browser, "ready-workers", &mut findings);
    browser.find("button", "Workers").click();
    browser.find("button", "Remove My Song").click();
    browser.find("button", "Remove for good? My Song");
    look(browser, "ready", &mut findings);
    recorder(&stage, &mut findings);
    assert_clean(&findings);
}

/// The recorder: before, while and after singing.
fn recorder(stage: &Stage, findings: &mut String) {
    let browser = &stage.browser;
    browser.find("button", "Record yourself My Song").click();
    browser.until("document.body.innerText.includes('Ready when you are')");
    look(browser, "recorder", findings);
    browser.find("button", "Record").click();
    browser.until("document.body.innerText.includes('On air')");
    look(browser, "recorder-recording", findings);
    // The song may have come to its end meanwhile.
    browser.look_for("button", "Stop recording").iter().for_each(karaoke_tests::Node::click);
    browser.find("button", "Download the mix");
    look(browser, "recorder-review", findings);
}

#[test]
fn axe_finds_nothing_in_lyrics_editor_stage_and_library() {
    let stage = crate::lyrics::song_with(Some(crate::lyrics::LRC));
    let browser = &stage.browser;
    let mut findings = String::new();
    browser.find("button", "Lyrics of My Song").click();
    browser.find("button", "First line of it");
    look(browser, "lyrics", &mut findings);
    browser.find("button", "Write and time").click();
    browser.find("dialog", "Write and time the lyrics of My Song");
    look(browser, "editor", &mut findings);
    browser.find("button", "Close").click();
    browser.find("button", "Stage for My Song").click();
    browser.find("button", "Leave the stage");
    look(browser, "stage", &mut findings);
    browser.find("button", "Leave the stage").click();
    stage.hand_in("Other Song.wav", &short_song().wav_16());
    stage.until_card("Other Song", "Ready to sing");
    browser.find("button", "Keep offline (4.2 MB) My Song").click();
    browser.find("button", "Kept offline (4.2 MB) My Song");
    look(browser, "kept", &mut findings);
    browser.find("button", "Download several").click();
    browser.find("dialog", "Download several");
    look(browser, "batch", &mut findings);
    browser.press("Escape");
    browser.find("button", "Shortcuts").click();
    browser.find("dialog", "Keyboard shortcuts");
    look(browser, "shortcuts", &mut findings);
    browser.press("Escape");
    browser.until("document.activeElement.id === 'keys'");
    assert_clean(&findings);
}

#[test]
fn axe_finds_nothing_while_a_song_is_in_work() {
    let stage = Stage::slow();
    let mut findings = String::new();
    stage.hand_in("Long Song.wav", &long_song().wav_16());
    stage.until_card("Long Song", "Taking out the singer");
    stage.browser.find("button", "Play Long Song").click();
    stage.browser.until("audioProbe.playing.length > 0");
    look(&stage.browser, "in-work", &mut findings);
    assert_clean(&findings);
    stage.browser.find("button", "Stop Long Song").click();
    stage.browser.find("button", "Really stop? Long Song");
}
