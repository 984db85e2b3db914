//! axe-core checks every view, in both colour schemes and at three widths.

use crate::overflow::assert_nothing_overflows;
use crate::page::{Page, long_song, short_song};
use karaoke_tests::program::root;
use karaoke_tests::{Browser, Settings, Theme};
use serde_json::Value;
use std::fmt::Write;

const WINDOWS: [(u32, u32); 3] = [(320, 640), (820, 1180), (1440, 900)];

/// The violations of each rule; waits for the end of animations, so that colours are final.
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

/// Checks the current view in all windows and colour schemes; violations are added to `findings`.
pub fn check(browser: &Browser, view: &str, findings: &mut String) {
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
                append(findings, &format!("{view}, {}, {width} px", theme.name()), rule);
            }
            // The layout is the same in both schemes.
            if theme == Theme::Dark {
                assert_nothing_overflows(browser, view, width);
            }
            browser.picture(&format!("axe-{view}-{}-{width}", theme.name()));
        }
    }
}

fn append(findings: &mut String, place: &str, rule: &Value) {
    let _ = writeln!(findings, "{place}: {}", rule["rule"].as_str().unwrap_or_default());
    for place in rule["places"].as_array().into_iter().flatten() {
        let _ = writeln!(findings, "    {}", place.as_str().unwrap_or_default());
    }
    if rule["more"] != 0 {
        let _ = writeln!(findings, "    and {} more", rule["more"]);
    }
}

pub fn assert_clean(findings: &str) {
    assert!(findings.is_empty(), "axe-core found:\n{findings}");
}

#[test]
fn axe_finds_no_violations_before_and_after_a_song() {
    let page = Page::with_browser(
        Settings::default().set("models.default", "identity"),
        Browser::start_with(&crate::recording::microphone_flags(None)),
    );
    let browser = &page.browser;
    let mut findings = String::new();
    check(browser, "empty", &mut findings);
    browser.find("button", "Workers").click();
    page.upload("My Song.wav", &short_song().wav_16());
    page.upload("broken.wav", b"this is not a song");
    page.upload("notes.txt", b"this is not a song");
    page.until_card("My Song", "Ready to sing");
    page.until_card("broken", "Did not work");
    check(browser, "ready-workers", &mut findings);
    browser.find("button", "Workers").click();
    browser.find("button", "Remove My Song").click();
    browser.find("button", "Remove for good? My Song");
    check(browser, "ready", &mut findings);
    check_recorder(&page, &mut findings);
    crate::receipt::open(&page);
    check(browser, "receipt", &mut findings);
    browser.open(&format!("{}/problems.html#no-such-track", page.program.url));
    browser.until("document.querySelector('dt:target')?.id === 'no-such-track'");
    check(browser, "problems", &mut findings);
    assert_clean(&findings);
}

#[test]
fn axe_finds_no_violations_in_the_reference_of_the_api() {
    let page = Page::with(Settings::default().set("models.default", "identity"));
    let mut findings = String::new();
    crate::reference::open(&page, "#upload_track");
    check(&page.browser, "reference", &mut findings);
    page.browser.js("for (const one of document.querySelectorAll('details')) one.open = true");
    check(&page.browser, "reference-unfolded", &mut findings);
    assert_clean(&findings);
}

/// The recorder before, during and after a recording.
fn check_recorder(page: &Page, findings: &mut String) {
    let browser = &page.browser;
    browser.find("button", "Record yourself My Song").click();
    browser.until("document.body.innerText.includes('Ready when you are')");
    check(browser, "recorder", findings);
    browser.find("button", "Record").click();
    browser.until("document.body.innerText.includes('On air')");
    check(browser, "recorder-recording", findings);
    // The song may have ended meanwhile.
    browser.look_for("button", "Stop recording").iter().for_each(karaoke_tests::Node::click);
    browser.find("button", "Download the mix");
    check(browser, "recorder-review", findings);
}

#[test]
fn axe_finds_no_violations_in_lyrics_editor_stage_view_and_library() {
    let page = crate::lyrics::song_with(Some(crate::lyrics::LRC));
    let browser = &page.browser;
    let mut findings = String::new();
    browser.find("button", "Lyrics of My Song").click();
    browser.find("button", "First line of it");
    check(browser, "lyrics", &mut findings);
    browser.find("button", "Write and time").click();
    browser.find("dialog", "Write and time the lyrics of My Song");
    check(browser, "editor", &mut findings);
    browser.find("button", "Close").click();
    browser.find("button", "Stage for My Song").click();
    browser.find("button", "Leave the stage");
    check(browser, "stage", &mut findings);
    browser.find("button", "Leave the stage").click();
    page.upload("Other Song.wav", &short_song().wav_16());
    page.until_card("Other Song", "Ready to sing");
    browser.find("button", "Keep offline (4.2 MB) My Song").click();
    browser.find("button", "Kept offline (4.2 MB) My Song");
    check(browser, "kept", &mut findings);
    browser.find("button", "Download several").click();
    browser.find("dialog", "Download several");
    check(browser, "batch", &mut findings);
    browser.press("Escape");
    browser.find("button", "Shortcuts").click();
    browser.find("dialog", "Keyboard shortcuts");
    check(browser, "shortcuts", &mut findings);
    browser.press("Escape");
    browser.until("document.activeElement.id === 'shortcuts'");
    assert_clean(&findings);
}

#[test]
fn axe_finds_no_violations_while_a_song_is_separated() {
    let page = Page::slow();
    let mut findings = String::new();
    page.upload("Long Song.wav", &long_song().wav_16());
    page.until_card("Long Song", "Taking out the singer");
    page.browser.find("button", "Play Long Song").click();
    page.browser.until("audioProbe.playing.length > 0");
    check(&page.browser, "separating", &mut findings);
    assert_clean(&findings);
    page.browser.find("button", "Stop Long Song").click();
    page.browser.find("button", "Really stop? Long Song");
}
